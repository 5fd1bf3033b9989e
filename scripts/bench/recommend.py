"""A night's recommendations at size, beside ``implicit``'s own recommend for the same model over the same histories.

    .venv/bin/python -m scripts.bench.recommend --listeners 200000 --items 50000

"scores" is what the dbt Python model does: histories out of DuckDB, the product, the best candidates back into it.
"rules and reasons" is the SQL of the project's own models, as dbt compiles it: who is due, what may be recommended, the
lists, the reasons, the mart. Each step runs in a process of its own, so that its seconds, its processor and its peak of
memory are its own. A tenth of the lists are compared: without rules, both have to name the same tracks.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from scripts.bench.page import keep
from scripts.bench.world import compiled, make
from scripts.home import PROJECT
from scripts.models import nightly, recommender
from scripts.models.recommending import Folded, Recommender, from_files, to_files, transformed

LIST = 50
# implicit is asked for so many listeners at once: what it makes of them at a time is of the size that ours is
AT_ONCE = 10_000
COMPARED = 10
LEARNED_FROM = 20_000
FACTORS, REGULARISATION, ALPHA, NEIGHBOURS = 64, 10.0, 20.0, 100
BEFORE = ("int_discovery__due_listeners", "int_discovery__histories", "int_discovery__popular")
AFTER = ("int_discovery__allowed", "int_discovery__lists", "int_discovery__reasons", "fct_recommendations")
WORLD = """
    create schema core; create schema intermediate; create schema discovery; create schema ops;
    create table ops.horizon as select date '2026-02-01' as on_date;
    create table core.dim_member as
        select printf('a%07d', i) as account_id, chr(65 + (i % 20)::integer) || 'X' as country, i % 7 > 0 as
            explicit_content, null::date as closed_on, null::date as removed_on, date '2025-01-01' as created_on
        from range($listeners) as r(i);
    create table core.dim_track as
        select printf('t%06d', i) as track_id, printf('h%05d', i // 8) as artist_id, 'Song ' || i as title,
            i % 11 = 0 as is_explicit, if(i % 97 = 0, timestamp '2026-01-15', null) as taken_down_at,
            null::date as removed_on, date '2026-01-20' - (hash(i) % 3000)::integer as released_on
        from range($items) as r(i);
    create table core.dim_availability as
        select track_id, 'WW' as territory, date '2020-01-01' as valid_from, null::date as valid_to,
            true as is_available
        from core.dim_track
        union all
        select track_id, 'AX', date '2020-01-01', null, false from core.dim_track where hash(track_id) % 20 = 0;
    create table core.fct_blocks as
        select printf('b%d', i) as block_id, printf('a%07d', (i * 13) % $listeners) as account_id,
            if(i % 2 = 0, 'track', 'artist') as item_kind,
            if(i % 2 = 0, printf('t%06d', (hash(i) % $items)::bigint),
                printf('h%05d', (hash(i) % ($items // 8))::bigint)) as item_id,
            true as is_on, timestamp '2026-01-10' as changed_at
        from range($listeners // 2) as r(i);
    create table intermediate.int_discovery__served (account_id varchar, served_on date, rank integer, track_id varchar,
        score decimal(18, 6), reason_ids varchar, reason_text varchar, model_version varchar, is_holdout boolean);
    create table intermediate.int_discovery__listening as
        select date '2026-02-01' - (hash(listener, item) % 28)::integer as played_on,
            printf('a%07d', listener) as account_id, printf('t%06d', item) as track_id,
            chr(65 + (listener % 20)::integer) || 'X' as country, plays::bigint as streams,
            0::bigint as recommended_streams
        from plays;
"""


@click.command()
@click.option("--listeners", default=200_000, show_default=True)
@click.option("--items", default=50_000, show_default=True)
@click.option("--history", default=30, show_default=True, help="Tracks that a listener has played, on the average.")
@click.option("--kind", "kinds", type=click.Choice(["ials", "neighbours"]), multiple=True,
              default=["ials", "neighbours"], show_default=True)  # fmt: skip
@click.option("--step", hidden=True, help="One step, in this process.")
@click.option("--home", type=click.Path(path_type=Path), help="Where it is made (default: a temporary folder).")
def main(listeners: int, items: int, history: int, kinds: tuple[str, ...], step: str | None, home: Path | None) -> None:
    """Run it, and keep the figures for docs/performance.md."""
    if step:
        began, used = time.perf_counter(), time.process_time()
        found = STEPS[step](home, kinds[0], listeners, items, history)
        print(json.dumps({
            "seconds": round(found.pop("seconds", time.perf_counter() - began), 2),
            "cpu_seconds": round(found.pop("cpu_seconds", time.process_time() - used), 2),
            "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2), **found,
        }))  # fmt: skip
        return
    with tempfile.TemporaryDirectory(dir=home, prefix="nightshift-bench-") as name:
        folder = Path(name)
        (folder / "models.json").write_text(json.dumps(compiled(folder, [*BEFORE, *AFTER])))
        result: dict[str, Any] = {"listeners": listeners, "items": items, "history": history, "kinds": {}}
        for kind in kinds:
            steps = result["kinds"][kind] = {}
            for step_name in STEPS:
                options = {"step": step_name, "home": name, "kind": kind, "listeners": listeners, "items": items,
                           "history": history}  # fmt: skip
                command = [sys.executable, "-m", "scripts.bench.recommend"]
                command += [text for key, value in options.items() for text in (f"--{key}", str(value))]
                done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
                if done.returncode:
                    sys.exit(done.stderr)
                steps[step_name] = json.loads(done.stdout.splitlines()[-1])
                click.echo(f"{kind:11} {step_name:18} {steps[step_name]}", err=True)
            ours = [steps[part] for part in ("scores", "rules and reasons")]
            for key, said in (("seconds", "times"), ("cpu_seconds", "times_cpu")):
                steps[said] = round(sum(part[key] for part in ours) / steps["implicit"][key], 2)
    click.echo(json.dumps(result, indent=1))
    keep("recommend", result)


def _make(folder: Path, kind: str, listeners: int, items: int, history: int) -> dict[str, Any]:
    """Histories by Zipf's law and by taste, all of tracks known well; a model learned from some; the warehouse."""
    rng = np.random.default_rng(1)
    pairs = listeners * history
    listener = np.repeat(np.arange(listeners), history)
    item = np.minimum((items ** (0.25 + 0.75 * rng.random(pairs))).astype(np.int64), items) - 1
    own = rng.random(pairs) < 0.7
    item[own] = (item[own] // 40 * 40 + (listener[own] * 7919) % 40) % items
    plays = sp.csr_matrix((rng.integers(3, 12, pairs).astype(np.float64), (listener, item)), shape=(listeners, items))
    plays.sum_duplicates()
    sp.save_npz(folder / "plays.npz", plays, compressed=False)
    some = transformed(plays[:: max(1, listeners // LEARNED_FROM)], "relative")
    near = recommender.neighbours(some, "cosine", NEIGHBOURS)
    part: Any = recommender.factors(some, FACTORS, REGULARISATION, ALPHA, rounds=3) if kind == "ials" else near
    names = np.array([f"t{number:06d}" for number in range(items)])
    played_by = recommender.popular(plays).listeners
    model = Recommender(names, played_by, "relative", [(kind, 1.0, part)], recommender.strongest(near.matrix))
    for name, content in to_files(model).items():
        (folder / name).write_bytes(content)
    (folder / "warehouse.duckdb").unlink(missing_ok=True)
    models = json.loads((folder / "models.json").read_text())
    with _warehouse(folder) as connection:
        found = plays.tocoo()
        columns = {"listener": found.row, "item": found.col, "plays": found.data}
        connection.register("plays", pa.table(columns))
        connection.execute(WORLD.replace("$listeners", str(listeners)).replace("$items", str(items)))
        for name in BEFORE:
            make(connection, models, name)
    return {"pairs": plays.nnz}


def _implicit(folder: Path, kind: str, *_: int) -> dict[str, Any]:
    """The library's own recommend, over the same model and histories; its loading is not counted."""
    model = _model(folder)
    history = transformed(sp.load_npz(folder / "plays.npz"), "relative")
    ((_, _, part),) = model.parts
    warnings.simplefilter("ignore")
    if isinstance(part, Folded):
        from implicit.als import AlternatingLeastSquares

        theirs: Any = AlternatingLeastSquares(
            factors=FACTORS, regularization=part.regularisation, alpha=ALPHA, use_gpu=False, num_threads=2
        )
        theirs.item_factors = part.item.copy()
        theirs.user_factors = np.zeros((history.shape[0], part.item.shape[1]), dtype=np.float32)
        more = {"recalculate_user": True}
    else:
        from implicit.nearest_neighbours import ItemItemRecommender, NearestNeighboursScorer

        theirs, more = ItemItemRecommender(K=NEIGHBOURS, num_threads=2), {}
        theirs.similarity = part.matrix.astype(np.float64)
        theirs.scorer = NearestNeighboursScorer(theirs.similarity)
        history = history.astype(np.float64)
    found = []
    began, used = time.perf_counter(), time.process_time()
    for start in range(0, history.shape[0], AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, history.shape[0]))
        found.append(theirs.recommend(rows, history[rows], N=LIST, filter_already_liked_items=True, **more)[0])
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    np.save(folder / "implicit.npy", np.concatenate(found)[::COMPARED])
    return spent


def _scores(folder: Path, *_: object) -> dict[str, Any]:
    """What the dbt Python model int_discovery__scored does in a night."""
    model = _model(folder)
    with _warehouse(folder) as connection:
        began, used = time.perf_counter(), time.process_time()
        histories = connection.table("intermediate.int_discovery__histories")
        made = nightly.scored("v1", model, histories, connection)
        made.create("intermediate.int_discovery__scored")
        spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
        asked = f"substr(account_id, 2)::bigint % {COMPARED} = 0"
        best = connection.execute(
            f"""select substr(account_id, 2)::bigint // {COMPARED} as listener, substr(track_id, 2)::bigint as item
            from intermediate.int_discovery__scored where {asked} qualify row_number() over (
                partition by account_id order by score desc, track_id) <= {LIST}"""
        ).fetchnumpy()
    theirs = np.load(folder / "implicit.npy")
    ours: dict[int, set[int]] = {}
    for listener, item in zip(best["listener"].tolist(), best["item"].tolist(), strict=True):
        ours.setdefault(listener, set()).add(item)
    alike = np.mean([len(ours.get(row, set()) & set(line.tolist())) / LIST for row, line in enumerate(theirs)])
    return {**spent, "alike": round(float(alike), 5)}


def _rules(folder: Path, *_: object) -> dict[str, Any]:
    """What the night's SQL does with the scores, to the mart of lists with their reasons."""
    models = json.loads((folder / "models.json").read_text())
    parts = {}
    with _warehouse(folder) as connection:
        connection.execute(
            "create or replace table intermediate.int_discovery__similar_tracks as select item::varchar as item, "
            "similar_item::varchar as similar_item, round(weight::double, 6) as weight from read_parquet(?)",
            [str(folder / "neighbours.parquet")],
        )
        for name in AFTER:
            began = time.perf_counter()
            make(connection, models, name)
            parts[name] = round(time.perf_counter() - began, 2)
        places, reasons = connection.execute(
            "select count(*), count(reason_track_ids) from discovery.fct_recommendations"
        ).fetchone()
    return {"models": parts, "places": places, "with_reason": reasons}


STEPS = {"make": _make, "implicit": _implicit, "scores": _scores, "rules and reasons": _rules}


def _model(folder: Path) -> Recommender:
    names = ("settings.json", "items.parquet", "neighbours.parquet", "factors-0.parquet", "weights-0.parquet")
    return from_files({name: (folder / name).read_bytes() for name in names if (folder / name).exists()})


def _warehouse(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(folder / "warehouse.duckdb"),
        config={"memory_limit": "5GB", "threads": 2, "temp_directory": str(folder / "spill")},
    )


if __name__ == "__main__":
    main()
