"""``train recommender``: candidates learn from all streams but the latest, meet on those, and the best may serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import scipy.sparse as sp

from scripts import gate, registry
from scripts.console import USAGE, Stop, say, timed
from scripts.faults import fault_point
from scripts.home import PROJECT
from scripts.models import ranking, recommender
from scripts.models.recommending import MODEL, from_files, to_files
from scripts.warehouse import warehouse

LISTENING = "intermediate.int_discovery__listening"
GATE_DAYS = 14
QUALITY_LEFT = 0.8
FEWEST_PLAYED = 2
CODE = ("scripts/models/recommender.py", "scripts/models/recommending.py", "scripts/models/ranking.py")


@dataclass(frozen=True)
class Streams:
    """Streams by day: positions of listeners and tracks, in the order of their ids."""

    accounts: np.ndarray
    countries: np.ndarray
    tracks: np.ndarray
    account: np.ndarray
    track: np.ndarray
    day: np.ndarray
    streams: np.ndarray

    def matrix(self, first: date, last: date) -> sp.csr_matrix:
        """Streams of a window, listeners × tracks."""
        inside = (self.day >= _number(first)) & (self.day <= _number(last))
        values = (self.streams[inside].astype(np.float64), (self.account[inside], self.track[inside]))
        made = sp.csr_matrix(values, shape=(len(self.accounts), len(self.tracks)))
        made.sum_duplicates()
        return made

    def discovered(self, first: date, last: date, known: sp.csr_matrix) -> sp.csr_matrix:
        """What listeners played in a window and never before."""
        played = self.matrix(first, last)
        played.data[:] = 1
        before = known.copy()
        before.data[:] = 1
        new = (played - played.multiply(before)).tocsr()
        new.eliminate_zeros()
        return new


def read_streams(connection: duckdb.DuckDBPyConnection, cutoff: date) -> Streams:
    """What was streamed up to ``cutoff`` of tracks that several listeners played."""
    try:
        found = connection.execute(
            f"""
            with streams as (
                select *, dense_rank() over (order by account_id) - 1 as account
                from {LISTENING} where played_on <= $cutoff
            ),
            tracks as (
                select track_id, row_number() over (order by track_id) - 1 as track from streams
                group by track_id having count(distinct account_id) >= {FEWEST_PLAYED}
            )
            select account, track, played_on - date '1970-01-01' as day, streams, account_id, track_id, members.country
            from streams inner join tracks using (track_id) left join core.dim_member as members using (account_id)
            order by account, track, day
            """,
            {"cutoff": cutoff},
        ).fetch_arrow_table()
    except duckdb.CatalogException:
        raise Stop("the warehouse has no streams for recommendations; run `./nightshift build` first", USAGE) from None
    if not found.num_rows:
        raise Stop("nothing to learn from: no track has two listeners", USAGE)
    account, track = (found[name].to_numpy().astype(np.int64) for name in ("account", "track"))
    account = np.unique(account, return_inverse=True)[1]
    first = np.unique(account, return_index=True)[1]
    first_track = np.unique(track, return_index=True)[1]
    take = {name: found[name].to_pylist() for name in ("account_id", "track_id", "country")}
    return Streams(
        np.array([take["account_id"][row] for row in first]),
        np.array([take["country"][row] or "" for row in first]),
        np.array([take["track_id"][row] for row in first_track]),
        account,
        track,
        found["day"].to_numpy().astype(np.int64),
        found["streams"].to_numpy(),
    )


@dataclass(frozen=True)
class Windows:
    """What is learned from, and the later days on which candidates meet."""

    first: date
    trained_to: date
    last: date


def windows(streams: Streams) -> Windows:
    """The last two weeks are kept for the gate."""
    first, last = (date(1970, 1, 1) + timedelta(days=int(day)) for day in (streams.day.min(), streams.day.max()))
    if (last - first).days < 3 * GATE_DAYS:
        raise Stop(f"only {(last - first).days + 1} days of streams; {3 * GATE_DAYS + 1} are needed to train", USAGE)
    return Windows(first, last - timedelta(days=GATE_DAYS), last)


def train(cutoff: date, may_promote: bool) -> None:
    """Train all candidates, register the best of them on the later window, and let the gate decide."""
    registry.sweep(MODEL)
    with warehouse(read_only=True) as connection:
        streams = read_streams(connection, cutoff)
    spans = windows(streams)
    plays = streams.matrix(spans.first, spans.trained_to)
    truth = streams.discovered(spans.trained_to + timedelta(days=1), spans.last, plays)
    rows = np.flatnonzero((np.diff(truth.indptr) > 0) & (np.diff(plays.indptr) > 0))
    if len(rows) < gate.FEWEST_UNITS:
        raise Stop(f"only {len(rows)} listeners found something new in the later window", USAGE)
    with timed("train", "tuned") as said:
        early = spans.trained_to - timedelta(days=GATE_DAYS)
        before = streams.matrix(spans.first, early)
        held = recommender.hold_back(before, streams.discovered(early + timedelta(days=1), spans.trained_to, before))
        choice = recommender.tune(held)
        said.append(f"{plays.nnz:,} pairs up to {spans.trained_to}")
    found = []
    with timed("train", "fitted and compared") as said:
        for candidate in (*recommender.baselines(plays), *choice.fit(plays)):
            figures = _figures(candidate.parts, candidate.transform, plays, truth, rows)
            found.append((candidate, figures))
        said.append(f"{len(found)} candidates on {len(rows):,} listeners up to {spans.last}")
    table = {candidate.name: _means(figures) for candidate, figures in found}
    for name, means in table.items():
        say("train", f"  {name}: NDCG@10 {means['ndcg@10']:.4f}, recall@20 {means['recall@20']:.4f}")
    best, figures = max(found, key=lambda pair: (round(pair[1]["ndcg@10"].mean(), 6), pair[0].shipped, pair[0].name))
    model = recommender.recommender(best, plays, streams.tracks)
    chosen = _lists(model, plays, rows)
    record = {
        "window": {"first": str(spans.first), "last": str(spans.trained_to)},
        "gate_window": {"first": str(spans.trained_to + timedelta(days=1)), "last": str(spans.last)},
        "candidate": best.name,
        "listeners": int((np.diff(plays.indptr) > 0).sum()),
        "tracks": len(streams.tracks),
        "pairs": int(plays.nnz),
        "data": registry.data_fingerprint(plays.data, plays.indices, plays.indptr),
        "code": registry.fingerprint([PROJECT / path for path in CODE]),
        "metrics": _means(figures),
        "candidates": table,
        "beyond_accuracy": _beyond(chosen, plays),
        "by_country": _by(streams.countries[rows], figures["ndcg@10"]),
    }
    fault_point("train:before-register")
    version = registry.register(MODEL, to_files(model), record, spans.trained_to)
    say("train", f"registered {MODEL}/{version.name}: {best.name}")
    verdict, serving = _judge(version, figures, plays, truth, rows, streams, table)
    say("train", verdict.reason)
    if verdict.passed and may_promote and serving != version.name:
        registry.promote(MODEL, version.name, cutoff, verdict.reason, "gate", verdict.as_record())
        say("train", f"{version.name} serves from the next night")
    elif serving != version.name:
        registry.decide(MODEL, version.name, "keep", cutoff, verdict.reason, "gate", verdict.as_record())


def _judge(
    version: registry.Version,
    figures: dict[str, np.ndarray],
    plays: sp.csr_matrix,
    truth: sp.csr_matrix,
    rows: np.ndarray,
    streams: Streams,
    table: dict[str, dict[str, float]],
) -> tuple[gate.Verdict, str | None]:
    serving = registry.champion(MODEL)
    if serving == version.name:
        return gate.Verdict(False, "it serves already", {}), serving
    if serving is None:
        plain = transformed_popular(plays, truth, rows)
        difference = gate.compare(gate.mean_of(plain, figures["ndcg@10"]), len(rows))
        said = f"NDCG@10 {difference.challenger:.4f}, popularity {difference.champion:.4f}"
        good = difference.verdict == "better"
        word = "the first, and better than popularity" if good else "no better than popularity"
        return gate.Verdict(good, f"{word}: {said}", {"ndcg@10": difference}), None
    champion = registry.load(MODEL, serving)
    theirs = champion_figures(champion, plays, truth, rows, streams.tracks)
    metrics = {name: gate.mean_of(theirs[name], figures[name]) for name in ("ndcg@10", "recall@20")}
    segments = {}
    for country in np.unique(streams.countries[rows]):
        inside = streams.countries[rows] == country
        part = gate.mean_of(theirs["ndcg@10"][inside], figures["ndcg@10"][inside])
        segments[str(country)] = (part, int(inside.sum()))
    newer = version.trained_to > champion.trained_to
    return gate.judge(metrics, len(rows), newer=newer, segments=segments), serving


def transformed_popular(plays: sp.csr_matrix, truth: sp.csr_matrix, rows: np.ndarray) -> np.ndarray:
    """NDCG@10 of what is popular, listener by listener."""
    return _figures([("popularity", 1.0, recommender.popular(plays))], "plain", plays, truth, rows)["ndcg@10"]


def champion_figures(
    version: registry.Version, plays: sp.csr_matrix, truth: sp.csr_matrix, rows: np.ndarray, tracks: np.ndarray
) -> dict[str, np.ndarray]:
    """A registered version on the same listeners and window; tracks it never saw it cannot find."""
    model = from_files({name: version.read(name) for name in version.record["files"]})
    place = {item: position for position, item in enumerate(model.items.tolist())}
    to = np.array([place.get(track, -1) for track in tracks.tolist()])
    width = len(model.items) + int((to < 0).sum())
    to[to < 0] = np.arange(len(model.items), width)

    def moved(matrix: sp.csr_matrix) -> sp.csr_matrix:
        pairs = matrix[rows].tocoo()
        return sp.csr_matrix((pairs.data, (pairs.row, to[pairs.col])), shape=(len(rows), width))

    known, wanted = moved(plays), moved(truth)
    seen = known[:, : len(model.items)].tocsr()
    figures = recommender.measure(model.parts, model.histories(seen), seen, wanted[:, : len(model.items)].tocsr())
    return figures if width == len(model.items) else _of_all(figures, wanted, len(model.items))


def _of_all(figures: dict[str, np.ndarray], wanted: sp.csr_matrix, seen: int) -> dict[str, np.ndarray]:
    """Measured over what a model knows; put on the scale of all there was to find."""
    total = np.diff(wanted.indptr)
    inside = np.diff(wanted[:, :seen].tocsr().indptr)
    found = {}
    for name, values in figures.items():
        count = int(name.split("@")[1])
        if name.startswith("recall"):
            scale = inside / total
        else:
            scale = ranking.IDEAL[np.minimum(inside, count)] / ranking.IDEAL[np.minimum(total, count)]
        found[name] = np.where(inside > 0, np.nan_to_num(values) * scale, 0.0)
    return found


def _figures(
    parts: Any,  # noqa: ANN401
    transform: str,
    plays: sp.csr_matrix,
    truth: sp.csr_matrix,
    rows: np.ndarray,
) -> dict[str, np.ndarray]:
    return recommender.measure(parts, recommender.transformed(plays[rows], transform), plays[rows], truth[rows])


def _means(figures: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: round(float(values.mean()), 6) for name, values in figures.items()}


def _lists(model: Any, plays: sp.csr_matrix, rows: np.ndarray) -> np.ndarray:  # noqa: ANN401
    return np.concatenate([chosen for _, chosen, _ in model.lists(plays[rows], 10)])


def _beyond(chosen: np.ndarray, plays: sp.csr_matrix) -> dict[str, float]:
    """Coverage (share of tracks on any list of ten), novelty (bits), mean share of listeners a listed track has."""
    listeners = np.bincount(plays.indices, minlength=plays.shape[1])
    share = np.maximum(listeners[chosen], 1) / max(1, int((np.diff(plays.indptr) > 0).sum()))
    return {
        "coverage": round(len(np.unique(chosen)) / plays.shape[1], 6),
        "novelty": round(float(-np.log2(share).mean()), 6),
        "popularity": round(float(share.mean()), 6),
    }


def _by(names: np.ndarray, values: np.ndarray) -> dict[str, float]:
    return {str(name): round(float(values[names == name].mean()), 6) for name in np.unique(names)}


def reasons_due(version: registry.Version, day: date, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Why the version that serves should have a successor on ``day``; empty if it need not."""
    streams = read_streams(connection, day)
    spans = windows(streams)
    age = (spans.trained_to - version.trained_to).days
    found = gate.too_old(age)
    if age >= GATE_DAYS:
        plays = streams.matrix(spans.first, spans.trained_to)
        truth = streams.discovered(spans.trained_to + timedelta(days=1), spans.last, plays)
        rows = np.flatnonzero((np.diff(truth.indptr) > 0) & (np.diff(plays.indptr) > 0))[:2000]
        reached = float(champion_figures(version, plays, truth, rows, streams.tracks)["ndcg@10"].mean())
        promised = version.record["metrics"]["ndcg@10"]
        if len(rows) >= gate.FEWEST_UNITS and reached < QUALITY_LEFT * promised:
            found.append(
                f"quality: NDCG@10 {reached:.4f} in the last {GATE_DAYS} days, {promised:.4f} when it was made"
            )
    return found


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
