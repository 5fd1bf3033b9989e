"""How good ranked lists are: NDCG and recall of each listener, by the protocol most papers share (binary gain)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

DISCOUNT = 1 / np.log2(np.arange(2, 102))
IDEAL = np.r_[0, np.cumsum(DISCOUNT)]


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Columns of the ``count`` highest scores of each row, best first; equal scores in the order of columns.

    The maxima of sets of columns give a bound which at least ``count`` scores reach, and few others do: one pass of
    comparing instead of sorting all.
    """
    rows, columns = scores.shape
    count = min(count, columns)
    width = max(1, min(64, columns // (2 * count)))
    whole = columns - columns % width
    blocks = scores[:, :whole].reshape(rows, width, whole // width).max(axis=1)
    bound = np.partition(blocks, blocks.shape[1] - count, axis=1)[:, -count]
    reached = scores >= bound[:, None]
    tied = np.zeros(0, dtype=np.int64)
    if np.count_nonzero(reached) > 2 * rows * count:
        tied = np.flatnonzero(np.count_nonzero(reached, axis=1) > 4 * count)
        reached[tied] = False
    found = np.flatnonzero(reached)
    row = found // columns
    column = found - row * columns
    chosen = np.empty((rows, count), dtype=np.int32)
    kept = first(row, scores.ravel()[found], count)
    chosen[np.setdiff1d(np.arange(rows), tied)] = column[kept].reshape(-1, count)
    for number in tied:
        # all above the bound, and of those that equal it the first
        line = scores[number]
        column = np.r_[np.flatnonzero(line > bound[number]), np.flatnonzero(line == bound[number])[:count]]
        chosen[number] = column[np.lexsort((column, -line[column]))[:count]]
    return chosen


def first(row: np.ndarray, score: np.ndarray, count: int) -> np.ndarray:
    """Places of the ``count`` highest scores of each row that has any, best first; equal scores in the order they come.

    The scores of a row stand together, rows in their order.
    """
    size = np.bincount(row)
    size = size[size > 0]
    beside = np.full((len(size), int(size.max(initial=0))), np.inf, dtype=np.float32)
    beside[np.arange(beside.shape[1]) < size[:, None]] = -score
    order = np.argsort(beside, axis=1, kind="stable")[:, :count] + (np.cumsum(size) - size)[:, None]
    return order[np.arange(order.shape[1]) < size[:, None]]


def ndcg(hits: np.ndarray, relevant: np.ndarray, count: int) -> np.ndarray:
    """NDCG@count of each row: ``hits`` says which places of the list are right, ``relevant`` how many there are."""
    places = min(count, hits.shape[1])
    gained = (hits[:, :places] * DISCOUNT[:places]).sum(axis=1)
    return gained / IDEAL[np.minimum(relevant, count)]


def recall(hits: np.ndarray, relevant: np.ndarray, count: int) -> np.ndarray:
    """Share of what is relevant among the first ``count`` of each row."""
    return hits[:, :count].sum(axis=1) / relevant


def hits(lists: np.ndarray, truth: sp.csr_matrix) -> np.ndarray:
    """Which places of the lists hold an item of the truth (rows of both belong together; -1 is an empty place)."""
    found = np.zeros(lists.shape, dtype=bool)
    for row in range(len(lists)):
        found[row] = np.isin(lists[row], truth.indices[truth.indptr[row] : truth.indptr[row + 1]])
    return found
