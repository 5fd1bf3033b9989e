"""A night's recommendations, for the dbt models that ask: the champion's tables, histories in, candidates out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from scripts import registry
from scripts.models.recommending import MODEL, NEIGHBOURS, Closed, Recommender, from_files

CANDIDATES = 100
LISTENERS_AT_ONCE = 100_000
SCORED = pa.schema(
    {
        "listener_no": pa.int32(),
        "place": pa.int32(),
        "track_no": pa.int32(),
        "score": pa.float64(),
        "model_version": pa.string(),
    }
)
SIMILAR = "select 0 as track_no, 0 as similar_no, cast(0 as double) as weight"


def champion(day: date | None) -> tuple[str, Recommender] | None:
    """The version that serves on ``day``, read and checked; None without one."""
    serving = registry.champion(MODEL, until=day) if day else None
    if serving is None:
        return None
    version = registry.load(MODEL, serving)
    return serving, from_files({name: version.read(name) for name in version.record["files"]})


@dataclass(frozen=True)
class Tables:
    """Tonight's tables, as relations of DuckDB: who is due, what they played, what the rules leave."""

    due: Any
    histories: Any
    tracks: Any
    offered: Any
    hidden: Any

    def batch(self, first: int, last: int) -> Batch:
        """The listeners from one number to another who get a list of their own; those held out get what is popular."""
        within = f"listener_no between {first} and {last}"
        due = self.due.filter(f"{within} and not is_holdout").order("listener_no")
        return Batch(
            due.project("listener_no, country, explicit_content").to_arrow_table(),
            self.histories.filter(within).project("listener_no, track_no, streams").to_arrow_table(),
            self.hidden.filter(within).project("listener_no, track_no").to_arrow_table(),
        )


@dataclass(frozen=True)
class Batch:
    """Some listeners: who they are, what they played, what they are not recommended."""

    due: pa.Table
    histories: pa.Table
    hidden: pa.Table


class Catalogue:
    """The model's items by the numbers of tracks, and which of them are closed to an audience."""

    def __init__(self, model: Recommender, tracks: pa.Table, offered: pa.Table) -> None:
        number_of = dict(zip(tracks["track_id"].to_pylist(), tracks["track_no"].to_pylist(), strict=True))
        # 0 is the number of no track
        self.number = np.array([number_of.get(item, 0) for item in model.items.tolist()], dtype=np.int32)
        self.item = np.full(1 + max(number_of.values(), default=0), -1, dtype=np.int32)
        self.item[self.number] = np.arange(len(self.number))
        self.item[0] = -1
        self.offered: dict[tuple[str, bool], np.ndarray] = {}
        keys = offered.group_by(["country", "explicit_content"]).aggregate([("track_no", "list")])
        for country, explicit, track in zip(*(keys[name] for name in keys.column_names), strict=True):
            open_to = np.zeros(len(self.item), dtype=bool)
            open_to[track.values.to_numpy()] = True
            self.offered[country.as_py(), explicit.as_py()] = open_to

    def closed(self, due: pa.Table) -> Closed:
        """For each listener the audience, and for each audience the items that are not offered to it."""
        country = due["country"].combine_chunks().dictionary_encode()
        names, explicit = country.dictionary.to_pylist(), due["explicit_content"].to_numpy(zero_copy_only=False)
        kinds, audience = np.unique(2 * country.indices.to_numpy() + explicit.astype(np.int32), return_inverse=True)
        nothing = np.zeros(len(self.item), dtype=bool)
        open_to = [self.offered.get((names[kind // 2], bool(kind % 2)), nothing) for kind in kinds.tolist()]
        return Closed(audience, [np.flatnonzero(~tracks[self.number]) for tracks in open_to])


def score_listeners(tables: Tables, day: date | None, session: Any) -> Any:  # noqa: ANN401 (DuckDB relations)
    """The best candidates of every listener with a history, in batches of listeners; a relation of DuckDB."""
    serving = champion(day)
    if serving is None:
        return SCORED.empty_table()
    return scored(*serving, tables, session)


def scored(version: str, model: Recommender, tables: Tables, session: Any) -> Any:  # noqa: ANN401 (DuckDB relations)
    """The best candidates by one model, in batches of listeners."""
    session.execute("create or replace temp table recommended_scores (listener_no integer, place integer, "
                    "track_no integer, score double, model_version varchar)")  # fmt: skip
    catalogue = Catalogue(model, tables.tracks.project("track_no, track_id").to_arrow_table(),
                          tables.offered.to_arrow_table())  # fmt: skip
    (last,) = tables.due.aggregate("coalesce(max(listener_no), 0)").fetchone()
    for start in range(1, last + 1, LISTENERS_AT_ONCE):
        batch = tables.batch(start, start + LISTENERS_AT_ONCE - 1)
        session.register("recommended_batch", candidates(model, catalogue, batch, version))
        session.execute("insert into recommended_scores select * from recommended_batch")
        session.unregister("recommended_batch")
    return session.table("recommended_scores")


def candidates(model: Recommender, catalogue: Catalogue, batch: Batch, version: str) -> pa.Table:
    """The best tracks of each listener that the rules leave. Tracks the model never saw count for nothing."""
    listeners = batch.due["listener_no"].to_numpy()
    shape = (len(listeners), len(model.items))

    def matrix(table: pa.Table, values: np.ndarray) -> sp.csr_matrix:
        """A row for each listener who is due, a column for each item that the model knows."""
        number, item = table["listener_no"].to_numpy(), catalogue.item[table["track_no"].to_numpy()]
        row = np.minimum(np.searchsorted(listeners, number), len(listeners) - 1)
        inside = (listeners[row] == number) & (item >= 0)
        return sp.csr_matrix((values[inside], (row[inside], item[inside])), shape=shape)

    if not len(listeners):
        return SCORED.empty_table()
    plays = matrix(batch.histories, batch.histories["streams"].to_numpy().astype(np.float64))
    hidden = matrix(batch.hidden, np.ones(len(batch.hidden), dtype=np.float32))
    rows_kept, items, values = [], [], []
    for rows, chosen, score in model.lists(plays, CANDIDATES, hidden, catalogue.closed(batch.due)):
        # nothing is recommended on no word of the model at all
        good = np.isfinite(score) & (score != 0) & (np.diff(plays.indptr)[rows] > 0)[:, None]
        rows_kept.append(rows.start + np.flatnonzero(good) // good.shape[1])
        items.append(chosen[good])
        values.append(score[good])
    row, item = np.concatenate(rows_kept), np.concatenate(items)
    # six decimals: what BLAS sums in another order stays equal
    score = np.round(np.concatenate(values).astype(np.float64), 6)
    number = catalogue.number[item]
    order = np.lexsort((number, -score, row))
    size = np.bincount(row, minlength=len(listeners))
    place = np.arange(1, len(row) + 1) - np.repeat(np.cumsum(size) - size, size)
    return pa.table(
        {
            "listener_no": pa.array(listeners[row[order]].astype(np.int32)),
            "place": pa.array(place.astype(np.int32)),
            "track_no": pa.array(number[order]),
            "score": pa.array(score[order]),
            "model_version": pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(score), dtype=np.int32)), pa.array([version])
            ),
        }
    )


def champions_similar_tracks(lists: Any, tracks: Any, day: date | None, session: Any) -> Any:  # noqa: ANN401
    """The champion's item-to-item weights that lead to a track on tonight's lists, by numbers."""
    serving = registry.champion(MODEL, until=day) if day else None
    if serving is None:
        return session.sql(f"{SIMILAR} where false")
    return similar_tracks(lists, tracks, str(registry.load(MODEL, serving).path / NEIGHBOURS), session)


def similar_tracks(lists: Any, tracks: Any, file: str, session: Any) -> Any:  # noqa: ANN401 (DuckDB relations)
    """The weights of a file that lead to a track on the lists."""
    lists.project("track_no").distinct().create_view("recommended_tracks", replace=True)
    tracks.create_view("numbered_tracks", replace=True)
    return session.sql(
        "select tracks.track_no, others.track_no as similar_no, round(cast(near.weight as double), 6) as weight "
        f"from read_parquet('{file}') as near "
        "inner join numbered_tracks as tracks on tracks.track_id = cast(near.item as varchar) "
        "inner join numbered_tracks as others on others.track_id = cast(near.similar_item as varchar) "
        "where others.track_no in (select track_no from recommended_tracks)"
    )
