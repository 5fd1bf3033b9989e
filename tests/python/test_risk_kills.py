"""train, judge, decide and fraud-export killed at every point they name; run again, it is as if they had not been."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from scripts import registry
from scripts.commitments import committed_files
from scripts.models import fraud

pytest.importorskip("lightgbm", reason="needs the training libraries")
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
            "create table intermediate.int_risk__features_as_known (payment_id varchar, account_id varchar, terminal_id varchar, paid_at timestamp, paid_on date, "  # noqa: E501
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
            features.append((f"p{position}", f"a{position % 200}", "t", on, on, *values[position].tolist()))
            if bad[position]:
                labels.append((f"c{position}", f"p{position}", True, *[on + timedelta(days=3)] * 3))
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


def run(home: Path, *arguments: str, fault: str = "") -> int:
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_FAULT": fault}
    command = [sys.executable, "-m", "scripts.nightshift", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True).returncode


def committed(home: Path, table: str, columns: str) -> list[tuple]:
    files = committed_files(table)
    return (
        duckdb.execute(f"select {columns} from read_parquet($files) order by all", {"files": files}).fetchall()
        if files
        else []
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What is there when nobody is killed."""
    home = tmp_path_factory.mktemp("whole")
    make_warehouse(home)
    for step in (("train", "fraud"), ("judge",), ("decide",), ("fraud-export",)):
        assert run(home, *step) == 0
    return home


@pytest.fixture
def home(tmp_path, monkeypatch, trained):
    """The same warehouse before anything ran."""
    (tmp_path / "warehouse").mkdir()
    shutil.copy(trained / "warehouse" / "warehouse.duckdb", tmp_path / "warehouse" / "warehouse.duckdb")
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "point",
    [
        "train:before-decision",
        *(
            pytest.param(point, marks=pytest.mark.nightly)
            for point in (
                "train:before-register",
                "registry:after-file#3",
                "registry:before-rename",
                "land:before-rename",
            )
        ),
    ],
)
def test_killed_training_leaves_no_half_model_and_ends_the_same(home, trained, point):
    assert run(home, "train", "fraud", fault=point) == -9
    assert registry.champion("fraud") is None
    for version in registry.versions("fraud"):
        registry.load("fraud", version)
    assert run(home, "train", "fraud") == 0
    serving = registry.champion("fraud")
    assert [serving] == registry.versions("fraud") == [path.name for path in (trained / "registry" / "fraud").iterdir()]
    assert not list((home / "registry" / "fraud").glob(".making*"))
    assert [made.action for made in registry.decisions("fraud")] == ["promote"]


@pytest.mark.nightly
def test_training_killed_at_any_moment_leaves_whole_models_or_none(home, trained):
    """Not at points that somebody thought of: after so many parts of the time that training takes."""
    command = [sys.executable, "-m", "scripts.nightshift", "train", "fraud"]
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home)}
    began = time.monotonic()
    assert run(trained, "train", "fraud", "--no-promote") == 0
    whole = time.monotonic() - began
    killed = 0
    for part in np.random.default_rng(int(whole * 1000)).uniform(0.1, 1.0, 8):
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            running.wait(part * whole)
        except subprocess.TimeoutExpired:
            running.kill()
            killed += running.wait() == -9
        for version in registry.versions("fraud"):
            registry.load("fraud", version)
        if serving := registry.champion("fraud"):
            version = registry.load("fraud", serving)
            fraud.Scorer.of({name: version.read(name) for name in version.record["files"]})
    assert killed >= 4
    assert run(home, "train", "fraud") == 0
    assert registry.versions("fraud") == [path.name for path in (trained / "registry" / "fraud").iterdir()]
    assert [made.action for made in registry.decisions("fraud")] == ["promote"]


@pytest.mark.parametrize(
    ("step", "table", "columns"),
    [
        ("judge", "judgements", "play_id, verdict, judged_on, reason, rule_version"),
        ("decide", "decisions", "payment_id, model_version, score, band, decided_at"),
    ],
)
@pytest.mark.parametrize("where", [pytest.param("before-commit", marks=pytest.mark.nightly), "after-commit"])
def test_killed_while_committing_nothing_is_committed_twice_or_never(
    home, trained, step, table, columns, where, monkeypatch
):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(trained))
    expected = committed(trained, table, columns)
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(home))
    assert run(home, step, fault=f"{step}:{where}") == -9
    assert len(committed(home, table, columns)) == (0 if where == "before-commit" else len(expected))
    for _ in range(2):
        assert run(home, step) == 0
    assert committed(home, table, columns) == expected and len(expected) > 5


def test_killed_export_shows_no_half_folder_and_a_second_one_changes_nothing(home, trained):
    shutil.copytree(trained / "registry", home / "registry")
    shutil.copytree(trained / "landing", home / "landing")
    for point in ("fraud-export:before-rename", "fraud-export:before-link"):
        assert run(home, "fraud-export", fault=point) == -9
        assert not (home / "exports" / "fraud_model" / "current").exists()
    for _ in range(2):
        assert run(home, "fraud-export") == 0
    folders = [path.name for path in (home / "exports" / "fraud_model").iterdir() if path.name != "current"]
    assert len(folders) == 1 and not folders[0].startswith(".")
    current = home / "exports" / "fraud_model" / "current"
    assert (current / "manifest.json").read_bytes() == (
        trained / "exports" / "fraud_model" / "current" / "manifest.json"
    ).read_bytes()


def test_the_export_has_counters_of_tonight_what_they_were_counted_from_and_defaults(trained):
    folder = trained / "exports" / "fraud_model" / "current"
    manifest = json.loads((folder / "manifest.json").read_text())
    for kind in ("account", "terminal", "device", "card"):
        assert f"{kind}s.parquet" in manifest["files"]
        rows = duckdb.execute(f"from read_parquet('{folder / kind}s.parquet')").fetchdf()
        assert list(rows[f"{kind}_id"]) == [f"{kind} 1"] and list(rows["as_of"].dt.date) == [NIGHT]
    (payments,) = duckdb.execute(f"select count(*) from read_parquet('{folder / 'payments'}.parquet')").fetchone()
    assert 1_000 < payments < 1_200, "91 days of a hundred"
    features = json.loads((folder / "features.json").read_text())
    assert all(feature["default"] is not None and feature["meaning"] for feature in features)


def test_the_exports_vectors_are_what_another_reader_of_the_artifact_says(trained):
    """LightGBM itself is the second reader; the calibration is done as features.json and the help say."""
    import lightgbm

    folder = trained / "exports" / "fraud_model" / "current"
    scoring = json.loads((folder / "scoring.json").read_text())
    vectors = json.loads((folder / "vectors.json").read_text())
    names = [feature["name"] for feature in json.loads((folder / "features.json").read_text())]
    rows = np.array([[v["features"][name] for name in names] for v in vectors], dtype=float)
    boosters = [lightgbm.Booster(model_file=str(file)) for file in sorted(folder.glob("trees-*.txt"))]
    assert boosters and len(vectors) == 50
    raw = np.mean([booster.predict(rows, raw_score=True) for booster in boosters], axis=0)
    chance = 1 / (1 + np.exp(-(scoring["slope"] * raw + scoring["offset"])))
    np.testing.assert_allclose(chance, [vector["score"] for vector in vectors], atol=1e-6)
    for vector in vectors:
        reached = [
            band
            for band, limit in (("review", scoring["review_from"]), ("refuse", scoring["refuse_from"]))
            if vector["score"] >= limit
        ]
        assert vector["band"] == (reached[-1] if reached else "accept")


def test_a_damaged_champion_scores_nothing_and_says_so(trained, home):
    shutil.copytree(trained / "registry", home / "registry")
    shutil.copytree(trained / "landing", home / "landing")
    (path,) = (home / "registry" / "fraud").iterdir()
    file = path / "scoring.json"
    file.write_text(file.read_text().replace("0.5", "0.9"))
    from scripts.models.scoring import score_payments

    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        rows = connection.execute("from intermediate.int_risk__features_as_known limit 3").to_arrow_table()
    with pytest.raises(registry.Damaged, match=r"scoring\.json was changed"):
        score_payments(rows, NIGHT + timedelta(days=5))
    assert run(home, "fraud-export") == 1


def test_an_empty_warehouse_and_a_missing_feature_are_said(home):
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute("alter table intermediate.int_risk__features_as_known drop column amount")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "train", "fraud"],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_HOME": str(home)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "needs amount, which fct_payment_features does not have" in done.stderr
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute("delete from intermediate.int_risk__features_as_known")
    assert run(home, "train", "fraud") == 1 and registry.versions("fraud") == []
