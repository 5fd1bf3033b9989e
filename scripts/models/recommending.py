"""Recommendations from the registry's tables: item-to-item weights and item factors, and a listener's history.

A score is a weighted sum of parts, each of which reads the same history: weights (a sparse product), factors (listeners
become the sum of their items' factors) and folded factors (a listener's factors solve a small least-squares problem, as
in iALS). Plain numpy and scipy; nothing here learns.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from scipy.sparse import _sparsetools

from scripts.console import REFUSED, Stop
from scripts.models.ranking import best

MODEL = "recommender"
FORMAT = 1
SETTINGS, ITEMS, NEIGHBOURS = "settings.json", "items.parquet", "neighbours.parquet"
BATCH_CELLS = 40_000_000


class Part(Protocol):
    """Something that scores all items for some histories (rows: listeners, columns: items)."""

    def add_to(self, scores: np.ndarray, history: sp.csr_matrix, share: float) -> None:
        """Add ``share`` times this part's scores to ``scores``."""


@dataclass(frozen=True)
class Popular:
    """The same for everybody."""

    listeners: np.ndarray

    def add_to(self, scores: np.ndarray, history: sp.csr_matrix, share: float) -> None:
        """Part."""
        scores += np.float32(share) * self.listeners.astype(np.float32)


@dataclass(frozen=True)
class Weights:
    """Item to item: what each item of a history says for others. Rows: the item played."""

    matrix: sp.csr_matrix

    def add_to(self, scores: np.ndarray, history: sp.csr_matrix, share: float) -> None:
        """Part."""
        product = history @ self.matrix
        product.data *= np.float32(share)
        rows, columns = scores.shape
        _sparsetools.csr_todense(rows, columns, product.indptr, product.indices, product.data, scores)


@dataclass(frozen=True)
class Factors:
    """A listener is the sum of the ``query`` factors of what was played; an item's score is its product with that."""

    query: np.ndarray
    item: np.ndarray

    def add_to(self, scores: np.ndarray, history: sp.csr_matrix, share: float) -> None:
        """Part."""
        scores += (history @ (self.query * np.float32(share))) @ self.item.T


@dataclass(frozen=True)
class Folded:
    """Factors of iALS: a listener's factors are the least-squares answer to the history, known or new alike."""

    item: np.ndarray
    regularisation: float
    confidence: np.ndarray

    def add_to(self, scores: np.ndarray, history: sp.csr_matrix, share: float) -> None:
        """Part."""
        scores += (self.fold(history) * np.float32(share)) @ self.item.T

    def fold(self, history: sp.csr_matrix) -> np.ndarray:
        """The listeners' factors."""
        item = self.item
        common = item.T @ item + self.regularisation * np.eye(item.shape[1], dtype=np.float32)
        found = np.zeros((history.shape[0], item.shape[1]), dtype=np.float32)
        for row in range(history.shape[0]):
            inside = slice(history.indptr[row], history.indptr[row + 1])
            if inside.start == inside.stop:
                continue
            rows = item[history.indices[inside]]
            confidence = self.confidence[history.indices[inside]] * history.data[inside]
            found[row] = np.linalg.solve(common + (rows.T * (confidence - 1)) @ rows, confidence @ rows)
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

    def scores(self, history: sp.csr_matrix) -> np.ndarray:
        """Scores of all items for some listeners (of their transformed history)."""
        return scores(self.parts, history)

    def lists(
        self, plays: sp.csr_matrix, count: int, without: sp.csr_matrix | None = None
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Batch by batch: which rows, the best items of each, their scores (-inf: nothing left to recommend).

        ``without`` holds what must not be recommended, the history itself if nothing is said.
        """
        yield from lists(self.parts, self.histories(plays), count, plays if without is None else without)


def scores(parts: Sequence[tuple[str, float, Part]], history: sp.csr_matrix) -> np.ndarray:
    """The weighted sum of the parts' scores."""
    found = np.zeros(history.shape, dtype=np.float32)
    for _, share, part in parts:
        part.add_to(found, history, share)
    return found


def lists(
    parts: Sequence[tuple[str, float, Part]], history: sp.csr_matrix, count: int, without: sp.csr_matrix
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The best items of each listener, in batches that keep memory flat."""
    size = max(1, BATCH_CELLS // max(1, history.shape[1]))
    for start in range(0, history.shape[0], size):
        rows = slice(start, min(start + size, history.shape[0]))
        found = scores(parts, history[rows])
        hide(found, without[rows])
        chosen = best(found, count)
        yield rows, chosen, np.take_along_axis(found, chosen, axis=1)


def hide(found: np.ndarray, without: sp.csr_matrix) -> None:
    """Take what must not be recommended out of the scores."""
    found[np.repeat(np.arange(len(found)), np.diff(without.indptr)), without.indices] = -np.inf


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
