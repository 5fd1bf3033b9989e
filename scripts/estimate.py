"""How long a build will take, from the builds before: seconds of each model by the number of its periods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scripts.console import count, duration
from scripts.files import read_json, replace_json
from scripts.home import folder

SEEN = "seconds.json"
# Builds of a model that are remembered: one whole rebuild is kept in sight while nights of a day or two go by.
REMEMBERED = 30


@dataclass(frozen=True)
class Estimate:
    """Seconds of all models one after the other; ``unknown``: models never built before, which are not in it."""

    seconds: float
    unknown: list[str]

    def in_words(self) -> str:
        """For a person."""
        if self.unknown and not self.seconds:
            return "how long it takes is not known: none of these models was built here before"
        more = f", and {count(len(self.unknown), 'model')} never built here before" if self.unknown else ""
        return f"models took {duration(self.seconds)} for as much in builds before{more}"


def learn(rebuilt: Iterable[Mapping[str, Any]]) -> None:
    """Remember what a build took: its report's entries, each with ``model``, ``days`` and ``seconds``."""
    seen = read_json(folder("warehouse") / SEEN) or {}
    for entry in rebuilt:
        of_model = seen.setdefault(entry["model"], [])
        of_model.append([len(entry["days"]), entry["seconds"]])
        if len(of_model) > REMEMBERED:
            # the largest stays, or nothing would be known of a whole rebuild after a month of nights
            largest = max(range(REMEMBERED), key=lambda i: of_model[i][0])
            of_model.pop(1 if largest == 0 else 0)
    replace_json(folder("warehouse") / SEEN, seen)


def estimate(periods: Mapping[str, int]) -> Estimate:
    """What building so many periods of these models takes (0: a table without days)."""
    seen = read_json(folder("warehouse") / SEEN) or {}
    known = [name for name in periods if seen.get(name)]
    seconds = sum(_predicted(seen[name], periods[name]) for name in known)
    return Estimate(round(seconds, 1), sorted(set(periods) - set(known)))


def _predicted(seen: list[list[float]], periods: int) -> float:
    """A line through what was seen, by least squares; level where one number of periods is all that was seen."""
    mean_periods, mean_seconds = fmean(n for n, _ in seen), fmean(s for _, s in seen)
    spread = sum((n - mean_periods) ** 2 for n, _ in seen)
    if not spread:
        return mean_seconds * max(periods, 1) / mean_periods if mean_periods else mean_seconds
    slope = sum((n - mean_periods) * (s - mean_seconds) for n, s in seen) / spread
    return max(mean_seconds + max(slope, 0.0) * (periods - mean_periods), 0.0)
