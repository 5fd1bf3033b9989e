"""A night's recommendations at size, beside ``implicit``'s own recommend for the same model over the same histories.

    .venv/bin/python -m scripts.bench.recommend --listeners 200000 --items 50000

"rules" is the SQL of what is offered where and hidden from whom, "scores" what the dbt Python model does (histories
out of DuckDB, the product, the best candidates back into it), "lists and reasons" the SQL from there to the mart: the
project's own models, as dbt compiles them. A blend is of the kind that ships: three iALS, the spectrum, the
autoencoder, what is popular; the library is asked for the lists of each of its parts, one after the other, and nothing
adds them up. Each step runs in a process of its own, so that its seconds, its processor and its peak of memory are its
own. Lists of a tenth of the listeners are compared: without rules, both have to name the same tracks.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
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
from scripts.models.recommending import (
    Folded,
    Part,
    Popular,
    Recommender,
    Weights,
    from_files,
    to_files,
    transformed,
)

LIST = 50
# implicit is asked for so many listeners at once: what it makes of them at a time is of the size that ours is
AT_ONCE = 10_000
COMPARED = 10
LEARNED_FROM = 20_000
# of the autoencoder, items whose weights are learned: how many there are is what costs time, not how good they are
ENCODED = 4_000
SHARES = {"ials": 0.3, "spectrum": 0.5, "autoencoder": 1.0, "popularity": 1e-4}
FACTORS, REGULARISATION, ALPHA, NEIGHBOURS = 64, 10.0, 20.0, 100
BEFORE = ("int_discovery__tracks", "int_discovery__due_listeners", "int_discovery__histories", "int_discovery__popular")
RULES = ("int_discovery__offered", "int_discovery__hidden")
LISTS = ("int_discovery__candidates", "int_discovery__lists", "int_discovery__reasons", "fct_recommendations")
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
@click.option("--kind", "kinds", type=click.Choice(["ials", "neighbours", "blend"]), multiple=True,
              default=["ials", "neighbours", "blend"], show_default=True)  # fmt: skip
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
        (folder / "models.json").write_text(json.dumps(compiled(folder, [*BEFORE, *RULES, *LISTS])))
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
            ours = [steps[part] for part in OURS]
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
    names = np.array([f"t{number:06d}" for number in range(items)])
    model = Recommender(
        names,
        recommender.popular(plays).count,
        "relative",
        _parts(kind, some, near),
        recommender.strongest(near.matrix),
    )
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


def _parts(kind: str, some: sp.csr_matrix, near: Weights) -> list[tuple[str, float, Part]]:
    if kind == "neighbours":
        return [(kind, 1.0, near)]
    if kind == "ials":
        return [(kind, 1.0, recommender.factors(some, FACTORS, REGULARISATION, ALPHA, rounds=3))]
    made: list[tuple[str, Part]] = [
        ("ials", recommender.factors(some, size, REGULARISATION, ALPHA, seed=size, rounds=3)) for size in (64, 32, 48)
    ]
    made.append(("spectrum", recommender.spectrum(some, 0.3, FACTORS)[0]))
    made.append(("autoencoder", recommender.autoencoder(some, 60.0, 0.5, most=ENCODED)))
    made.append(("popularity", recommender.popular(some)))
    return [(name, SHARES[name], part) for name, part in made]


def _implicit(folder: Path, *_: object) -> dict[str, Any]:
    """The library's own recommend of each part, over the same histories; its loading is not counted."""
    model = _model(folder)
    history = transformed(sp.load_npz(folder / "plays.npz"), "relative")
    warnings.simplefilter("ignore")
    spent = {"seconds": 0.0, "cpu_seconds": 0.0}
    for _, _, part in model.parts:
        if isinstance(part, Popular):
            continue
        theirs, asked, more = _of_the_library(part, history)
        found = []
        began, used = time.perf_counter(), time.process_time()
        for start in range(0, history.shape[0], AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, history.shape[0]))
            found.append(theirs.recommend(rows, asked[rows], N=LIST, filter_already_liked_items=True, **more)[0])
        spent["seconds"] += time.perf_counter() - began
        spent["cpu_seconds"] += time.process_time() - used
    np.save(folder / "implicit.npy", np.concatenate(found)[::COMPARED])
    return spent


def _of_the_library(part: Part, history: sp.csr_matrix) -> tuple[Any, sp.csr_matrix, dict[str, bool]]:
    """A part as the library has it, the histories as it wants them, and how to ask."""
    if not isinstance(part, Weights):
        from implicit.als import AlternatingLeastSquares

        regularisation = part.regularisation if isinstance(part, Folded) else 0.01
        theirs: Any = AlternatingLeastSquares(
            factors=part.item.shape[1], regularization=regularisation, alpha=ALPHA, use_gpu=False, num_threads=2
        )
        theirs.item_factors = part.item.copy()
        if isinstance(part, Folded):
            theirs.user_factors = np.zeros((history.shape[0], part.item.shape[1]), dtype=np.float32)
            return theirs, history, {"recalculate_user": True}
        theirs.user_factors = part.listeners(history)
        return theirs, history, {}
    from implicit.nearest_neighbours import ItemItemRecommender, NearestNeighboursScorer

    theirs = ItemItemRecommender(K=NEIGHBOURS, num_threads=2)
    theirs.similarity = part.matrix.astype(np.float64)
    theirs.scorer = NearestNeighboursScorer(theirs.similarity)
    return theirs, history.astype(np.float64), {}


def _rules(folder: Path, *_: object) -> dict[str, Any]:
    """What is offered where, and hidden from whom, in SQL."""
    with _warehouse(folder) as connection:
        return _made(connection, folder, RULES)


def _scores(folder: Path, kind: str, *_: object) -> dict[str, Any]:
    """What the dbt Python model int_discovery__scored does in a night."""
    model = _model(folder)
    with _warehouse(folder) as connection:
        tables = nightly.Tables(*(connection.table(f"intermediate.int_discovery__{name}") for name in
                                  ("due_listeners", "histories", "tracks", "offered", "hidden")))  # fmt: skip
        began, used = time.perf_counter(), time.process_time()
        nightly.scored("v1", model, tables, connection).create("intermediate.int_discovery__scored")
        spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
        if kind == "blend":
            return spent
        # all tracks are offered to everybody, and nothing is hidden but what was played, as the library has it
        of_some = f"substr(account_id, 2)::bigint % {COMPARED} = 0"
        some = replace(
            tables,
            due=connection.sql(
                f"select * replace (false as is_holdout) from intermediate.int_discovery__due_listeners where {of_some}"
            ),
            offered=connection.sql(
                "with audiences as (select distinct country, explicit_content "
                "from intermediate.int_discovery__due_listeners) "
                "select country, explicit_content, track_no "
                "from audiences cross join intermediate.int_discovery__tracks"
            ),
            hidden=tables.histories,
        )
        best = nightly.scored("v1", model, some, connection).filter(f"place <= {LIST}").set_alias("best")
        pairs = best.join(some.due.set_alias("due"), "best.listener_no = due.listener_no").project(
            f"substr(account_id, 2)::bigint // {COMPARED} as listener, track_no - 1 as item"
        ).fetchnumpy()  # fmt: skip
    theirs = np.load(folder / "implicit.npy")
    ours: dict[int, set[int]] = {}
    for listener, item in zip(pairs["listener"].tolist(), pairs["item"].tolist(), strict=True):
        ours.setdefault(listener, set()).add(item)
    alike = np.mean([len(ours.get(row, set()) & set(line.tolist())) / LIST for row, line in enumerate(theirs)])
    return {**spent, "alike": round(float(alike), 5)}


def _lists(folder: Path, *_: object) -> dict[str, Any]:
    """What the night's SQL does with the scores, to the mart of lists with their reasons."""
    with _warehouse(folder) as connection:
        tracks = connection.table("intermediate.int_discovery__tracks")
        nightly.similar_tracks(tracks, tracks, str(folder / "neighbours.parquet"), connection).create(
            "intermediate.int_discovery__similar_tracks"
        )
        spent = _made(connection, folder, LISTS)
        places, reasons = connection.execute(
            "select count(*), count(reason_track_ids) from discovery.fct_recommendations"
        ).fetchone()
    return {**spent, "places": places, "with_reason": reasons}


def _made(connection: duckdb.DuckDBPyConnection, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    models = json.loads((folder / "models.json").read_text())
    spent: dict[str, Any] = {"seconds": 0.0, "cpu_seconds": 0.0, "models": {}}
    for name in names:
        began, used = time.perf_counter(), time.process_time()
        make(connection, models, name)
        took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
        spent["models"][name] = {key: round(value, 2) for key, value in took.items()}
        spent = {**spent, **{key: spent[key] + value for key, value in took.items()}}
    return spent


STEPS = {"make": _make, "implicit": _implicit, "rules": _rules, "scores": _scores, "lists and reasons": _lists}
OURS = ("rules", "scores", "lists and reasons")


def _model(folder: Path) -> Recommender:
    names = ["settings.json", *(path.name for path in folder.glob("*.parquet"))]
    return from_files({name: (folder / name).read_bytes() for name in names})


def _warehouse(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(folder / "warehouse.duckdb"),
        config={"memory_limit": "5GB", "threads": 2, "temp_directory": str(folder / "spill")},
    )


if __name__ == "__main__":
    main()
