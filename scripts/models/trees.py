"""A second reader of LightGBM's text format, in numpy: scores and exact TreeSHAP contributions without LightGBM.

A night scores with this, so it needs no training library; a test holds both against LightGBM's answers. For each leaf
the conditions on its path are folded into one interval a feature; its Shapley values follow from which intervals a row
falls into and from the share of training rows (cover) that went each way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np


@dataclass(frozen=True)
class Leaf:
    """A leaf: its value and, for each feature on its path, where a row must lie and how many of the others do."""

    value: float
    feature: tuple[int, ...]
    above: tuple[float, ...]
    up_to: tuple[float, ...]
    takes_missing: tuple[bool, ...]
    cover: tuple[float, ...]

    def inside(self, columns: np.ndarray, missing: np.ndarray) -> Iterator[np.ndarray]:
        """For each feature of the path, whether a row satisfies all conditions on it (a column lies in one piece)."""
        for f, above, up_to, takes in zip(self.feature, self.above, self.up_to, self.takes_missing, strict=True):
            # a comparison with a missing value is false
            satisfied = (columns[f] > above) & (columns[f] <= up_to)
            yield satisfied | missing[f] if takes else satisfied


@dataclass(frozen=True)
class Forest:
    """Trees whose sum (or mean, for a random forest) is the score before calibration, in log odds."""

    features: tuple[str, ...]
    leaves: tuple[Leaf, ...]
    share: float = 1.0

    @classmethod
    def read(cls, texts: Sequence[str]) -> Forest:
        """One or more boosters in LightGBM's text format; of several the mean counts."""
        leaves: list[Leaf] = []
        names: tuple[str, ...] = ()
        shares = 1
        for text in texts:
            head, *trees = text.split("\nTree=")
            names = tuple(_fields(head)["feature_names"].split())
            # the trees of a random forest are averaged, those of boosting summed
            shares = len(trees) if "\naverage_output\n" in head else 1
            for tree in trees:
                leaves += _leaves(_fields(tree))
        return cls(names, tuple(leaves), 1 / max(1, len(texts) * shares))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Log odds of rows of features, in the order of ``features``."""
        total = np.zeros(len(rows))
        columns = np.ascontiguousarray(rows.T, dtype=float)
        missing = np.isnan(columns)
        for leaf in self.leaves:
            inside = np.ones(len(rows), dtype=bool)
            for satisfied in leaf.inside(columns, missing):
                inside &= satisfied
            total += leaf.value * inside
        return total * self.share

    @cached_property
    def base(self) -> float:
        """What is said of a row of which nothing is known: the mean over the training rows."""
        return self.share * sum(leaf.value * float(np.prod(leaf.cover)) for leaf in self.leaves)

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """Shapley values (rows × features) of the log odds; with ``base`` they sum to ``raw``."""
        found = np.zeros((len(rows), len(self.features)))
        columns = np.ascontiguousarray(rows.T, dtype=float)
        missing = np.isnan(columns)
        for leaf in self.leaves:
            if leaf.feature:
                _add_shapley(found, leaf, [satisfied.astype(float) for satisfied in leaf.inside(columns, missing)])
        return found * self.share


def _add_shapley(found: np.ndarray, leaf: Leaf, inside: list[np.ndarray]) -> None:
    """Shapley values of the game in which a leaf pays its value times, a feature at a time, fit or cover."""
    players = len(leaf.feature)
    weight = [factorial(k) * factorial(players - k - 1) / factorial(players) for k in range(players)]
    for i, feature in enumerate(leaf.feature):
        # by[k]: the sum over coalitions of k others of the product of what they and the absent ones contribute
        by = [np.ones(len(found))] + [np.zeros(len(found)) for _ in range(players - 1)]
        for j in range(players):
            if j == i:
                continue
            for k in range(players - 1, 0, -1):
                by[k] = by[k] * leaf.cover[j] + by[k - 1] * inside[j]
            by[0] = by[0] * leaf.cover[j]
        total = sum(w * sums for w, sums in zip(weight, by, strict=True))
        found[:, feature] += leaf.value * (inside[i] - leaf.cover[i]) * total


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _leaves(tree: dict[str, str]) -> list[Leaf]:
    values = [float(v) for v in tree["leaf_value"].split()]
    if len(values) == 1:
        return [Leaf(values[0], (), (), (), (), ())]
    features = [int(v) for v in tree["split_feature"].split()]
    thresholds = [float(v) for v in tree["threshold"].split()]
    kinds = [int(v) for v in tree["decision_type"].split()]
    left, right = ([int(v) for v in tree[name].split()] for name in ("left_child", "right_child"))
    inner_count = [int(v) for v in tree["internal_count"].split()]
    leaf_count = [int(v) for v in tree["leaf_count"].split()]
    leaves = []

    def count(node: int) -> int:
        return inner_count[node] if node >= 0 else leaf_count[~node]

    def walk(node: int, path: dict[int, tuple[float, float, bool, float]]) -> None:
        if node < 0:
            items = sorted(path.items())
            columns = list(zip(*(item for _, item in items), strict=True)) or [(), (), (), ()]
            leaves.append(Leaf(values[~node], tuple(f for f, _ in items), *(tuple(column) for column in columns)))
            return
        feature, threshold, kind = features[node], thresholds[node], kinds[node]
        if kind & 1:
            raise ValueError("a split by category cannot be read")
        missing_left, nan_is_missing = bool(kind & 2), (kind >> 2) & 3 == 2
        if not nan_is_missing:
            # LightGBM then reads a missing value as zero
            missing_left = threshold >= 0
        above, up_to, missing, cover = path.get(feature, (-np.inf, np.inf, True, 1.0))
        total = max(count(node), 1)
        lower = (above, min(up_to, threshold), missing and missing_left, cover * count(left[node]) / total)
        upper = (max(above, threshold), up_to, missing and not missing_left, cover * count(right[node]) / total)
        walk(left[node], {**path, feature: lower})
        walk(right[node], {**path, feature: upper})

    walk(0, {})
    return leaves
