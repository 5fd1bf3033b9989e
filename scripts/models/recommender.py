"""Recommendations learned: the candidates, how each is tuned, and the blend of them that ships.

Everything is tuned on a part held back from the training interactions (the latest ones where there are times), then
fitted again on all of them. Only this module imports a training library (``implicit``), with one thread: the same
interactions give the same tables.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from scripts.models import ranking
from scripts.models.recommending import (
    BATCH_CELLS,
    Factors,
    Folded,
    Part,
    Popular,
    Recommender,
    Weights,
    lists,
    scores,
    transformed,
)

TUNED_LISTENERS = 2_000
TUNED_PAIRS = 3_000_000
DENSE_ITEMS = 12_000
DENSE_LISTENERS = 6_000
DENSE_SPECTRUM = 50
NEIGHBOURS = 300
NEIGHBOUR_CELLS = 60_000_000
REASONS = 50
CANDIDATES_OF_EACH = 200
LAST_RESORT = 1e-4
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)


@dataclass(frozen=True)
class Candidate:
    """A way of recommending: its name, how its histories are read, and its parts with their shares."""

    name: str
    transform: str
    parts: Sequence[tuple[str, float, Part]]
    shipped: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Trial:
    """Interactions to learn from and, held back from them, those to be found by some listeners."""

    train: sp.csr_matrix
    truth: sp.csr_matrix
    rows: np.ndarray
    cache: dict[str, sp.csr_matrix] = field(default_factory=dict)

    def history(self, transform: str) -> sp.csr_matrix:
        """All listeners' histories."""
        if transform not in self.cache:
            self.cache[transform] = transformed(self.train, transform)
        return self.cache[transform]

    def goal(self, transform: str, parts: Sequence[tuple[str, float, Part]]) -> float:
        """What tuning looks at: NDCG@10 plus recall@20 of the listeners held out."""
        figures = measure(parts, self.history(transform)[self.rows], self.train[self.rows], self.truth[self.rows])
        return float(figures["ndcg@10"].mean() + figures["recall@20"].mean())


def measure(
    parts: Sequence[tuple[str, float, Part]], history: sp.csr_matrix, known: sp.csr_matrix, truth: sp.csr_matrix
) -> dict[str, np.ndarray]:
    """NDCG@10, recall@20, NDCG@100 and recall@100 of each listener (all have something to be found)."""
    relevant = np.diff(truth.indptr)
    found = np.zeros((len(relevant), min(100, truth.shape[1])), dtype=bool)
    for rows, chosen, score in lists(parts, history, found.shape[1], known):
        found[rows] = ranking.hits(np.where(np.isfinite(score), chosen, -1), truth[rows])
    return {
        f"{name}@{count}": function(found, relevant, count)
        for count in (10, 20, 100)
        for name, function in (("ndcg", ranking.ndcg), ("recall", ranking.recall))
    }


def hold_back(plays: sp.csr_matrix, latest: sp.csr_matrix | None = None, share: float = 0.2, seed: int = 7) -> Trial:
    """A trial from training interactions: a fifth of the pairs held back by chance, or ``latest`` where time decides.

    Many listeners are sampled: settings hardly depend on the rest of them.
    """
    rng = np.random.default_rng(seed)
    if plays.nnz > TUNED_PAIRS:
        kept = np.sort(rng.permutation(plays.shape[0])[: int(plays.shape[0] * TUNED_PAIRS / plays.nnz)])
        plays, latest = plays[kept], latest[kept] if latest is not None else None
    if latest is None:
        out = rng.random(plays.nnz) < share
        pairs = plays.tocoo()
        train, latest = (
            sp.csr_matrix((pairs.data[chosen], (pairs.row[chosen], pairs.col[chosen])), shape=plays.shape)
            for chosen in (~out, out)
        )
    else:
        train = plays
    truth = latest.tocsr()
    can = np.flatnonzero((np.diff(truth.indptr) > 0) & (np.diff(train.indptr) > 0))
    rows = np.sort(rng.permutation(can)[:TUNED_LISTENERS])
    return Trial(train.tocsr(), truth, rows)


def popular(plays: sp.csr_matrix) -> Popular:
    """How many listeners each item has."""
    return Popular(np.bincount(plays.indices, minlength=plays.shape[1]))


def neighbours(history: sp.csr_matrix, kind: str, count: int = NEIGHBOURS) -> Weights:
    """Cosine, TF-IDF or BM25 weighted neighbours of items, by ``implicit``."""
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    made = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}[kind]
    # the library takes room for all of them, items × neighbours, before it looks for any
    model = made(K=min(count, max(20, NEIGHBOUR_CELLS // history.shape[1])), num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(history.astype(np.float64), show_progress=False)
    return Weights(_weights(model.similarity))


def walks(history: sp.csr_matrix, power: float = 0.6, popularity: float = 0.4, count: int = NEIGHBOURS) -> Weights:
    """Item to listener to item, both ways raised to a power, popular ends held down (RP3beta)."""
    listener = np.maximum(np.asarray(history.sum(axis=1)).ravel(), 1e-9)
    item = np.maximum(np.asarray(history.sum(axis=0)).ravel(), 1e-9)
    there = _scaled(history.T.tocsr(), rows=1 / item).power(power).astype(np.float32)
    number = np.maximum(np.bincount(history.indices, minlength=history.shape[1]), 1)
    back = _scaled(history, rows=1 / listener).power(power)
    back = _scaled(back, columns=number**-popularity).astype(np.float32)
    return Weights(_kept(((rows, (there[rows] @ back).toarray()) for rows in _blocks(history.shape[1])), count))


def autoencoder(
    history: sp.csr_matrix, ridge: float, dropout: float, count: int = NEIGHBOURS, most: int = DENSE_ITEMS
) -> Weights:
    """The linear autoencoder without a diagonal, in closed form (EASE), its input dropped out by chance (EDLAE).

    What is inverted is as small as it can be: listeners × listeners where they are fewer, otherwise items × items of
    the ``most`` played items, so that 50,000 items fit in memory.
    """
    items = history.shape[1]
    chosen = np.sort(np.argsort(-np.bincount(history.indices, minlength=items), kind="stable")[:most])
    small = _encoded(history[:, chosen], ridge, dropout, count).tocoo()
    made = (small.data, (chosen[small.row], chosen[small.col]))
    return Weights(sp.csr_matrix(made, shape=(items, items), dtype=np.float32))


def _encoded(history: sp.csr_matrix, ridge: float, dropout: float, count: int) -> sp.csr_matrix:
    listeners, items = history.shape
    square = np.asarray(history.multiply(history).sum(axis=0)).ravel().astype(np.float64)
    diagonal = ridge + dropout / (1 - dropout) * square
    if listeners <= min(items, DENSE_LISTENERS):
        return _kept(_of_listeners(history, diagonal), count)
    inverse = np.asarray((history.T.astype(np.float64) @ history).todense())
    inverse[np.diag_indices_from(inverse)] += diagonal
    inverse = _inverse(inverse)
    scale = -1 / np.diag(inverse)
    return _kept(((rows, _no_self(inverse[rows] * scale, rows)) for rows in _blocks(items)), count)


def spectrum(history: sp.csr_matrix, power: float, dimensions: int, keep: int | None = None) -> list[Factors]:
    """The smoothest directions of the graph of listeners and items: an ideal low-pass filter (GF-CF) as factors.

    Popular items are held down by ``power``. Returns the factors of ``dimensions`` and, from the same decomposition,
    of half as many and so on, ``keep`` of them.
    """
    item = np.asarray(history.sum(axis=0)).ravel()
    listener = np.asarray(history.sum(axis=1)).ravel()
    item = np.where(item > 0, item, 1).astype(np.float64)
    listener = np.where(listener > 0, listener, 1)
    made = _scaled(history, rows=listener**-0.25, columns=item**-power).astype(np.float64)
    most = max(1, min(dimensions, min(history.shape) - 1))
    if min(history.shape) <= DENSE_SPECTRUM:
        _, strength, direction = np.linalg.svd(made.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(1).standard_normal(min(history.shape))
        _, strength, direction = scipy.sparse.linalg.svds(made, k=most, v0=start)
    order = np.argsort(-strength, kind="stable")[:most]
    direction = direction[order]
    direction *= np.sign(direction[np.arange(most), np.abs(direction).argmax(axis=1)])[:, None]
    found = []
    while most >= 1 and len(found) < (keep or 1):
        part = direction[:most].T
        query, back = part * (item**-power)[:, None], part * (item**power)[:, None]
        found.append(Factors(np.ascontiguousarray(query, np.float32), np.ascontiguousarray(back, np.float32)))
        most //= 2
    return found


def factors(
    history: sp.csr_matrix,
    dimensions: int,
    regularisation: float,
    alpha: float,
    popularity: float = 0.0,
    seed: int = 1,
    rounds: int = 15,
) -> Folded:
    """iALS by ``implicit``; a play of an item that many play says less, by ``popularity``."""
    from implicit.als import AlternatingLeastSquares

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AlternatingLeastSquares(
            factors=dimensions,
            regularization=regularisation,
            alpha=alpha,
            iterations=rounds,
            random_state=seed,
            num_threads=1,
            use_gpu=False,
        )
        listeners = np.maximum(np.bincount(history.indices, minlength=history.shape[1]), 1)
        said = ((listeners / listeners.mean()) ** -popularity).astype(np.float32)
        model.fit(_scaled(history, columns=said).astype(np.float32), show_progress=False)
    item = np.nan_to_num(np.asarray(model.item_factors, dtype=np.float32))
    return Folded(item, regularisation, np.float32(alpha) * said)


def baselines(plays: sp.csr_matrix) -> Iterator[Candidate]:
    """The candidates as the public protocol has them: nothing tuned."""
    plain = transformed(plays, "plain")
    yield Candidate("popularity", "plain", [("popularity", 1.0, popular(plays))])
    for kind in ("cosine", "tfidf", "bm25"):
        yield Candidate(f"neighbours_{kind}", "plain", [(kind, 1.0, neighbours(plain, kind, 500))])
    # the published method cuts nothing off; few listeners allow it
    whole = plays.nnz < TUNED_PAIRS / 3 and plays.shape[0] <= DENSE_LISTENERS and plays.shape[1] <= 2 * DENSE_ITEMS
    size = {"count": 4 * NEIGHBOURS, "most": plays.shape[1]} if whole else {}
    yield Candidate("ease", "plain", [("ease", 1.0, autoencoder(plain, 200.0, 0.0, **size))])
    yield Candidate("ials", "plain", [("ials", 1.0, factors(plain, 32, 1.0, 10.0, seed=42))])


@dataclass(frozen=True)
class Choice:
    """What tuning found: a transform, each part with its settings and share."""

    transform: str
    parts: Sequence[tuple[str, dict[str, float], float]]

    def fit(self, plays: sp.csr_matrix) -> list[Candidate]:
        """The tuned parts, each alone, and at the end the blend that ships; fitted on all interactions given."""
        history = transformed(plays, self.transform)
        made = [(name, share, make(name, history, settings)) for name, settings, share in self.parts]
        alone: dict[str, list[tuple[str, float, Part]]] = {}
        for name, share, part in made:
            alone.setdefault(name, []).append((name, share or 1.0, part))
        candidates = [
            Candidate(f"{name}_tuned", self.transform, parts) for name, parts in alone.items() if name != "popularity"
        ]
        blend = [(name, share, part) for name, share, part in made if share]
        return [*candidates, Candidate("nightshift", self.transform, blend, shipped=True, settings=self.as_settings())]

    def as_settings(self) -> dict[str, Any]:
        """For the record."""
        parts = [{"name": name, "share": round(share, 6), **settings} for name, settings, share in self.parts]
        return {"tuned": parts}


def make(name: str, history: sp.csr_matrix, settings: dict[str, float]) -> Part:
    """A tuned part by its name."""
    if name == "popularity":
        return popular(history)
    if name == "spectrum":
        return spectrum(history, settings["power"], int(settings["dimensions"]))[0]
    if name == "autoencoder":
        return autoencoder(history, settings["ridge"], settings["dropout"])
    if name == "walks":
        return walks(history, settings["power"], settings["popularity"])
    if name == "ials":
        dimensions = int(settings["dimensions"])
        return factors(
            history,
            dimensions,
            settings["regularisation"] * (1 + dimensions / 40),
            settings["alpha"],
            settings["popularity"],
            int(settings["seed"]),
        )
    raise ValueError(name)


def tune(trial: Trial, tell: Callable[[str], None] = lambda _: None) -> Choice:
    """Find settings for each part and the shares of the blend, on what the trial held back."""
    walk = {"power": 0.6, "popularity": 0.4}
    if not len(trial.rows):
        tell("too little to hold any of it back: nothing is tuned")
        return Choice("plain", [("walks", walk, 1.0)])
    transform, spectra = _tune_spectrum(trial)
    history = trial.history(transform)
    tell(f"histories {transform}; spectrum {spectra[0]}")
    found: list[tuple[str, dict[str, float], Part]] = [("spectrum", *spectra)]
    encoder = _climb(
        trial,
        transform,
        "autoencoder",
        {"ridge": 60.0, "dropout": 0.5},
        {"ridge": lambda v, up: v * (3 if up else 1 / 3), "dropout": lambda v, up: (v + 0.9) / 2 if up else v / 2},
    )
    tell(f"autoencoder {encoder[0]}")
    found.append(("autoencoder", *encoder))
    start = {"dimensions": 32.0, "regularisation": 10.0, "alpha": 20.0, "popularity": 0.3, "seed": 1.0}
    steps = {
        "popularity": lambda v, up: round(v + (0.1 if up else -0.1), 2),
        "alpha": lambda v, up: v * (2 if up else 0.5),
        "dimensions": lambda v, up: min(256.0, v * 2) if up else max(8.0, v / 2),
    }
    settings, part = _climb(trial, transform, "ials", start, steps)
    tell(f"ials {settings}")
    found.append(("ials", settings, part))
    # iALS ends elsewhere from another start: several of them, of different sizes, are worth more than a bigger one
    many = 7 if history.nnz < TUNED_PAIRS / 3 else 3
    for seed in range(2, many + 1):
        size = settings["dimensions"] * (0.5, 0.75, 1.25, 1.5, 2.0, 2.5)[(seed - 2) % 6]
        other = {
            **settings,
            "dimensions": float(round(min(256, size))),
            "seed": float(seed),
        }
        found.append(("ials", other, make("ials", history, other)))
    found.append(("walks", walk, make("walks", history, walk)))
    found.append(("popularity", {}, popular(history)))
    shares, goal = _blend(trial, transform, [(name, part) for name, _, part in found])
    tell(f"blend {goal:.4f}")
    return Choice(
        transform,
        [(name, settings, share) for (name, settings, _), share in zip(found, shares, strict=True)],
    )


def _tune_spectrum(trial: Trial) -> tuple[str, tuple[dict[str, float], Part]]:
    best: tuple[float, str, dict[str, float], Part] | None = None
    wide = min(320 if trial.train.nnz < TUNED_PAIRS / 3 else 192, min(trial.train.shape) // 3)
    for transform in ("relative", "plain"):
        history = trial.history(transform)
        powers = [0.3, 0.2, 0.4] if best is None else [best[2]["power"]]
        for power in powers:
            for part in spectrum(history, power, max(2, wide), keep=4):
                goal = trial.goal(transform, [("spectrum", 1.0, part)])
                if best is None or goal > best[0]:
                    best = goal, transform, {"power": power, "dimensions": float(part.item.shape[1])}, part
    return best[1], (best[2], best[3])


def _climb(
    trial: Trial,
    transform: str,
    name: str,
    start: dict[str, float],
    steps: dict[str, Callable[[float, bool], float]],
) -> tuple[dict[str, float], Part]:
    """Move one setting at a time, up or down as long as it gains."""
    history = trial.history(transform)
    settings, part = start, make(name, history, start)
    goal = trial.goal(transform, [(name, 1.0, part)])
    for key, step in steps.items():
        for up in (True, False):
            moved = False
            for _ in range(3):
                other = {**settings, key: step(settings[key], up)}
                if other[key] == settings[key]:
                    break
                tried = make(name, history, other)
                reached = trial.goal(transform, [(name, 1.0, tried)])
                if reached <= goal * 1.003:
                    break
                settings, part, goal, moved = other, tried, reached, True
            if moved:
                break
    return settings, part


def _blend(trial: Trial, transform: str, parts: Sequence[tuple[str, Part]]) -> tuple[list[float], float]:
    """Shares of the parts by coordinate ascent, over the items that any of them would recommend."""
    history, known, truth = (matrix[trial.rows] for matrix in (trial.history(transform), trial.train, trial.truth))
    relevant = np.diff(truth.indptr)
    spread = [_spread(part, history[:200]) for _, part in parts]
    values, hits = _table(parts, spread, history, known, truth)
    families = [name for name, _ in parts]

    def goal(shares: np.ndarray) -> float:
        total = values @ shares.astype(np.float32)
        top = ranking.best(total, 20)
        right = np.take_along_axis(hits, top, axis=1)
        return float((ranking.ndcg(right, relevant, 10) + ranking.recall(right, relevant, 20)).mean())

    # the parts of a family move together at first: fewer shares to find means less chance taken for skill
    names = list(dict.fromkeys(families))
    member = np.array([[family == name for name in names] for family in families], dtype=float)
    member /= member.sum(axis=0)
    alone = [goal(member[:, number]) for number in range(len(names))]
    shares = np.zeros(len(names))
    shares[int(np.argmax(alone))] = 1.0
    best = max(alone)
    for _ in range(4):
        before = best
        for number in range(len(names)):
            for share in SHARES:
                other = shares.copy()
                other[number] = share
                if other.any() and (reached := goal(member @ other)) > best + 1e-6:
                    best, shares = reached, other
        if best <= before:
            break
    # who has no history is told nothing by the other parts, and gets what is popular
    shares[names.index("popularity")] = max(shares[names.index("popularity")], LAST_RESORT)
    final = member @ shares
    return [float(share / size) for share, size in zip(final, spread, strict=True)], best


def _spread(part: Part, history: sp.csr_matrix) -> float:
    return float(scores([("", 1.0, part)], history).std()) or 1.0


def _table(
    parts: Sequence[tuple[str, Part]],
    spread: Sequence[float],
    history: sp.csr_matrix,
    known: sp.csr_matrix,
    truth: sp.csr_matrix,
) -> tuple[np.ndarray, np.ndarray]:
    """Per listener the items that any part puts among its first, the parts' scores of them, and which are right."""
    values, right = [], []
    step = min(200, max(1, BATCH_CELLS * 4 // (history.shape[1] * len(parts))))
    for start in range(0, history.shape[0], step):
        rows = slice(start, start + step)
        hidden = known[rows]
        dense = []
        for (name, part), size in zip(parts, spread, strict=True):
            found = scores([(name, 1.0 / size, part)], history[rows])
            found[np.repeat(np.arange(len(found)), np.diff(hidden.indptr)), hidden.indices] = -1e6
            dense.append(found)
        tops = [ranking.best(found, CANDIDATES_OF_EACH) for found in dense]
        for row in range(dense[0].shape[0]):
            items = np.unique(np.concatenate([top[row] for top in tops]))
            values.append(np.stack([found[row, items] for found in dense], axis=1))
            right.append(np.isin(items, truth.indices[truth.indptr[start + row] : truth.indptr[start + row + 1]]))
    most = max(len(line) for line in right)
    table = np.full((len(values), most, len(parts)), -1e9, dtype=np.float32)
    hits = np.zeros((len(values), most), dtype=bool)
    for row, (line, found) in enumerate(zip(values, right, strict=True)):
        table[row, : len(found)], hits[row, : len(found)] = line, found
    return table, hits


def recommender(candidate: Candidate, plays: sp.csr_matrix, items: np.ndarray) -> Recommender:
    """A candidate with what the registry keeps beside it: the items, and the neighbours that reasons are made of."""
    linear = [(share, part.matrix) for _, share, part in candidate.parts if isinstance(part, Weights)]
    near = sum((matrix * share for share, matrix in linear[1:]), linear[0][1] * linear[0][0]) if linear else None
    if near is None:
        near = neighbours(transformed(plays, "plain"), "cosine", REASONS).matrix
    listeners = popular(plays).count
    return Recommender(items, listeners, candidate.transform, candidate.parts, strongest(near), candidate.settings)


def strongest(weights: sp.spmatrix) -> sp.csr_matrix:
    """What reasons are made of: of each item the largest weights for others."""
    near = weights.tocsr().copy()
    near.data[near.data < 0] = 0
    near.data[near.indices == np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))] = 0
    near.eliminate_zeros()
    return _kept(((rows, near[rows].toarray()) for rows in _blocks(near.shape[0])), REASONS)


def _of_listeners(history: sp.csr_matrix, diagonal: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows of the autoencoder's weights through an inverse of listeners × listeners (Woodbury's identity)."""
    history = history.astype(np.float64)
    scaled = _scaled(history, columns=1 / diagonal)
    inner = np.asarray((scaled @ history.T).todense())
    inner[np.diag_indices_from(inner)] += 1
    through = (_inverse(inner) @ scaled).astype(np.float32)
    across = scaled.T.tocsr().astype(np.float32)
    own = 1 / diagonal
    own -= np.asarray(_columns_product(scaled, through))
    for rows in _blocks(history.shape[1]):
        block = across[rows] @ through
        block /= own.astype(np.float32)
        yield rows, _no_self(block, rows)


def _columns_product(sparse: sp.csr_matrix, dense: np.ndarray) -> np.ndarray:
    """For each column the sum over rows of the products of two matrices."""
    pairs = sparse.tocoo()
    return np.bincount(pairs.col, weights=pairs.data * dense[pairs.row, pairs.col], minlength=sparse.shape[1])


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Of a symmetric positive definite matrix, in its own memory."""
    lower, failed = scipy.linalg.lapack.dpotrf(matrix.T, lower=True, overwrite_a=True)
    inverse, failed_too = scipy.linalg.lapack.dpotri(lower, lower=True, overwrite_c=True)
    if failed or failed_too:
        raise np.linalg.LinAlgError("the interactions cannot be inverted")
    above = np.triu_indices(1) if len(inverse) < 2 else None
    if above is None:
        for start in range(0, len(inverse), 1000):
            stop = min(start + 1000, len(inverse))
            inverse[start:stop, stop:] = inverse[stop:, start:stop].T
            block = inverse[start:stop, start:stop]
            block[:] = np.tril(block) + np.tril(block, -1).T
    return inverse


def _no_self(block: np.ndarray, rows: slice) -> np.ndarray:
    block[np.arange(len(block)), np.arange(rows.start, rows.start + len(block))] = 0
    return block


def _blocks(size: int, step: int = 500) -> Iterator[slice]:
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))


def _kept(blocks: Iterator[tuple[slice, np.ndarray]], count: int) -> sp.csr_matrix:
    """Of each row the ``count`` largest by size, equal ones in the order of columns."""
    data, columns, pointers = [], [], [np.zeros(1, dtype=np.int64)]
    width = 0
    for _, block in blocks:
        width = block.shape[1]
        chosen = ranking.best(np.abs(block), count)
        chosen.sort(axis=1)
        values = np.take_along_axis(block, chosen, axis=1).astype(np.float32)
        full = values != 0
        data.append(values[full])
        columns.append(chosen[full])
        pointers.append(full.sum(axis=1))
    ends = np.cumsum(np.concatenate(pointers))
    return sp.csr_matrix((np.concatenate(data), np.concatenate(columns), ends), shape=(len(ends) - 1, width))


def _weights(similarity: sp.spmatrix) -> sp.csr_matrix:
    made = similarity.tocsr().astype(np.float32)
    made.data = np.nan_to_num(made.data)
    return made


def _scaled(matrix: sp.csr_matrix, rows: np.ndarray | None = None, columns: np.ndarray | None = None) -> sp.csr_matrix:
    made = matrix.astype(np.float64)
    if rows is not None:
        made.data *= np.repeat(rows, np.diff(made.indptr))
    if columns is not None:
        made.data *= columns[made.indices]
    return made
