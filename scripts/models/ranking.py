"""How good ranked lists are: NDCG and recall of each listener, by the protocol most papers share (binary gain)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

DISCOUNT = 1 / np.log2(np.arange(2, 102))
IDEAL = np.r_[0, np.cumsum(DISCOUNT)]


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Columns of the ``count`` highest scores of each row, best first; equal scores in the order of columns.

    The maxima of blocks of columns give a bound which at least ``count`` scores reach, and few others do: one pass of
    comparing instead of sorting all.
    """
    rows, columns = scores.shape
    count = min(count, columns)
    width = max(1, min(64, columns // (2 * count)))
    whole = columns - columns % width
    blocks = scores[:, :whole].reshape(rows, whole // width, width).max(axis=2)
    bound = np.partition(blocks, blocks.shape[1] - count, axis=1)[:, -count] if blocks.shape[1] >= count else None
    chosen = np.empty((rows, count), dtype=np.int32)
    for row in range(rows):
        line = scores[row]
        found = np.arange(columns) if bound is None else np.flatnonzero(line >= bound[row])
        if len(found) > 4 * count:
            # a tie at the bound: all above it, and of those that equal it the first
            above = found[line[found] > bound[row]] if bound is not None else found
            equal = found[line[found] == bound[row]][:count] if bound is not None else found[:0]
            found = np.union1d(above, equal) if bound is not None else found
        chosen[row] = found[np.lexsort((found, -line[found]))[:count]]
    return chosen


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
