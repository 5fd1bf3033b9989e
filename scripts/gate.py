"""The gate: whether a challenger may take the champion's place, judged on a later window that neither has seen.

Both are measured on the same resampled units (listeners, accounts), many times: a paired bootstrap. The challenger
passes if it is better by more than that noise, or if it is as good, newer, and worse in no segment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from scripts.home import variable

# What a model reaches when each unit counts as often as its weight says: (champion, challenger).
Measure = Callable[[np.ndarray], tuple[float, float]]

FEWEST_UNITS = 30


@dataclass(frozen=True)
class Difference:
    """Challenger minus champion in one metric, with the bootstrap's interval."""

    champion: float
    challenger: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` when the interval leaves out zero, otherwise ``equal``."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "equal"


@dataclass(frozen=True)
class Verdict:
    """What the gate says, in words and figures."""

    passed: bool
    reason: str
    metrics: Mapping[str, Difference]
    segments: Mapping[str, Difference] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """For the commitment: plain numbers."""
        return {"passed": self.passed, "metrics": _plain(self.metrics), "segments": _plain(self.segments)}


def too_old(days: int) -> list[str]:
    """Why a model is due that could learn from so many more days by now; empty if it is not."""
    most = variable("retrain_after_days")
    return [f"age: {days} more days could be learned from, {most} are the limit"] if days >= most else []


def compare(measure: Measure, units: int, rounds: int = 400, level: float = 0.95, seed: int = 20) -> Difference:
    """Measure both on all units, then on resampled ones; the same units for both in every round."""
    champion, challenger = measure(np.ones(units))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(rounds):
        weight = np.bincount(rng.integers(0, units, units), minlength=units).astype(float)
        first, second = measure(weight)
        if np.isfinite(first) and np.isfinite(second):
            drawn.append(second - first)
    if not drawn:
        return Difference(champion, challenger, float("-inf"), float("inf"))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Difference(champion, challenger, float(low), float(high))


def judge(
    metrics: Mapping[str, Measure],
    units: int,
    *,
    newer: bool,
    segments: Mapping[str, tuple[Measure, int]] | None = None,
) -> Verdict:
    """Compare in all metrics (the first one leads) and all segments that have enough units (measure, units)."""
    if units < FEWEST_UNITS:
        return Verdict(False, f"only {units} units to compare on, {FEWEST_UNITS} are needed", {})
    found = {name: compare(measure, units) for name, measure in metrics.items()}
    parts = {name: compare(measure, size) for name, (measure, size) in (segments or {}).items() if size >= FEWEST_UNITS}
    leading = next(iter(found))
    worse = [name for name, difference in {**found, **parts}.items() if difference.verdict == "worse"]
    first = found[leading]
    change = f"{leading} {first.champion:.4f} to {first.challenger:.4f} ({first.low:+.4f} … {first.high:+.4f})"
    if worse:
        return Verdict(False, f"worse in {', '.join(worse)}: {change}", found, parts)
    if first.verdict == "better":
        return Verdict(True, f"better: {change}", found, parts)
    if newer:
        return Verdict(True, f"as good, newer and worse in no segment: {change}", found, parts)
    return Verdict(False, f"no better and no newer: {change}", found, parts)


def mean_of(champion: np.ndarray, challenger: np.ndarray) -> Measure:
    """A measure that is a mean over units, such as NDCG over listeners."""

    def measure(weight: np.ndarray) -> tuple[float, float]:
        total = weight.sum()
        return float(weight @ champion / total), float(weight @ challenger / total)

    return measure


def _plain(found: Mapping[str, Difference]) -> dict[str, dict[str, float | None]]:
    return {
        name: {key: round(value, 6) if np.isfinite(value) else None for key, value in asdict(difference).items()}
        for name, difference in found.items()
    }
