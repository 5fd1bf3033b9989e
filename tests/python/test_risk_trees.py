"""The night's own reader of LightGBM's format says what LightGBM says: scores and exact contributions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.console import Stop
from scripts.models import fraud
from scripts.models.linear import Linear
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
    parts = scorer.model.contributions(rows.values[:1])[0]
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
        window = re.search(r"_(\d+)d$", feature.name)
        assert feature.full_after >= (int(window[1]) if window else 0), "a window of 30 days is not full before"
    assert not {"account_id", "terminal_id", "payment_id"} & {feature.name for feature in fraud.features()}


def test_a_night_loads_no_training_library():
    code = (
        "import sys, json; import scripts.models.scoring, scripts.decide, scripts.judge, scripts.night;"
        "print(json.dumps([m for m in ('lightgbm', 'sklearn', 'scipy', 'xgboost') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_random_forest_is_read_as_lightgbm_reads_it():
    values, truth = sample()
    settings = {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "verbose": -1,
                "num_threads": 1}  # fmt: skip
    booster = lightgbm.train(settings, lightgbm.Dataset(values, truth, feature_name=[f"f{i}" for i in range(5)]), 12)
    forest = Forest.read([booster.model_to_string()])
    fresh, _ = sample(200, seed=9)
    # LightGBM's raw score is the sum even where its score is the mean
    np.testing.assert_allclose(forest.raw(fresh), booster.predict(fresh, raw_score=True) / 12, atol=1e-9)
    np.testing.assert_allclose(forest.contributions(fresh).sum(axis=1) + forest.base, forest.raw(fresh), atol=1e-9)


def test_logistic_regression_finds_the_weights_that_made_the_data():
    rng = np.random.default_rng(2)
    values = rng.normal([3, -1, 0], [2, 0.5, 1], size=(40_000, 3))
    truth = rng.random(len(values)) < 1 / (1 + np.exp(-(0.4 * values[:, 0] - 2 * values[:, 1] - 3)))
    found = Linear.fit(["a", "b", "c"], values, truth.astype(int), np.ones(len(values)))
    np.testing.assert_allclose(found.weight / found.scale, [0.4, -2, 0], atol=0.06)
    assert (Linear.read(found.bytes()).raw(values[:9]) == found.raw(values[:9])).all()
    unknown = np.full((1, 3), np.nan)
    assert found.raw(unknown) == pytest.approx(found.base), "what is not known is as usual"


def test_what_wins_is_trained_and_the_others_are_told():
    rows, chosen = learned(4000)
    files = fraud.fit(rows, chosen, 1, 40)
    told = json.loads(files["candidates.json"])
    assert set(told["average_precision"]) == set(fraud.CANDIDATES)
    assert told["winner"] == max(told["average_precision"], key=lambda name: told["average_precision"][name])
    # what decides is a product of two features: no straight line finds it
    assert told["winner"] != "logistic_regression" and "linear.json" not in files
    straight = fraud.Rows(
        rows.names, rows.values, (np.nan_to_num(rows.values[:, 0]) > 1.5).astype(int), rows.day, rows.account
    )
    scorer = fraud.Scorer.of({**fraud.linear(straight, chosen, 1, 1), "scoring.json": files["scoring.json"]})
    (reasons,) = fraud.Reasons(scorer, chosen).of(np.array([[2.5, 0, 0, 0, 0]]), most=1)
    assert reasons[0]["words"] == "f0 is 2.5"
