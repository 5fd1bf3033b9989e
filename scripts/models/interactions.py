"""Who listened to what, how often and when: read from a file of others, and split the way a protocol says."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import scipy.sparse as sp

from scripts.console import REFUSED, USAGE, Stop, warn

NAMES = {
    "listener": ("listener", "user", "userid", "user_id", "listener_id", "account", "account_id", "uid"),
    "item": (
        "item",
        "itemid",
        "item_id",
        "artist",
        "artistid",
        "artist_id",
        "track",
        "track_id",
        "movieid",
        "movie_id",
    ),
    "weight": ("weight", "rating", "count", "plays", "playcount", "play_count", "score", "value"),
    "time": ("time", "timestamp", "ts", "date", "at", "played_at", "datetime", "unixtime"),
}
# More is no count: sums of it stay finite.
LARGEST = 1e15
SPLIT = re.compile(r"random:(?P<seed>\d{1,9}):(?P<share>0?\.\d+)|time:(?P<time_share>0?\.\d+)")


@dataclass(frozen=True)
class Interactions:
    """Rows of one file in its order: positions of listeners and items, weights, and times where there are any."""

    listeners: np.ndarray
    items: np.ndarray
    weights: np.ndarray
    listener: np.ndarray
    item: np.ndarray
    weight: np.ndarray
    time: np.ndarray | None

    def __len__(self) -> int:
        return len(self.listener)

    @property
    def shape(self) -> tuple[int, int]:
        """Listeners × items."""
        return len(self.listeners), len(self.items)

    def matrix(self, rows: np.ndarray) -> sp.csr_matrix:
        """Listeners × items of some rows; a pair that comes several times has the sum of its weights."""
        values = (self.weight[rows], (self.listener[rows], self.item[rows]))
        made = sp.csr_matrix(values, shape=self.shape, dtype=np.float64)
        made.sum_duplicates()
        return made

    def split(self, how: str) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        """Training part, and what is to be found: pairs of the rest that the training part does not hold."""
        first = self.training(how)
        train = self.matrix(first)
        rest = self.matrix(~first)
        rest.data[:] = 1
        known = train.copy()
        known.data[:] = 1
        test = (rest - rest.multiply(known)).tocsr()
        test.eliminate_zeros()
        if not train.nnz or not test.nnz:
            raise Stop(f"the split {how} leaves nothing to learn from or nothing to find", REFUSED)
        return train, test

    def training(self, how: str) -> np.ndarray:
        """Which rows the split ``random:SEED:SHARE`` (in the order of the file) or ``time:SHARE`` learns from."""
        asked = SPLIT.fullmatch(how)
        if not asked:
            raise Stop(f"{how!r} is no split: random:42:0.8 or time:0.8", USAGE)
        if asked["share"]:
            return np.random.RandomState(int(asked["seed"])).rand(len(self)) < float(asked["share"])
        if self.time is None:
            raise Stop(
                "a split by time needs a column with the time: seconds, or like 2026-02-01 12:00:00, in most lines",
                USAGE,
            )
        first = np.zeros(len(self), dtype=bool)
        first[np.argsort(self.time, kind="stable")[: int(len(self) * float(asked["time_share"]))]] = True
        return first


def read(path: Path) -> Interactions:
    """A tab-separated file: a header line, then listener, item, weight and, where there is one, time.

    Columns are known by name or else by place. Ids may be anything (whole numbers are put in the order of numbers).
    Lines without an id, or whose weight is no number above zero, are left out and counted.
    """
    if not path.exists():
        raise Stop(f"{path} is not there", USAGE)
    lines, header = _header(path)
    connection = duckdb.connect(config={"threads": 1})
    names = [f"c{position}" for position in range(len(header))]
    kinds = ", ".join(f"'{name}': 'varchar'" for name in names)
    connection.execute(
        f"create table raw as select * from read_csv(?, delim='\t', header=false, skip={lines}, columns={{{kinds}}}, "
        "quote='', escape='', null_padding=true, ignore_errors=true, auto_detect=false, parallel=false, "
        f"strict_mode=false, encoding='{_encoding(path)}')",
        [str(path)],
    )
    place = _places(header, path)
    listener, item, weight = (f"trim(c{place[name]}, E' \\r\"')" for name in ("listener", "item", "weight"))
    time = f"trim(c{place['time']}, E' \\r\"')" if "time" in place else "null"
    connection.execute(
        f"create table rows as select {listener} as listener, {item} as item, try_cast({weight} as double) as weight, "
        f"coalesce(try_cast({time} as double), epoch(try_cast({time} as timestamp))) as time from raw"
    )
    good = "listener <> '' and item <> '' and isfinite(weight) and weight > 0"
    total, kept = connection.execute(f"select count(*), count(*) filter (where {good}) from rows").fetchone()
    if not kept:
        raise Stop(f"{path.name} has no line with a listener, an item and a weight above zero", REFUSED)
    if total > kept:
        warn("evaluate", f"{total - kept:,} of {total:,} lines left out: no id, or the weight is no number above zero")
    found = connection.execute(
        f"select listener, item, least(weight, {LARGEST}) as weight, time from rows where {good}"
    ).fetchnumpy()
    times = np.ma.filled(found["time"].astype(float), np.nan)
    has_time = "time" in place and np.isnan(times).mean() < 0.5
    if "time" in place and not has_time:
        warn("evaluate", "most times cannot be read (seconds, or like 2026-02-01 12:00:00): taken for a file without")
    elif has_time and np.isnan(times).any():
        warn("evaluate", f"{np.isnan(times).sum():,} lines have no time that can be read: taken for the earliest")
        times[np.isnan(times)] = -np.inf
    listeners, listener = _positions(found["listener"])
    items, item = _positions(found["item"])
    weight = np.asarray(found["weight"], dtype=float)
    return Interactions(listeners, items, weight, listener, item, weight, times if has_time else None)


def _encoding(path: Path) -> str:
    """``utf-8``, or ``latin-1`` where the bytes are not that: then each is a letter and no line is lost."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            warn("evaluate", f"{path.name} is not UTF-8: read as Latin-1")
            return "latin-1"
    return "utf-8"


def _header(path: Path) -> tuple[int, list[str]]:
    """How many lines come before the data, and the names in the last of them (counts above it are not data)."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number in range(1, 6):
            line = file.readline()
            fields = [field.strip().strip('"') for field in line.rstrip("\r\n").split("\t")]
            if len(fields) >= 3 and all(fields[:2]):
                is_data = _is_number(fields[2])
                return (number - 1, [f"column {n + 1}" for n in range(len(fields))]) if is_data else (number, fields)
            if not line:
                break
    raise Stop(
        f"{path.name} is no table of listener, item and weight: a header line, then three or four columns (the fourth "
        "is the time) separated by tabs",
        USAGE,
    )


def _places(header: list[str], path: Path) -> dict[str, int]:
    names = [name.lower().replace(" ", "_") for name in header]
    by_name = {
        what: next((names.index(known) for known in candidates if known in names), None)
        for what, candidates in NAMES.items()
    }
    if all(by_name[what] is not None for what in ("listener", "item", "weight")):
        return {what: place for what, place in by_name.items() if place is not None}
    if len(header) < 3:
        raise Stop(f"{path.name} has {len(header)} columns; listener, item and weight are needed", USAGE)
    return {"listener": 0, "item": 1, "weight": 2, **({"time": 3} if len(header) > 3 else {})}


def _positions(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ids in order, and each value's place among them."""
    values = np.asarray(values).astype(str)
    distinct, place = np.unique(values, return_inverse=True)
    if all(re.fullmatch(r"\d{1,18}", value) for value in distinct):
        order = np.argsort(distinct.astype(np.int64), kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return distinct[order], rank[place].astype(np.int32)
    return distinct, place.astype(np.int32)


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False
