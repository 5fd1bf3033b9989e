"""Recommendations from the registry's tables: item-to-item weights and item factors, and a listener's history.

A score is a weighted sum of parts, each of which reads the same history: weights (a sparse product), factors (listeners
become the sum of their items' factors) and folded factors (a listener's factors solve a small least-squares problem, as
in iALS). Plain numpy and scipy; nothing here learns.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from scipy.sparse import _sparsetools
from threadpoolctl import threadpool_limits

from scripts.console import REFUSED, Stop
from scripts.models.ranking import best, first

MODEL = "recommender"
FORMAT = 1
SETTINGS, ITEMS, NEIGHBOURS = "settings.json", "items.parquet", "neighbours.parquet"
BATCH_CELLS = 20_000_000
FOLDED_TOGETHER, FOLDED_CELLS = 256, 4_000_000


class Dense(Protocol):
    """A part whose score of an item is the product of two vectors: one of the listener, one of the item."""

    item: np.ndarray

    def listeners(self, history: sp.csr_matrix) -> np.ndarray:
        """The vectors of the listeners with these histories (float32, listeners × dimensions)."""


@dataclass(frozen=True)
class Popular:
    """The same for everybody; dense, in one dimension."""

    count: np.ndarray

    @cached_property
    def item(self) -> np.ndarray:
        """How many listeners each item has."""
        return self.count.astype(np.float32)[:, None]

    def listeners(self, history: sp.csr_matrix) -> np.ndarray:
        """Dense."""
        return np.ones((history.shape[0], 1), dtype=np.float32)


@dataclass(frozen=True)
class Weights:
    """Item to item: what each item of a history says for others. Rows: the item played."""

    matrix: sp.csr_matrix


# Something that scores all items for some histories (rows: listeners, columns: items).
Part = Dense | Weights


@dataclass(frozen=True)
class Factors:
    """A listener is the sum of the ``query`` factors of what was played; an item's score is its product with that."""

    query: np.ndarray
    item: np.ndarray

    def listeners(self, history: sp.csr_matrix) -> np.ndarray:
        """Dense."""
        return history @ self.query


@dataclass(frozen=True)
class Folded:
    """Factors of iALS: a listener's factors are the least-squares answer to the history, known or new alike."""

    item: np.ndarray
    regularisation: float
    confidence: np.ndarray

    @cached_property
    def common(self) -> np.ndarray:
        """What the normal equations of all listeners have in common."""
        item = self.item.astype(np.float64)
        return item.T @ item + self.regularisation * np.eye(item.shape[1])

    @cached_property
    def solved(self) -> np.ndarray:
        """The items' factors times the inverse of that."""
        return np.linalg.solve(self.common, self.item.T.astype(np.float64)).T.astype(np.float32)

    def listeners(self, history: sp.csr_matrix) -> np.ndarray:
        """Dense. Histories of like length are solved together, the shorter ones filled up with items of no weight."""
        found = np.zeros((history.shape[0], self.item.shape[1]), dtype=np.float32)
        length = np.diff(history.indptr)
        order = np.argsort(length, kind="stable")
        order = order[length[order] > 0]
        start = 0
        while start < len(order):
            longest = length[order[min(start + FOLDED_TOGETHER, len(order)) - 1]]
            rows = order[start : start + max(1, min(FOLDED_TOGETHER, FOLDED_CELLS // int(longest) ** 2))]
            start += len(rows)
            places = history.indptr[rows][:, None] + np.arange(length[rows].max())
            inside = places < history.indptr[rows + 1][:, None]
            places = np.where(inside, places, 0)
            items = history.indices[places]
            confidence = np.where(inside, self.confidence[items] * history.data[places], 0)
            found[rows] = self._solve(items, confidence, np.where(inside, confidence - 1, 0))
        return found

    def _solve(self, items: np.ndarray, confidence: np.ndarray, more: np.ndarray) -> np.ndarray:
        """(C + RᵀMR)⁻¹ Rᵀc for each row of items: R their factors, M = ``more``, C what all have in common.

        Woodbury's identity makes equations of it as many as the history is long: Sᵀ(c - y), where S = RC⁻¹, K = SRᵀ and
        (1 + MK) y = MKc.
        """
        rows, solved = self.item[items], self.solved[items]
        if items.shape[1] >= rows.shape[2]:
            system = self.common + (rows.transpose(0, 2, 1) * more[:, None, :]) @ rows
            return np.linalg.solve(system, (confidence[:, None, :] @ rows).transpose(0, 2, 1))[:, :, 0]
        across = more[:, :, None] * (solved @ rows.transpose(0, 2, 1)).astype(np.float64)
        system = across + np.eye(items.shape[1])
        rest = confidence - np.linalg.solve(system, across @ confidence[:, :, None].astype(np.float64))[:, :, 0]
        return (rest.astype(np.float32)[:, None, :] @ solved)[:, 0]


class Scorer:
    """Parts with their shares, put together once: all that is dense as one product, all weights as another."""

    def __init__(self, parts: Sequence[tuple[str, float, Part]]) -> None:
        self.dense = [(np.float32(share), part) for _, share, part in parts if not isinstance(part, Weights)]
        self.item = np.hstack([part.item for _, part in self.dense]) if self.dense else None
        linear = [part.matrix * np.float32(share) for _, share, part in parts if isinstance(part, Weights)]
        self.weights = sum(linear[1:], linear[0]).tocsr() if linear else None

    @cached_property
    def weights_and_never(self) -> sp.csr_matrix:
        """The weights, and below them for each item that it must never be recommended."""
        items = self.weights.shape[1]
        return sp.vstack([self.weights, sp.diags_array(np.full(items, -np.inf, np.float32))], "csr")

    def scores(self, history: sp.csr_matrix) -> np.ndarray:
        """The weighted sum of the parts' scores of all items."""
        if self.item is None:
            found = np.zeros(history.shape, dtype=np.float32)
        else:
            found = np.hstack([part.listeners(history) * share for share, part in self.dense]) @ self.item.T
        if self.weights is not None:
            said = history @ self.weights
            _sparsetools.csr_todense(*history.shape, said.indptr, said.indices, said.data, found)
        return found


@dataclass(frozen=True)
class Recommender:
    """Parts with their shares, over items known by id; ``transform`` says how plays become a history's weights."""

    items: np.ndarray
    listeners: np.ndarray
    transform: str
    parts: Sequence[tuple[str, float, Part]]
    neighbours: sp.csr_matrix
    settings: Mapping[str, Any] = field(default_factory=dict)

    def histories(self, plays: sp.csr_matrix) -> sp.csr_matrix:
        """Plays as the parts read them."""
        return transformed(plays, self.transform)

    def lists(
        self, plays: sp.csr_matrix, count: int, without: sp.csr_matrix | None = None, closed: Closed | None = None
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Batch by batch: which rows, the best items of each, their scores (-inf: nothing left to recommend).

        ``without`` holds what must not be recommended, the history itself if nothing is said; ``closed`` what whole
        audiences must not be.
        """
        yield from lists(self.parts, self.histories(plays), count, plays if without is None else without, closed)


def scores(parts: Sequence[tuple[str, float, Part]], history: sp.csr_matrix) -> np.ndarray:
    """The weighted sum of the parts' scores."""
    return Scorer(parts).scores(history)


def lists(
    parts: Sequence[tuple[str, float, Part]],
    history: sp.csr_matrix,
    count: int,
    without: sp.csr_matrix,
    closed: Closed | None = None,
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The best items of each listener, in batches that keep memory flat, several batches at a time."""
    scorer = Scorer(parts)
    threads = int(os.environ.get("NIGHTSHIFT_THREADS", "2"))
    size = max(1, BATCH_CELLS // max(1, history.shape[1]))
    of_batch = _of_all if scorer.item is not None else _of_those_named

    def batch(start: int) -> tuple[slice, np.ndarray, np.ndarray]:
        rows = slice(start, min(start + size, history.shape[0]))
        return rows, *of_batch(scorer, history[rows], count, without[rows], closed and closed.of(rows))

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        yield from pool.map(batch, range(0, history.shape[0], size))


@dataclass(frozen=True)
class Closed:
    """What whole audiences must not be recommended: the audience of each listener, and the items closed to each."""

    audience: np.ndarray
    items: Sequence[np.ndarray]

    def of(self, rows: slice | np.ndarray) -> Closed:
        """For some of the listeners."""
        return Closed(self.audience[rows], self.items)

    def runs(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Listeners of the same audience who stand together: from, to, what is closed to them."""
        ends = np.r_[np.flatnonzero(np.diff(self.audience)) + 1, len(self.audience)].tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            yield start, end, self.items[self.audience[start]]


def _of_all(
    scorer: Scorer, history: sp.csr_matrix, count: int, without: sp.csr_matrix, closed: Closed | None
) -> tuple[np.ndarray, np.ndarray]:
    found = scorer.scores(history)
    hide(found, without, closed)
    chosen = best(found, count)
    return chosen, np.take_along_axis(found, chosen, axis=1)


def _of_those_named(
    scorer: Scorer, history: sp.csr_matrix, count: int, without: sp.csr_matrix, closed: Closed | None
) -> tuple[np.ndarray, np.ndarray]:
    """The same where there are only weights: most items have no score, and need not be looked at."""
    marks = sp.csr_matrix((np.ones(without.nnz, np.float32), without.indices, without.indptr), shape=without.shape)
    said = sp.hstack([history, marks], "csr") @ scorer.weights_and_never
    score, item = said.data, said.indices
    for start, end, items in closed.runs() if closed else ():
        shut = np.zeros(said.shape[1], dtype=bool)
        shut[items] = True
        inside = slice(said.indptr[start], said.indptr[end])
        score[inside][shut[item[inside]]] = -np.inf
    size = np.diff(said.indptr)
    padded = np.full((len(size), max(count, int(size.max(initial=0)))), -np.inf, dtype=np.float32)
    padded[np.arange(padded.shape[1]) < size[:, None]] = score
    bound = np.partition(padded, padded.shape[1] - count, axis=1)[:, -count]
    short = bound <= 0
    row = np.repeat(np.arange(len(size)), size)
    kept = np.flatnonzero(score >= np.where(short, np.inf, bound)[row])
    kept = kept[np.lexsort((item[kept], row[kept]))]
    kept = kept[first(row[kept], score[kept], count)]
    chosen, scores_of_chosen = np.empty((len(size), count), np.int32), np.empty((len(size), count), np.float32)
    chosen[~short], scores_of_chosen[~short] = item[kept].reshape(-1, count), score[kept].reshape(-1, count)
    if short.any():
        numbers = np.flatnonzero(short)
        rest = closed and closed.of(numbers)
        chosen[short], scores_of_chosen[short] = _of_all(scorer, history[numbers], count, without[numbers], rest)
    return chosen, scores_of_chosen


def hide(found: np.ndarray, without: sp.csr_matrix, closed: Closed | None = None) -> None:
    """Take what must not be recommended out of the scores."""
    found[np.repeat(np.arange(len(found)), np.diff(without.indptr)), without.indices] = -np.inf
    for start, end, items in closed.runs() if closed else ():
        found[start:end, items] = -np.inf


def transformed(plays: sp.csr_matrix, transform: str) -> sp.csr_matrix:
    """``plain``: played or not; ``relative``: the logarithm of the plays, relative to the listener's mean of it."""
    made = sp.csr_matrix((np.ones(plays.nnz, np.float32), plays.indices, plays.indptr), shape=plays.shape)
    if transform == "plain":
        return made
    if transform != "relative":
        raise Stop(f"unknown transform {transform!r} in the recommender's settings", REFUSED)
    made.data = np.log1p(plays.data).astype(np.float32)
    count = np.diff(made.indptr)
    mean = np.asarray(made.sum(axis=1)).ravel() / np.maximum(count, 1)
    made.data /= np.repeat(np.maximum(mean, 1e-9), count).astype(np.float32)
    return made


def to_files(model: Recommender) -> dict[str, bytes]:
    """The artifact: tables in Parquet and the settings in JSON."""
    files = {
        ITEMS: _parquet(pa.table({"item": model.items.astype(str), "listeners": model.listeners.astype(np.int64)}))
    }
    files[NEIGHBOURS] = _weights_table(model.neighbours, model.items)
    settings: dict[str, Any] = {"format": FORMAT, "transform": model.transform, "parts": [], **model.settings}
    for number, (name, share, part) in enumerate(model.parts):
        described: dict[str, Any] = {"name": name, "share": float(share), "kind": type(part).__name__.lower()}
        if isinstance(part, Weights):
            described["file"] = f"weights-{number}.parquet"
            files[described["file"]] = _weights_table(part.matrix, model.items)
        elif isinstance(part, Factors):
            described["file"] = f"factors-{number}.parquet"
            columns = {"item": model.items.astype(str), "query": _vectors(part.query), "factors": _vectors(part.item)}
            files[described["file"]] = _parquet(pa.table(columns))
        elif isinstance(part, Folded):
            described |= {
                "file": f"factors-{number}.parquet",
                "regularisation": part.regularisation,
            }
            columns = {
                "item": model.items.astype(str),
                "confidence": part.confidence.astype(np.float32),
                "factors": _vectors(part.item),
            }
            files[described["file"]] = _parquet(pa.table(columns))
        settings["parts"].append(described)
    files[SETTINGS] = (json.dumps(settings, indent=1, sort_keys=True) + "\n").encode()
    return files


def from_files(read: Mapping[str, bytes]) -> Recommender:
    """A recommender from an artifact's files; refused where they do not fit together or hold what is no number."""
    settings = json.loads(read[SETTINGS])
    if settings.get("format") != FORMAT:
        raise Stop(f"the recommender's tables have format {settings.get('format')}, this version reads {FORMAT}: "
                   "run `./nightshift train recommender`", REFUSED)  # fmt: skip
    table = _table(read, ITEMS)
    items = np.asarray(table["item"].to_pylist(), dtype=str)
    listeners = table["listeners"].to_numpy()
    parts: list[tuple[str, float, Part]] = []
    for described in settings["parts"]:
        kind, share = described["kind"], float(described["share"])
        if kind == "popular":
            parts.append((described["name"], share, Popular(listeners)))
            continue
        table = _table(read, described["file"])
        if kind == "weights":
            part: Part = Weights(_matrix(table, items, described["file"]))
        else:
            if table["item"].to_pylist() != items.tolist():
                raise Stop(f"{described['file']} is about other items than {ITEMS}", REFUSED)
            vectors = {name: _array(table[name]) for name in ("query", "factors") if name in table.column_names}
            if any(not np.isfinite(values).all() for values in vectors.values()):
                raise Stop(f"{described['file']} holds values that are no numbers: train anew", REFUSED)
            part = (
                Factors(vectors["query"], vectors["factors"])
                if kind == "factors"
                else Folded(vectors["factors"], described["regularisation"], table["confidence"].to_numpy())
            )
        parts.append((described["name"], share, part))
    neighbours = _matrix(_table(read, NEIGHBOURS), items, NEIGHBOURS)
    return Recommender(items, listeners, settings["transform"], parts, neighbours, settings)


def _weights_table(matrix: sp.csr_matrix, items: np.ndarray) -> bytes:
    """One row per item and similar item: weight, and rank by size of the weight."""
    count = np.diff(matrix.indptr)
    source = np.repeat(np.arange(len(count)), count)
    order = np.lexsort((matrix.indices, -np.abs(matrix.data), source))
    rank = np.arange(len(source)) - np.repeat(matrix.indptr[:-1], count) + 1
    names = pa.array(items.astype(str))
    columns = {
        "item": pa.DictionaryArray.from_arrays(pa.array(source[order].astype(np.int32)), names),
        "similar_item": pa.DictionaryArray.from_arrays(pa.array(matrix.indices[order].astype(np.int32)), names),
        "weight": pa.array(matrix.data[order].astype(np.float32)),
        "rank": pa.array(rank.astype(np.int32)),
    }
    return _parquet(pa.table(columns))


def _matrix(table: pa.Table, items: np.ndarray, file: str) -> sp.csr_matrix:
    place = {item: position for position, item in enumerate(items.tolist())}
    weight = table["weight"].to_numpy().astype(np.float32)
    if not np.isfinite(weight).all():
        raise Stop(f"{file} holds weights that are no numbers: train anew", REFUSED)
    try:
        rows, columns = (_positions(table[name], place) for name in ("item", "similar_item"))
    except KeyError as unknown:
        raise Stop(f"{file} names an item that {ITEMS} does not: {unknown}", REFUSED) from None
    return sp.csr_matrix((weight, (rows, columns)), shape=(len(items), len(items)))


def _positions(column: pa.ChunkedArray, place: Mapping[str, int]) -> np.ndarray:
    encoded = column.combine_chunks()
    if not isinstance(encoded, pa.DictionaryArray):
        encoded = encoded.dictionary_encode()
    known = np.array([place[name] for name in encoded.dictionary.to_pylist()], dtype=np.int32)
    return known[encoded.indices.to_numpy()] if len(known) else np.zeros(0, dtype=np.int32)


def _table(read: Mapping[str, bytes], name: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(read[name]))
    except (KeyError, pa.ArrowInvalid, OSError) as error:
        raise Stop(f"the recommender's table {name} cannot be read ({error}): train anew", REFUSED) from None


def _vectors(values: np.ndarray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _array(column: pa.ChunkedArray) -> np.ndarray:
    combined = column.combine_chunks()
    width = combined.type.list_size
    return combined.flatten().to_numpy().reshape(-1, width)


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", store_schema=True)
    return buffer.getvalue()
