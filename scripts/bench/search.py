"""What the search index costs: a million documents from nothing, a night that changed a hundredth, a query.

    .venv/bin/python -m scripts.bench.search --documents 1000000

Each step runs in a process of its own, so that its seconds, its processor and its peak of memory are its own. "bare" is
Tantivy alone taking the same documents whole (id, kind, title, names and text, which are stored but for the text,
countries, popularity) with its default words, two threads and the same heap; ours makes the Tantivy index with the
weighted field and whole titles, and the postings tables, reads both back and hashes every file.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import click
import duckdb
import tantivy

from scripts.bench.page import keep
from scripts.files import point_link
from scripts.home import folder
from scripts.retrieval import engine
from scripts.retrieval.artifact import MART, Maker, open_index

# Words as frequent as words are: a few often, many seldom. A title has two to four, an artist two, the text four.
ROWS = """
    with pieces as (
        select i, n, hash(i, n, {salt}) / 18446744073709551616.0 as chance,
            substr(md5(cast(floor(80000 * power(chance, 3)) as varchar)), 1, 8) as word
        from range({documents}) as documents (i), range(10) as numbers (n)
        where n <> 2 or i % 3 <> 0
    ),
    texts as (
        select i, string_agg(word, ' ' order by n) filter (n < 4 and (n < 2 or i % 2 = 0)) as title,
            string_agg(word, ' ' order by n) filter (n between 4 and 5) as names,
            string_agg(word, ' ' order by n) filter (n > 5) as text
        from pieces group by i
    )
    select 'track:' || i as document_id, 'track' as kind, title, names, text, '' as language, title as title_normal,
        title as title_plain, names as names_plain, text as text_plain, title as title_words, names as names_words,
        text as text_words, 'WW' as territories, case when i % 50 = 0 then 'DE' else '' end as excluded_territories,
        cast(hash(i) % 16 as smallint) as popularity, md5(title || names || text) as content_hash
    from texts
"""


@click.command()
@click.option("--documents", default=1_000_000, show_default=True)
@click.option("--step", hidden=True, help="One step, in this process, over NIGHTSHIFT_HOME.")
def main(documents: int, step: str | None) -> None:
    """Run it, and keep the figures for docs/performance.md."""
    if step:
        print(json.dumps(_timed(step, documents)))
        return
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as home:
        found: dict[str, dict[str, Any]] = {}
        for name in ("documents", "bare", "rebuild", "changes", "update", "queries"):
            done = subprocess.run(
                [sys.executable, "-m", "scripts.bench.search", "--step", name, "--documents", str(documents)],
                env={**os.environ, "NIGHTSHIFT_HOME": home}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                sys.exit(done.stderr)
            found[name] = json.loads(done.stdout.splitlines()[-1])
            click.echo(f"{name:10} {found[name]}", err=True)
    result = {
        "documents": documents,
        "steps": {name: step for name, step in found.items() if name not in ("documents", "changes")},
        "rebuild_ratio": round(found["rebuild"]["seconds"] / found["bare"]["seconds"], 2),
        "rebuild_ratio_cpu": round(found["rebuild"]["cpu_seconds"] / found["bare"]["cpu_seconds"], 2),
        "update_share": round(found["update"]["seconds"] / found["rebuild"]["seconds"], 3),
        "update_share_cpu": round(found["update"]["cpu_seconds"] / found["rebuild"]["cpu_seconds"], 3),
    }
    click.echo(json.dumps(result, indent=1))
    keep("search", result)


def _timed(step: str, documents: int) -> dict[str, Any]:
    began, used = time.perf_counter(), time.process_time()
    note = {
        "documents": lambda: _publish("2026-01-01-1", documents, 0),
        "bare": _bare,
        "rebuild": lambda: _index("2026-01-01-1"),
        "changes": lambda: _publish("2026-01-02-1", documents, 100),
        "update": lambda: _index("2026-01-02-1"),
        "queries": _queries,
    }[step]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - used, 2),
        "peak_gb": round(peak / 1e6, 2),
        **note,
    }


def _publish(run: str, documents: int, changed_every: int) -> dict[str, Any]:
    """The documents as they would be published; every so manieth with another title than before."""
    target = folder("published") / run
    target.mkdir()
    with duckdb.connect(str(target / "marts.duckdb"), config={"threads": 2, "memory_limit": "3GB"}) as connection:
        connection.execute(
            f"create schema discovery; create table {MART} as {ROWS.format(documents=documents, salt=0)}"
        )
        if changed_every:
            connection.execute(
                f"update {MART} set title = title || ' live', title_normal = title_normal || ' live', "
                "title_plain = title_plain || ' live', title_words = title_words || ' live', "
                f"content_hash = content_hash || 'b' where hash(document_id) % {changed_every} = 0"
            )
    point_link(folder("published") / "current", run)
    return {}


def _bare() -> dict[str, Any]:
    """Tantivy alone."""
    builder = tantivy.SchemaBuilder()
    for name in ("title", "names", "text"):
        builder.add_text_field(name, stored=name != "text")
    for name in ("document_id", "kind", "territory", "excluded"):
        builder.add_text_field(name, stored=name in ("document_id", "kind"), tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("popularity", stored=True, fast=True)
    names = ("document_id", "kind", "title", "names", "text", "popularity")
    with tempfile.TemporaryDirectory(dir=folder("spill")) as path:
        writer = tantivy.Index(builder.build(), path=path).writer(heap_size=engine.HEAP, num_threads=2)
        with duckdb.connect(str(folder("published") / "current" / "marts.duckdb"), read_only=True) as connection:
            rows = connection.execute(f"select {', '.join(names)}, territories, excluded_territories from {MART}")
            while batch := rows.fetchmany(20_000):
                for *values, territories, excluded in batch:
                    about = dict(zip(names, values, strict=True))
                    places = {"territory": territories.split(), "excluded": excluded.split()}
                    writer.add_document(tantivy.Document(**about, **places))
        writer.commit()
        writer.wait_merging_threads()
    return {}


def _index(run: str) -> dict[str, Any]:
    how, changes, _ = Maker(folder("published") / run, rebuild=False).make()
    return {"how": how, "arriving": changes.arriving}


def _queries() -> dict[str, Any]:
    """Titles and artists asked for, one after the other, a third with an error."""
    by_sql, by_engine = open_index()
    wanted = by_sql.sample(300, 1)
    times = []
    for number, (title, artist) in enumerate(wanted):
        query = f"{title} {artist}"
        asked = query[:3] + query[4:] if number % 3 == 0 else query
        began = time.perf_counter()
        by_engine.search(asked, 10)
        times.append(1000 * (time.perf_counter() - began))
    tenths = statistics.quantiles(times, n=20)
    return {"median_ms": round(statistics.median(times), 2), "most_ms": round(tenths[-1], 1)}


if __name__ == "__main__":
    main()
