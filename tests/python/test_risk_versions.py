"""A version whose features are not today's is refused with the difference, and keeps no successor from serving."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from risk_world import FIRST, NIGHT, make_warehouse, ran, run

from scripts import registry, train
from scripts.console import Stop
from scripts.models.scoring import score_payments

pytest.importorskip("lightgbm", reason="needs the training libraries")
Edit = Callable[[dict[str, Any]], object]
LATER = NIGHT + timedelta(days=5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home in which a first version serves."""
    home = tmp_path_factory.mktemp("trained")
    make_warehouse(home)
    assert run(home, "train", "fraud") == 0
    return home


@pytest.fixture
def home(tmp_path, monkeypatch, trained):
    """A copy of it."""
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def another(edit: Edit, trained_to: date | None = None) -> registry.Version:
    """The version that serves, registered again with another record."""
    version = registry.load("fraud", registry.champion("fraud"))
    record = json.loads(json.dumps(version.record))
    edit(record)
    for name in ("model", "trained_to", "files"):
        del record[name]
    files = {name: version.read(name) for name in version.record["files"]}
    return registry.register("fraud", files, record, trained_to or version.trained_to)


def serving(edit: Edit) -> str:
    """Such a version, promoted past all checks."""
    version = another(edit, date(2025, 12, 1))
    registry.promote("fraud", version.name, NIGHT, "for the test", "test")
    return version.name


def gone(record: dict[str, Any]) -> None:
    record["features"].append({"name": "phase_of_the_moon", "type": "double"})


def retyped(record: dict[str, Any]) -> None:
    record["features"][0] |= {"type": "varchar"}


def added(record: dict[str, Any]) -> None:
    del record["features"][0]


def payments(home: Path) -> pa.Table:
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        return connection.execute("from intermediate.int_risk__features_as_known limit 3").to_arrow_table()


@pytest.mark.parametrize(
    ("edit", "says"),
    [(gone, "removed phase_of_the_moon"), (retyped, "retyped amount (varchar to double)"), (added, "added amount")],
)
def test_a_version_of_other_features_is_not_promoted(home, edit, says):
    before = registry.champion("fraud")
    version = another(edit)
    done = ran(home, "promote", "fraud", version.name, "--reason", "by hand", "--by", "somebody")
    assert done.returncode == 1 and says in done.stderr and "./nightshift train fraud" in done.stderr
    assert registry.champion("fraud") == before


@pytest.mark.parametrize(("edit", "says"), [(gone, "removed phase_of_the_moon"), (retyped, "retyped amount")])
def test_a_champion_that_cannot_score_says_so_and_is_replaced(home, edit, says):
    name = serving(edit)
    with pytest.raises(Stop, match=says):
        score_payments(payments(home), LATER)
    exported = ran(home, "fraud-export")
    assert exported.returncode == 1 and says in exported.stderr
    assert not (home / "exports" / "fraud_model" / "current").exists()
    due = ran(home, "due", "fraud")
    assert due.returncode == 0 and f"fraud/{name} is refused" in due.stdout and says in due.stdout
    done = ran(home, "train", "fraud")
    assert done.returncode == 0, done.stderr
    assert "the champion cannot score" in done.stdout and "serves from the next night" in done.stdout
    assert registry.champion("fraud") != name
    assert score_payments(payments(home), LATER).num_rows == 3


def test_a_champion_that_lacks_a_new_feature_scores_on_and_a_successor_is_due(home):
    serving(added)
    assert score_payments(payments(home), LATER).num_rows == 3
    due = ran(home, "due", "fraud")
    assert due.returncode == 0 and "features: risk.fct_payment_features changed" in due.stdout
    assert "added amount" in due.stdout


def test_a_damaged_champion_can_be_demoted_and_keeps_no_successor_from_serving(home):
    first = registry.champion("fraud")
    name = serving(lambda record: record.update(note="x"))
    (home / "registry" / "fraud" / name / "scoring.json").unlink()
    due = ran(home, "due", "fraud")
    assert due.returncode == 0 and "scoring.json is missing" in due.stdout
    done = ran(home, "train", "fraud")
    assert done.returncode == 0 and "the champion cannot score" in done.stdout
    assert registry.champion("fraud") == first, "the same data give the version that served before"
    registry.promote("fraud", another(lambda record: record.update(note="y")).name, NIGHT, "for the test", "test")
    (home / "registry" / "fraud" / registry.champion("fraud") / "scoring.json").unlink()
    assert run(home, "demote", "fraud", "--reason", "damaged", "--by", "somebody") == 0
    assert registry.champion("fraud") == first


def test_a_demotion_to_a_version_that_cannot_score_is_told(home):
    serving(gone)
    registry.promote("fraud", another(lambda record: record.update(note="z")).name, NIGHT, "for the test", "test")
    done = ran(home, "demote", "fraud", "--reason", "by hand", "--by", "somebody")
    assert done.returncode == 0 and "that version cannot score" in done.stderr


def test_a_damaged_version_comes_back_whole_when_it_is_trained_again(home):
    name = registry.champion("fraud")
    file = home / "registry" / "fraud" / name / "trees-00.txt"
    kept = file.read_bytes()
    file.write_bytes(kept[:-40])
    with pytest.raises(registry.Damaged):
        registry.load("fraud", name)
    assert run(home, "train", "fraud") == 0
    assert registry.load("fraud", name).read("trees-00.txt") == kept
    assert registry.versions("fraud") == [name]


def refilled(home: Path, assignment: str, where: str = "true") -> None:
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute(f"update intermediate.int_risk__features_as_known set {assignment} where {where}")


def test_windows_that_fill_are_no_drift_and_what_moved_is(home):
    """Of the first hundred days: the terminal's last genuine payment lies farther back each day until 90 are there."""
    recent = f"paid_on > date '{NIGHT}' - 28"
    filling = f"least(paid_on - date '{FIRST}', 90)"
    refilled(home, f"terminal_days_since_genuine = {filling}, account_usual_amount = {filling}, account_count_1d = 1")
    another = registry.champion("fraud")
    assert run(home, "train", "fraud", "--no-promote") == 0
    (name,) = set(registry.versions("fraud")) - {another}
    registry.promote("fraud", name, NIGHT, "for the test", "test")
    watched = registry.load("fraud", name).record["distribution"]
    assert not {"terminal_days_since_genuine", "account_usual_amount", "score"} & set(watched), (
        "no 90 days to learn from"
    )
    assert {"amount", "account_count_1d"} <= set(watched)
    calm = ran(home, "due", "fraud")
    assert calm.returncode == 1 and "not due" in calm.stdout, calm.stdout
    refilled(home, "amount = amount + 1, account_count_1d = 5", recent)
    moved = ran(home, "due", "fraud")
    assert moved.returncode == 0
    assert "drift: amount is distributed" in moved.stdout and "drift: account_count_1d is distributed" in moved.stdout
    assert moved.stdout.count("drift") == 2


def test_a_model_is_due_by_age_after_as_many_days_as_the_project_says(home):
    version = registry.load("fraud", registry.champion("fraud"))
    path = str(home / "warehouse" / "warehouse.duckdb")
    with duckdb.connect(path, read_only=True) as connection:
        for days, due in ((27, False), (28, True)):
            day = version.trained_to + timedelta(days=days + train.MATURE_DAYS + train.GATE_DAYS)
            found = train.reasons_due("fraud", day, connection)
            assert [reason for reason in found if reason.startswith("age")] == (
                ["age: 28 more days could be learned from, 28 are the limit"] if due else []
            )


def test_a_score_that_moved_makes_a_model_due_and_one_that_did_not_does_not(home):
    calm = ran(home, "due", "fraud")
    assert "the score" not in calm.stdout
    evenly = [position / 200 for position in range(201)]
    serving(lambda record: record["distribution"].update(score={"missing": 0.0, "quantiles": evenly}))
    moved = ran(home, "due", "fraud")
    assert moved.returncode == 0 and "drift: the score is distributed otherwise than when it was made" in moved.stdout


def test_a_window_without_payments_or_of_one_class_says_what_to_do(home):
    early = ran(home, "train", "fraud", "--on", "2025-11-20")
    assert early.returncode == 1 and "train again from 2025-12-29 on" in early.stderr
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute("delete from intermediate.int_risk__labels")
    silent = ran(home, "train", "fraud")
    assert silent.returncode == 1 and "are genuine" in silent.stderr and "billing.chargebacks" in silent.stderr
