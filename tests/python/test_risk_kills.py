"""train, judge, decide and fraud-export killed at every point they name; run again, it is as if they had not been."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from risk_world import NIGHT, ROOT, make_warehouse, ran, run

from scripts import registry
from scripts.commitments import committed_files
from scripts.models import fraud

pytest.importorskip("lightgbm", reason="needs the training libraries")


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
    assert payments == 1_200, "and not the one of 240 days ago"
    assert manifest["rows"]["payments.parquet"] == payments and manifest["rows"]["vectors.json"] == 50
    assert manifest["rows"]["cards.parquet"] == 1
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
    done = ran(home, "train", "fraud")
    assert done.returncode == 1 and "needs amount, which fct_payment_features does not have" in done.stderr
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb")) as connection:
        connection.execute("delete from intermediate.int_risk__features_as_known")
    assert run(home, "train", "fraud") == 1 and registry.versions("fraud") == []
