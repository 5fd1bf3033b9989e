"""What the steps of the fraud model read, as a build would leave it, and the command run on it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from scripts.models import fraud

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST, DAYS, NIGHT = date(2025, 11, 1), 100, date(2026, 2, 8)


def make_warehouse(home: Path) -> None:
    """A warehouse of what the steps read, as a build would leave it: 1,200 payments, some scored, some plays due."""
    rng = np.random.default_rng(4)
    number = 1_200
    names = [feature.name for feature in fraud.features()]
    day = np.sort(rng.integers(0, DAYS, number))
    values = rng.normal(size=(number, len(names))).round(3)
    bad = rng.random(number) < np.where(values[:, 0] > 1, 0.6, 0.02)
    (home / "warehouse").mkdir(parents=True)
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute(
            "create schema intermediate; create schema risk; create schema ops;"
            "create table ops.settings (on_date date); create table ops.horizon (on_date date);"
            f"insert into ops.settings values (date '{NIGHT}'); insert into ops.horizon values (date '{NIGHT}');"
            "create table intermediate.int_risk__payments (payment_id varchar, paid_on date, arrived_on date, "
            "country varchar, paid_at timestamp, knowable_at timestamp);"
            "create table intermediate.int_risk__labels (label_id varchar, payment_id varchar, is_fraud boolean, "
            "known_at timestamp, knowable_at timestamp, known_on date);"
            "create table intermediate.int_risk__features_as_known (payment_id varchar, account_id varchar, terminal_id varchar, paid_at timestamp, paid_on date, known_on date, "  # noqa: E501
            + ", ".join(f"{name} double" for name in names)
            + ");"
            "create table risk.fct_payment_scores (payment_id varchar, model_version varchar, account_id varchar, score decimal(9,6), "  # noqa: E501
            "band varchar, reasons_json varchar, features_json varchar, decided_at timestamp, is_committed boolean);"
            "create table risk.judgements_due (play_id varchar, played_on date, verdict varchar, reason varchar, appeal_id varchar, "  # noqa: E501
            "account_id varchar, track_id varchar, evidence_json varchar);"
        )
        payments, features, labels = [], [], []
        for position in range(number):
            on = FIRST + timedelta(days=int(day[position]))
            payments.append((f"p{position}", on, on, "DE" if position % 2 else "FR", on, on))
            features.append((f"p{position}", f"a{position % 200}", "t", on, on, on, *values[position].tolist()))
            if bad[position]:
                labels.append((f"c{position}", f"p{position}", True, *[on + timedelta(days=3)] * 3))
        payments.append(("long ago", *[NIGHT - timedelta(days=240)] * 2, "DE", *[NIGHT - timedelta(days=240)] * 2))
        for table, rows in (
            ("int_risk__payments", payments),
            ("int_risk__features_as_known", features),
            ("int_risk__labels", labels),
        ):
            connection.executemany(f"insert into intermediate.{table} values ({', '.join('?' * len(rows[0]))})", rows)
        kinds = " union all ".join(
            f"select '{kind}' as kind, '{kind} 1' as id, * replace (timestamp '{NIGHT}' as paid_at) "
            "from (from intermediate.int_risk__features_as_known limit 1)"
            for kind in ("account", "terminal", "device", "card", "unseen")
        )
        connection.execute(f"create table intermediate.int_risk__feature_state as {kinds}")
        connection.execute(
            "insert into risk.fct_payment_scores select payment_id, 'v', account_id, 0.5, 'review', '[]', '{}', "
            f"timestamp '{NIGHT}', false from intermediate.int_risk__features_as_known "
            f"where paid_on > date '{NIGHT}' - 7;"
            "insert into risk.judgements_due "
            "select concat('play ', n), date '2026-02-01', 'artificial', 'just_paid', null, "
            "'a', 't', '{}' from range(20) as plays (n)"
        )


def ran(home: Path, *arguments: str, fault: str = "") -> subprocess.CompletedProcess[str]:
    """The command, with what it said."""
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_FAULT": fault}
    command = [sys.executable, "-m", "scripts.nightshift", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def run(home: Path, *arguments: str, fault: str = "") -> int:
    """The command's exit code."""
    return ran(home, *arguments, fault=fault).returncode
