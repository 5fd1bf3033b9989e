"""The night's own reader of LightGBM's format says what LightGBM says: scores and exact contributions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.console import Stop
from scripts.models import fraud
from scripts.models.trees import Forest

lightgbm = pytest.importorskip("lightgbm", reason="needs the training libraries (requirements-test.lock)")
ROOT = Path(__file__).resolve().parent.parent.parent


def sample(rows: int = 600, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 5))
    values[:, 2] = np.round(values[:, 2])
    values[rng.random(values.shape) < 0.15] = np.nan
    values[:, 4] = np.nan_to_num(values[:, 4])  # never missing in training
    chance = 1 / (1 + np.exp(-(2 * np.nan_to_num(values[:, 0]) * np.nan_to_num(values[:, 1], nan=1) - 1)))
    return values, (rng.random(rows) < chance).astype(int)


@pytest.mark.parametrize("leaves", [2, 7, 31])
def test_scores_and_contributions_are_those_of_lightgbm(leaves):
    values, truth = sample()
    names = [f"f{i}" for i in range(5)]
    data = lightgbm.Dataset(values, truth, feature_name=names)
    booster = lightgbm.train(
        {"objective": "binary", "num_leaves": leaves, "min_child_samples": 5, "verbose": -1, "num_threads": 1}, data, 25
    )
    forest = Forest.read([booster.model_to_string()])
    fresh, _ = sample(200, seed=9)
    assert forest.features == tuple(names)
    np.testing.assert_allclose(forest.raw(fresh), booster.predict(fresh, raw_score=True), atol=1e-9)
    expected = booster.predict(fresh, pred_contrib=True)
    np.testing.assert_allclose(forest.contributions(fresh), expected[:, :-1], atol=1e-6)
    assert forest.base == pytest.approx(expected[0, -1], abs=1e-6)
    np.testing.assert_allclose(forest.contributions(fresh).sum(axis=1) + forest.base, forest.raw(fresh), atol=1e-9)


def learned(rows: int = 600, seed: int = 3) -> tuple[fraud.Rows, list[fraud.Feature]]:
    values, truth = sample(rows, seed)
    chosen = [fraud.Feature(f"f{i}", "double", f"Feature {i}.", 1 if i == 4 else 0, f"f{i} is {{}}") for i in range(5)]
    day = np.sort(np.random.default_rng(seed).integers(0, 60, rows))
    return fraud.Rows(tuple(f.name for f in chosen), values, truth, day, np.arange(rows)), chosen


def test_the_same_data_give_the_same_bytes():
    rows, chosen = learned()
    assert fraud.fit(rows, chosen, 2, 20) == fraud.fit(rows, chosen, 2, 20)


def test_a_feature_that_may_only_raise_the_score_only_raises_it():
    rows, chosen = learned()
    scorer = fraud.Scorer.of(fraud.fit(rows, chosen, 2, 40))
    lower = rows.values.copy()
    higher = lower.copy()
    higher[:, 4] += 1
    assert (scorer.score(higher) >= scorer.score(lower)).all()


def test_reasons_are_the_strongest_contributions_in_words():
    rows, chosen = learned()
    scorer = fraud.Scorer.of(fraud.fit(rows, chosen, 1, 20))
    parts = scorer.forest.contributions(rows.values[:1])[0]
    (found,) = fraud.Reasons(scorer, chosen).of(rows.values[:1])
    assert [r["contribution"] for r in found] == sorted((round(float(p), 6) for p in parts if p > 1e-6), reverse=True)[
        :3
    ]
    for reason in found:
        shown = "unknown" if reason["value"] is None else f"{reason['value']:g}"
        assert reason["words"] == f"{reason['feature']} is {shown}"


def test_scores_are_chances_and_calibrated():
    rows, chosen = learned(4000)
    scorer = fraud.Scorer.of(fraud.fit(rows, chosen, 1, 40))
    fresh, _ = learned(4000, seed=8)
    assert scorer.score(fresh.values).mean() == pytest.approx(fresh.truth.mean(), abs=0.04)


@pytest.mark.parametrize(("which", "says"), [(slice(0, 0), "no payments"), ("genuine", "one class")])
def test_nothing_to_learn_from_is_said(which, says):
    rows, chosen = learned()
    with pytest.raises(Stop, match=says):
        fraud.fit(
            rows.take(np.flatnonzero(rows.truth == 0) if which == "genuine" else np.arange(len(rows))[which]), chosen
        )


def test_a_model_that_needs_a_feature_the_mart_lacks_is_refused():
    with pytest.raises(Stop, match="device_age"):
        fraud.check_features(["amount", "device_age"], ["amount"])


def test_every_feature_says_what_it_is_and_how_a_reason_reads():
    for feature in fraud.features():
        assert feature.description.endswith(".") and feature.words and feature.type in ("double", "integer")
    assert not {"account_id", "terminal_id", "payment_id"} & {feature.name for feature in fraud.features()}


def test_a_night_loads_no_training_library():
    code = (
        "import sys, json; import scripts.models.scoring, scripts.decide, scripts.judge, scripts.night, scripts.train;"
        "print(json.dumps([m for m in ('lightgbm', 'sklearn', 'scipy', 'xgboost') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
