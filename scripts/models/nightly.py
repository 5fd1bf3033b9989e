"""A night's recommendations, for the dbt models that ask: the champion's tables, histories in, candidates out."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from scripts import registry
from scripts.models.recommending import MODEL, NEIGHBOURS, Recommender, from_files

CANDIDATES = 100
LISTENERS_AT_ONCE = 50_000
SCORED = pa.schema(
    {
        "account_id": pa.string(),
        "track_id": pa.string(),
        "score": pa.float64(),
        "model_version": pa.string(),
    }
)
SIMILAR = "select cast(null as varchar) as item, cast(null as varchar) as similar_item, cast(null as double) as weight"


def champion(day: date | None) -> tuple[str, Recommender] | None:
    """The version that serves on ``day``, read and checked; None without one."""
    serving = registry.champion(MODEL, until=day) if day else None
    if serving is None:
        return None
    version = registry.load(MODEL, serving)
    return serving, from_files({name: version.read(name) for name in version.record["files"]})


def score_listeners(histories: Any, day: date | None, session: Any) -> Any:  # noqa: ANN401 (DuckDB relations)
    """The best candidates of every listener with a history, in batches of listeners; a relation of DuckDB."""
    serving = champion(day)
    if serving is None:
        return SCORED.empty_table()
    return scored(*serving, histories, session)


def scored(version: str, model: Recommender, histories: Any, session: Any) -> Any:  # noqa: ANN401 (DuckDB relations)
    """The best candidates by one model, in batches of listeners."""
    session.execute("create or replace temp table recommended_scores (account_id varchar, track_id varchar, "
                    "score double, model_version varchar)")  # fmt: skip
    accounts = [row[0] for row in histories.project("account_id").distinct().order("account_id").fetchall()]
    for start in range(0, len(accounts), LISTENERS_AT_ONCE):
        first, last = accounts[start], accounts[min(start + LISTENERS_AT_ONCE, len(accounts)) - 1]
        batch = histories.filter(f"account_id between '{first}' and '{last}'")
        rows = candidates(model, batch.project("account_id, track_id, streams, is_known").to_arrow_table(), version)
        session.register("recommended_batch", rows)
        session.execute("insert into recommended_scores select * from recommended_batch")
        session.unregister("recommended_batch")
    return session.table("recommended_scores")


def candidates(model: Recommender, played: pa.Table, version: str) -> pa.Table:
    """The best tracks of each listener but those they know. Tracks the model never saw count for nothing."""
    accounts, account = _encoded(played["account_id"])
    order = np.argsort(accounts, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    accounts, account = accounts[order], rank[account]
    names, track = _encoded(played["track_id"])
    place = {item: position for position, item in enumerate(model.items.tolist())}
    position = np.array([place.get(name, -1) for name in names.tolist()], dtype=np.int64)[track]
    streams = played["streams"].to_numpy().astype(np.float64)
    known = played["is_known"].to_numpy(zero_copy_only=False).astype(bool)
    in_model = position >= 0
    shape = (len(accounts), len(model.items))

    def matrix(chosen: np.ndarray, values: np.ndarray) -> sp.csr_matrix:
        return sp.csr_matrix((values[chosen], (account[chosen], position[chosen])), shape=shape)

    plays = matrix(in_model, streams)
    hidden = matrix(in_model & known, streams)
    kept_account, kept_item, kept_score = [], [], []
    for rows, chosen, score in model.lists(plays, CANDIDATES, hidden):
        good = np.isfinite(score) & (np.diff(plays.indptr)[rows] > 0)[:, None]
        kept_account.append(np.repeat(np.arange(rows.start, rows.stop), good.sum(axis=1)))
        kept_item.append(chosen[good])
        kept_score.append(score[good])
    account = np.concatenate(kept_account) if kept_account else np.zeros(0, dtype=np.int64)
    item = np.concatenate(kept_item) if kept_item else np.zeros(0, dtype=np.int64)
    # six decimals: what BLAS sums in another order stays equal
    score = np.round(np.concatenate(kept_score).astype(np.float64), 6) if kept_score else np.zeros(0)
    return pa.table(
        {
            "account_id": pa.DictionaryArray.from_arrays(pa.array(account), pa.array(accounts.astype(str))),
            "track_id": pa.DictionaryArray.from_arrays(pa.array(item.astype(np.int64)), pa.array(model.items)),
            "score": pa.array(score),
            "model_version": pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(score), dtype=np.int32)), pa.array([version])
            ),
        }
    )


def similar_tracks(lists: Any, day: date | None, session: Any) -> Any:  # noqa: ANN401
    """The champion's item-to-item weights that lead to a track on tonight's lists: item, similar item, weight."""
    serving = registry.champion(MODEL, until=day) if day else None
    if serving is None:
        return session.sql(f"{SIMILAR} where false")
    version = registry.load(MODEL, serving)
    lists.project("track_id").distinct().create_view("recommended_tracks", replace=True)
    return session.sql(
        f"select cast(item as varchar) as item, cast(similar_item as varchar) as similar_item, "
        f"round(cast(weight as double), 6) as weight from read_parquet('{version.path / NEIGHBOURS}') "
        "where similar_item in (select track_id from recommended_tracks)"
    )


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    encoded = column.combine_chunks().dictionary_encode()
    return np.asarray(encoded.dictionary.to_pylist(), dtype=str), encoded.indices.to_numpy()
