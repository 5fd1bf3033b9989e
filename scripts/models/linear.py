"""Logistic regression in plain numpy: fitted by Newton's method, kept as JSON, read without any training library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RIDGE = 1.0
WIDEST = 5.0  # standard deviations: what lies further out is as far out as this


@dataclass(frozen=True)
class Linear:
    """Weights of standardised features; a missing value counts as the usual one."""

    features: tuple[str, ...]
    base: float
    centre: np.ndarray
    scale: np.ndarray
    weight: np.ndarray

    @classmethod
    def fit(cls, features: Sequence[str], values: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> Linear:
        """Learn from rows that count so many times; with no trend held, as any logistic regression."""
        known = [column[~np.isnan(column)] for column in values.T]
        centre = np.array([np.median(column) if len(column) else 0.0 for column in known])
        spread = np.where(np.isnan(values), centre, values).std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        design = np.column_stack([_standard(values, centre, scale), np.ones(len(values))])
        held = np.r_[np.full(len(features), RIDGE), 1e-6]
        weight = np.zeros(len(features) + 1)
        for _ in range(40):
            chance = 1 / (1 + np.exp(-np.clip(design @ weight, -40, 40)))
            gradient = design.T @ (counts * (chance - truth)) + held * weight
            curve = (design * (counts * chance * (1 - chance))[:, None]).T @ design + np.diag(held)
            step = np.clip(np.linalg.solve(curve, gradient), -2, 2)
            weight = weight - step
            if np.abs(step).max() < 1e-8:
                break
        weight = np.round(weight, 9)
        return cls(tuple(features), float(weight[-1]), np.round(centre, 9), np.round(scale, 9), weight[:-1])

    @classmethod
    def read(cls, data: bytes) -> Linear:
        """From the artifact's file."""
        kept = json.loads(data)
        arrays = (np.array(kept[name], dtype=float) for name in ("centre", "scale", "weight"))
        return cls(tuple(kept["features"]), kept["base"], *arrays)

    def bytes(self) -> bytes:
        """The artifact's file."""
        arrays = {name: getattr(self, name).tolist() for name in ("centre", "scale", "weight")}
        return json.dumps({"features": list(self.features), "base": self.base, **arrays}, sort_keys=True).encode()

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Log odds of rows of features, in the order of ``features``."""
        return self.contributions(rows).sum(axis=1) + self.base

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each feature adds to the log odds, exact, as the features enter one by one."""
        return _standard(rows, self.centre, self.scale) * self.weight


def _standard(values: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip((np.where(np.isnan(values), centre, values) - centre) / scale, -WIDEST, WIDEST)
