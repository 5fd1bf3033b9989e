"""Payment fraud: what is learned from, how, and what comes of it. Only growing trees imports a training library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from scripts.console import REFUSED, Stop
from scripts.home import PROJECT
from scripts.models import measures
from scripts.models.linear import Linear
from scripts.models.trees import Forest

MODEL = "fraud"
TABLE = "models/marts/risk/fct_payment_features.yml"
SEEDS = 5
ROUNDS = 300
TREES = 60  # of a random forest
GENUINE_SHARE = 0.25  # of the genuine payments, drawn anew for each seed and weighted up: there are more than enough
SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.04,
    "num_leaves": 12,
    "min_child_samples": 200,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 20.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums of several threads need not be alike
    "verbose": -1,
}
# With few payments the trees must be allowed more, or they learn nothing.
SMALL = 200_000
OF_SMALL = {"learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 50, "lambda_l2": 2.0}
OF_FOREST = {
    "boosting": "rf", "num_leaves": 63, "min_child_samples": 20, "feature_fraction": 0.5, "bagging_fraction": 0.6,
    "lambda_l2": 0.0,
}  # fmt: skip


@dataclass(frozen=True)
class Feature:
    """A column of the features' mart that the model learns from, as its YAML says."""

    name: str
    type: str
    description: str
    trend: int  # 1: more of it never lowers the score, -1: never raises it, 0: whatever the data say
    words: str
    full_after: int = 0  # days of history after which its windows can be full


def features(project: Path | None = None) -> list[Feature]:
    """The features, in the order of the mart's YAML: columns with ``meta: {feature: …}``."""
    text = ((project or PROJECT) / TABLE).read_text()
    found = []
    for column in yaml.safe_load(text)["models"][0]["columns"]:
        meta = ((column.get("config") or {}).get("meta") or {}).get("feature")
        if meta:
            trend = {"rises": 1, "falls": -1}.get(meta.get("score"), 0)
            told = (column["name"], column["data_type"], column["description"])
            found.append(Feature(*told, trend, meta.get("words", ""), meta.get("full_after", 0)))
    return found


@dataclass(frozen=True)
class Rows:
    """Payments with their features and, where it is known, whether they were frauds."""

    names: tuple[str, ...]
    values: np.ndarray
    truth: np.ndarray
    day: np.ndarray
    account: np.ndarray
    segment: np.ndarray | None = None  # the country, for figures told apart; never learned from

    def take(self, which: np.ndarray) -> Rows:
        """Some of the rows."""
        segment = None if self.segment is None else self.segment[which]
        return Rows(self.names, self.values[which], self.truth[which], self.day[which], self.account[which], segment)

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Scorer:
    """What the registry holds, ready to score: trees or weights, calibration, thresholds."""

    model: Forest | Linear
    slope: float
    offset: float
    review_from: float
    refuse_from: float

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Scorer:
        """From the artifact's files."""
        return cls(read_model(files), **json.loads(files["scoring.json"]))

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Chance of fraud, six decimals: trees need not sum alike everywhere, what is served must."""
        return np.round(_chance(self.model.raw(rows) * self.slope + self.offset), 6)

    def band(self, score: float) -> str:
        """What is to be done about a payment with this score."""
        return "refuse" if score >= self.refuse_from else "review" if score >= self.review_from else "accept"


def read_model(files: Mapping[str, bytes]) -> Forest | Linear:
    """The model among an artifact's files, whichever candidate it was."""
    if "linear.json" in files:
        return Linear.read(files["linear.json"])
    return Forest.read([files[name].decode() for name in sorted(files) if name.startswith("trees-")])


def check_features(wanted: Sequence[str], offered: Sequence[str]) -> None:
    """Refuse to go on without columns that the features' YAML names and the warehouse does not have."""
    if missing := [name for name in wanted if name not in offered]:
        raise Stop(
            f"the model needs {', '.join(missing)}, which fct_payment_features does not have; "
            "what is new there comes with `./nightshift build`",
            REFUSED,
        )


@dataclass(frozen=True)
class Change:
    """How the features of today's mart differ from those that a version was made of."""

    removed: tuple[str, ...]
    retyped: tuple[str, ...]
    added: tuple[str, ...]

    @classmethod
    def since(cls, record: Mapping[str, Any], today: Sequence[Feature] | None = None) -> Change:
        """From a version's record (``features``: name and type each) to today's YAML."""
        then = {feature["name"]: feature["type"] for feature in record.get("features", ())}
        now = {feature.name: feature.type for feature in (features() if today is None else today)}
        return cls(
            tuple(name for name in then if name not in now),
            tuple(f"{name} ({was} to {now[name]})" for name, was in then.items() if now.get(name, was) != was),
            tuple(name for name in now if name not in then),
        )

    @property
    def hinders(self) -> bool:
        """Whether the version cannot score any more; a feature that it never knew of does not keep it from that."""
        return bool(self.removed or self.retyped)

    def __bool__(self) -> bool:
        return bool(self.removed or self.retyped or self.added)

    def __str__(self) -> str:
        parts = (("removed", self.removed), ("retyped", self.retyped), ("added", self.added))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names)


def check_version(name: str, record: Mapping[str, Any], *, added_too: bool = False) -> None:
    """Refuse a version whose features are not those of today's mart, with the difference.

    One that lacks only what was added since can score; ``added_too`` refuses it all the same.
    """
    change = Change.since(record)
    if change.hinders or (added_too and change):
        raise Stop(
            f"{MODEL}/{name} is refused: since it was made, risk.fct_payment_features changed: {change}. "
            f"`./nightshift train {MODEL}` makes a version of today's features",
            REFUSED,
        )


def fit(rows: Rows, chosen: Sequence[Feature], seeds: int = SEEDS, rounds: int = ROUNDS) -> dict[str, bytes]:
    """Train what wins on the last sixth of the days, calibrate on them, set the thresholds; the artifact's files."""
    if not len(rows):
        raise Stop("nothing to learn from: the training window has no payments whose label is known", REFUSED)
    if len(np.unique(rows.truth)) < 2:
        raise Stop("nothing to learn from: all payments of the training window are of one class", REFUSED)
    days = np.unique(rows.day)
    later = rows.day > days[int(len(days) * 5 / 6) - 1] if len(days) > 5 else np.zeros(len(rows), bool)
    held_out = rows.take(later)
    slope, offset, found = 1.0, 0.0, {}
    calibrated, winner = np.array([0.1, 0.5]), next(iter(CANDIDATES))
    if 10 <= held_out.truth.sum() < len(held_out) and len(np.unique(rows.truth[~later])) == 2:
        early = rows.take(~later)
        scored = {
            name: read_model(make(early, chosen, 1, rounds)).raw(held_out.values[:, _positions(rows, chosen)])
            for name, make in CANDIDATES.items()
        }
        found = {name: round(measures.average_precision(held_out.truth, raw), 6) for name, raw in scored.items()}
        winner = max(found, key=lambda name: found[name])
        slope, offset = _platt(scored[winner], held_out.truth)
        calibrated = _chance(scored[winner] * slope + offset)
    # a desk looks at what is at least ten times as suspicious as a payment is at large; refused is what is more likely
    # than not a fraud
    review_from = round(float(min(0.5, 10 * max(rows.truth.mean(), 1e-4), np.max(calibrated))), 6)
    scoring = {"slope": slope, "offset": offset, "review_from": review_from, "refuse_from": 0.5}
    return {
        **CANDIDATES[winner](rows, chosen, seeds, rounds),
        "scoring.json": json.dumps(scoring, sort_keys=True).encode(),
        "candidates.json": json.dumps({"winner": winner, "average_precision": found}, sort_keys=True).encode(),
    }


def boost(rows: Rows, chosen: Sequence[Feature], seeds: int, rounds: int) -> dict[str, bytes]:
    """Gradient boosting with several seeds, each as LightGBM's text."""
    settings = SETTINGS if len(rows) > SMALL else {**SETTINGS, **OF_SMALL}
    return _grow(rows, chosen, seeds, rounds, settings)


def forest(rows: Rows, chosen: Sequence[Feature], seeds: int, rounds: int) -> dict[str, bytes]:
    """A random forest, in the same format."""
    return _grow(rows, chosen, seeds, min(rounds, TREES), {**SETTINGS, **OF_FOREST})


def linear(rows: Rows, chosen: Sequence[Feature], seeds: int, rounds: int) -> dict[str, bytes]:
    """Logistic regression; it needs neither seeds nor rounds."""
    which, counts = _drawn(rows.truth, 0)
    values = rows.values[which][:, _positions(rows, chosen)]
    return {"linear.json": Linear.fit([f.name for f in chosen], values, rows.truth[which], counts).bytes()}


# The first is trained when there is too little to compare on.
CANDIDATES: dict[str, Callable[[Rows, Sequence[Feature], int, int], dict[str, bytes]]] = {
    "gradient_boosting": boost,
    "random_forest": forest,
    "logistic_regression": linear,
}


def _grow(
    rows: Rows, chosen: Sequence[Feature], seeds: int, rounds: int, settings: Mapping[str, object]
) -> dict[str, bytes]:
    import lightgbm

    values = rows.values[:, _positions(rows, chosen)]
    fewest = int(min(settings["min_child_samples"], max(5, len(rows) // 200)))
    own = {
        **settings, "monotone_constraints": [feature.trend for feature in chosen], "min_child_samples": fewest
    }  # fmt: skip
    files = {}
    for seed in range(seeds):
        which, counts = _drawn(rows.truth, seed)
        names = [feature.name for feature in chosen]
        data = lightgbm.Dataset(values[which], rows.truth[which], weight=counts, feature_name=names)
        booster = lightgbm.train({**own, "seed": seed}, data, rounds)
        # what follows the trees says how it was made, on which machine: not part of the model
        text = booster.model_to_string().split("\nend of trees")[0] + "\nend of trees\n"
        files[f"trees-{seed:02d}.txt"] = text.encode()
    return files


def _positions(rows: Rows, chosen: Sequence[Feature]) -> list[int]:
    names = [feature.name for feature in chosen]
    check_features(names, rows.names)
    return [rows.names.index(name) for name in names]


def _drawn(truth: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are learned from and how often each counts; a small data set is used whole."""
    share = GENUINE_SHARE if len(truth) > SMALL else 1.0
    which = np.flatnonzero((np.random.default_rng(seed).random(len(truth)) < share) | (truth > 0))
    return which, np.where(truth[which] > 0, 1.0, 1 / share)


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
        return self.scorer.model.features

    def of(self, rows: np.ndarray, most: int = 3) -> list[list[dict[str, object]]]:
        """For each row up to ``most`` features that raised its score, strongest first."""
        found = []
        for row, parts in zip(rows, self.scorer.model.contributions(rows), strict=True):
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
