"""The registry keeps versions whole; who serves follows from what was decided; the gate lets noise pass for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from scripts import gate, registry
from scripts.models import measures

FILES = {"model.txt": b"tree\n", "calibration.json": b"{}"}
DAY = date(2026, 2, 1)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    return tmp_path


def make(trained_to: date = DAY, **more) -> registry.Version:
    return registry.register("fraud", FILES, {"seed": 1, **more}, trained_to)


def test_the_same_training_is_the_same_version(home):
    first, again, other = make(), make(), make(seed=2)
    assert first.name == again.name != other.name
    assert registry.versions("fraud") == sorted([first.name, other.name])
    assert first.read("model.txt") == b"tree\n" and first.trained_to == DAY


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: (path / "model.txt").write_text("tree, edited"), "model.txt was changed"),
        (lambda path: (path / "model.txt").unlink(), "model.txt is missing"),
        (lambda path: (path / "more.txt").write_text(""), "more.txt was not registered"),
        (lambda path: (path / "_record.json").write_text("{"), "cannot be read"),
        (lambda path: (path / "_record.json").unlink(), "cannot be read"),
        (
            lambda path: (path / "_record.json").write_text((path / "_record.json").read_text().replace("1", "2", 1)),
            "was changed",
        ),
    ],
)
def test_a_version_edited_by_hand_is_refused(home, harm, says):
    version = make()
    harm(version.path)
    with pytest.raises(registry.Damaged, match=says):
        registry.load("fraud", version.name)


@pytest.mark.parametrize("point", ["registry:after-file", "registry:after-file#2", "registry:before-rename"])
def test_killed_while_registering_leaves_no_version_and_then_registers(home, point):
    code = (
        "from datetime import date; from scripts import registry;"
        f"registry.register('fraud', {FILES!r}, {{'seed': 1}}, date(2026, 2, 1))"
    )
    root = Path(__file__).resolve().parent.parent.parent
    killed = subprocess.run([sys.executable, "-c", code], cwd=root, env={**os.environ, "NIGHTSHIFT_FAULT": point})
    assert killed.returncode == -9
    assert registry.versions("fraud") == []
    assert len(registry.sweep("fraud")) == 1
    assert registry.load("fraud", make().name).read("model.txt") == b"tree\n"


def test_the_champion_is_the_last_one_promoted_and_not_demoted(home):
    first, second = make(), make(seed=2)
    assert registry.champion("fraud") is None
    registry.promote("fraud", first.name, DAY, "the first", "gate")
    registry.promote("fraud", second.name, DAY, "better", "gate")
    registry.decide("fraud", first.name, "keep", DAY, "no better", "gate")
    assert registry.champion("fraud") == second.name
    assert registry.champion("fraud", until=DAY) is None, "a decision holds from the next day"
    assert registry.demote("fraud", DAY, "refuses too many", "somebody") == first.name
    assert [found.action for found in registry.decisions("fraud")] == ["promote", "promote", "keep", "demote"]


def test_promoting_the_champion_again_commits_nothing(home):
    version = make()
    for _ in range(2):
        registry.promote("fraud", version.name, DAY, "by hand", "somebody")
    assert len(registry.decisions("fraud")) == 1


def coin(seed: int, size: int, edge: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(edge, 1, size)


def test_the_gate_passes_what_is_better_and_stops_what_is_worse():
    base = coin(1, 500)
    better = gate.judge({"ndcg": gate.mean_of(base, base + 0.1 + coin(2, 500) / 10)}, 500, newer=False)
    assert better.passed and better.reason.startswith("better")
    worse = gate.judge({"ndcg": gate.mean_of(base, base - 0.1 + coin(2, 500) / 10)}, 500, newer=True)
    assert not worse.passed and worse.reason.startswith("worse in ndcg")


def test_what_is_as_good_passes_only_when_it_is_newer_and_worse_nowhere():
    base = coin(1, 500)
    same = gate.mean_of(base, base + coin(3, 500) / 10)
    assert gate.judge({"ndcg": same}, 500, newer=True).passed
    assert not gate.judge({"ndcg": same}, 500, newer=False).passed
    segments = {"IS": (gate.mean_of(base[:60], base[:60] - 0.5), 60), "tiny": (gate.mean_of(base[:5], base[:5] - 9), 5)}
    stopped = gate.judge({"ndcg": same}, 500, newer=True, segments=segments)
    assert not stopped.passed and "IS" in stopped.reason and "tiny" not in stopped.segments


def test_noise_is_not_taken_for_progress():
    passed = sum(
        gate.judge({"m": gate.mean_of(coin(s, 200), coin(s + 1000, 200))}, 200, newer=False).passed for s in range(40)
    )
    assert passed <= 4  # 2.5% would be expected


def test_too_little_to_compare_on_never_passes():
    few = np.ones(5)
    assert not gate.judge({"m": gate.mean_of(few, few + 1)}, 5, newer=True).passed


def test_measures_agree_with_a_plain_count():
    truth, score = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.8, 0.1, 0.1])
    pairs = [(1.0 if a > b else 0.5 if a == b else 0.0) for a in score[truth == 1] for b in score[truth == 0]]
    assert measures.auc_roc(truth, score) == pytest.approx(np.mean(pairs))
    assert measures.average_precision(truth, score) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    doubled = np.array([2.0, 1, 1, 1, 3])
    again = np.repeat(np.arange(5), doubled.astype(int))
    assert measures.average_precision(truth, score, doubled) == pytest.approx(
        measures.average_precision(truth[again], score[again])
    )
    assert np.isnan(measures.auc_roc(np.zeros(3), np.ones(3))) and np.isnan(
        measures.average_precision(np.zeros(3), np.ones(3))
    )


def test_card_precision_counts_an_account_once_and_blocks_who_was_found():
    cards = measures.Cards(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 8, 7, 9]), np.array([0, 1, 0, 1, 1]))
    score = np.array([0.9, 0.2, 0.5, 0.9, 0.8])
    assert measures.card_precision(cards, score, k=1) == pytest.approx((1 + 1) / 2)  # day 2: 7 is blocked, 9 is found


def test_a_feature_that_moved_shows_in_the_stability_index():
    before = coin(1, 5000)
    assert measures.stability_index(before, coin(2, 5000)) < 0.02
    assert measures.stability_index(before, coin(2, 5000, edge=1)) > 0.25
    assert measures.stability_index(before, np.full(100, np.nan)) > 0.25
