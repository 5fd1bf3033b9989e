"""Payment fraud: what is learned from, how, and what comes of it. Only ``boost`` imports a training library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import yaml

from scripts.console import REFUSED, Stop
from scripts.home import PROJECT
from scripts.models.trees import Forest

MODEL = "fraud"
TABLE = "models/marts/risk/fct_payment_features.yml"
SEEDS = 5
ROUNDS = 300
GENUINE_SHARE = 0.25  # of the genuine payments, drawn anew for each seed and weighted up: there are more than enough
SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_child_samples": 50,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 2.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums of several threads need not be alike
    "verbose": -1,
}


@dataclass(frozen=True)
class Feature:
    """A column of the features' mart that the model learns from, as its YAML says."""

    name: str
    type: str
    description: str
    trend: int  # 1: more of it never lowers the score, -1: never raises it, 0: whatever the data say
    words: str


def features(project: Path | None = None) -> list[Feature]:
    """The features, in the order of the mart's YAML: columns with ``meta: {feature: …}``."""
    text = ((project or PROJECT) / TABLE).read_text()
    found = []
    for column in yaml.safe_load(text)["models"][0]["columns"]:
        meta = ((column.get("config") or {}).get("meta") or {}).get("feature")
        if meta:
            trend = {"rises": 1, "falls": -1}.get(meta.get("score"), 0)
            found.append(
                Feature(column["name"], column["data_type"], column["description"], trend, meta.get("words", ""))
            )
    return found


@dataclass(frozen=True)
class Rows:
    """Payments with their features and, where it is known, whether they were frauds."""

    names: tuple[str, ...]
    values: np.ndarray
    truth: np.ndarray
    day: np.ndarray
    account: np.ndarray

    def take(self, which: np.ndarray) -> Rows:
        """Some of the rows."""
        return Rows(self.names, self.values[which], self.truth[which], self.day[which], self.account[which])

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Scorer:
    """What the registry holds, ready to score: trees, calibration, thresholds."""

    forest: Forest
    slope: float
    offset: float
    review_from: float
    refuse_from: float

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Scorer:
        """From the artifact's files."""
        settings = json.loads(files["scoring.json"])
        texts = [files[name].decode() for name in sorted(files) if name.startswith("trees-")]
        return cls(Forest.read(texts), **settings)

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Chance of fraud, six decimals: trees need not sum alike everywhere, what is served must."""
        return np.round(_chance(self.forest.raw(rows) * self.slope + self.offset), 6)

    def band(self, score: float) -> str:
        """What is to be done about a payment with this score."""
        return "refuse" if score >= self.refuse_from else "review" if score >= self.review_from else "accept"


def check_features(wanted: Sequence[str], offered: Sequence[str]) -> None:
    """Refuse a model whose features the mart does not have."""
    if missing := [name for name in wanted if name not in offered]:
        raise Stop(f"the model needs {', '.join(missing)}, which fct_payment_features does not have", REFUSED)


def fit(rows: Rows, chosen: Sequence[Feature], seeds: int = SEEDS, rounds: int = ROUNDS) -> dict[str, bytes]:
    """Train, calibrate on the last sixth of the days, set the thresholds; returns the artifact's files."""
    if not len(rows):
        raise Stop("nothing to learn from: the training window has no payments whose label is known", REFUSED)
    if len(np.unique(rows.truth)) < 2:
        raise Stop("nothing to learn from: all payments of the training window are of one class", REFUSED)
    days = np.unique(rows.day)
    later = rows.day > days[int(len(days) * 5 / 6) - 1] if len(days) > 5 else np.zeros(len(rows), bool)
    slope, offset = 1.0, 0.0
    held_out = rows.take(later)
    scored = None
    if 10 <= held_out.truth.sum() < len(held_out) and len(np.unique(rows.truth[~later])) == 2:
        early = boost(rows.take(~later), chosen, 1, rounds)
        scored = Forest.read(early).raw(held_out.values)
        slope, offset = _platt(scored, held_out.truth)
    texts = boost(rows, chosen, seeds, rounds)
    calibrated = _chance(scored * slope + offset) if scored is not None else np.array([0.1, 0.5])
    # a desk looks at what is at least ten times as suspicious as a payment is at large; refused is what is more likely
    # than not a fraud
    review_from = round(float(min(0.5, 10 * max(rows.truth.mean(), 1e-4), np.max(calibrated))), 6)
    scoring = {"slope": slope, "offset": offset, "review_from": review_from, "refuse_from": 0.5}
    files = {f"trees-{number:02d}.txt": text.encode() for number, text in enumerate(texts)}
    return {**files, "scoring.json": json.dumps(scoring, sort_keys=True).encode()}


def boost(rows: Rows, chosen: Sequence[Feature], seeds: int, rounds: int) -> list[str]:
    """Gradient boosting with several seeds, each as LightGBM's text."""
    import lightgbm

    names = [feature.name for feature in chosen]
    check_features(names, rows.names)
    values = rows.values[:, [rows.names.index(name) for name in names]]
    settings = {**SETTINGS, "monotone_constraints": [feature.trend for feature in chosen]}
    settings["min_child_samples"] = int(min(SETTINGS["min_child_samples"], max(5, len(rows) // 200)))
    texts = []
    for seed in range(seeds):
        which = _sample(rows.truth, seed)
        weight = np.where(rows.truth[which] > 0, 1.0, 1 / _kept_share(rows.truth))
        data = lightgbm.Dataset(values[which], rows.truth[which], weight=weight, feature_name=names)
        booster = lightgbm.train({**settings, "seed": seed}, data, rounds)
        # what follows the trees says how it was made, on which machine: not part of the model
        texts.append(booster.model_to_string().split("\nend of trees")[0] + "\nend of trees\n")
    return texts


def _kept_share(truth: np.ndarray) -> float:
    # a small data set is used whole
    return GENUINE_SHARE if len(truth) > 200_000 else 1.0


def _sample(truth: np.ndarray, seed: int) -> np.ndarray:
    keep = np.random.default_rng(seed).random(len(truth)) < _kept_share(truth)
    return np.flatnonzero(keep | (truth > 0))


def _platt(raw: np.ndarray, truth: np.ndarray, steps: int = 50) -> tuple[float, float]:
    """Slope and offset of a logistic curve through the raw scores (Newton's method, lightly held to 1 and 0)."""
    weights = np.array([1.0, 0.0])
    design = np.column_stack([raw, np.ones(len(raw))])
    for _ in range(steps):
        chance = _chance(design @ weights)
        gradient = design.T @ (chance - truth) + 0.1 * (weights - [1.0, 0.0])
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + 0.1 * np.eye(2)
        weights = weights - np.clip(np.linalg.solve(curve, gradient), -1, 1)
    slope, offset = (round(float(weight), 9) for weight in weights)
    return (slope, offset) if slope > 0 else (1.0, 0.0)


def _chance(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(log_odds, -40, 40)))


class Reasons:
    """The strongest reasons for a score, in words, from exact contributions."""

    def __init__(self, scorer: Scorer, known: Sequence[Feature]) -> None:
        self.scorer, self._known = scorer, {feature.name: feature for feature in known}

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return self.scorer.forest.features

    def of(self, rows: np.ndarray, most: int = 3) -> list[list[dict[str, object]]]:
        """For each row up to ``most`` features that raised its score, strongest first."""
        found = []
        for row, parts in zip(rows, self.scorer.forest.contributions(rows), strict=True):
            order = sorted(range(len(parts)), key=lambda i: (-round(parts[i], 6), i))[:most]
            found.append([self._reason(i, row[i], parts[i]) for i in order if parts[i] > 1e-6])
        return found

    def _reason(self, position: int, value: float, part: float) -> dict[str, object]:
        name = self._names[position]
        shown = None if np.isnan(value) else round(float(value), 6)
        words = self._known[name].words if name in self._known else name
        return {
            "feature": name,
            "value": shown,
            "contribution": round(float(part), 6),
            "words": words.replace("{}", "unknown" if shown is None else f"{shown:g}"),
        }
