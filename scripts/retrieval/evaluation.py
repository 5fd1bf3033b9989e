"""``evaluate search``: our two forms of the index beside other engines, on a collection with judgments."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import duckdb
import pyarrow as pa

from scripts import console
from scripts.console import DONE, progress, timed
from scripts.retrieval import analysis, engine, judged, tables
from scripts.retrieval.judged import Collection
from scripts.retrieval.rivals import RIVALS, Search

DEPTH = 1000


@click.command("search")
@click.option("--documents", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--queries", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--qrels", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there too.")
def evaluate_search(documents: Path, queries: Path, qrels: Path, json_file: Path | None) -> int:
    """The search index on documents, queries and judgments of others, beside bm25s, SQLite FTS5 and DuckDB's fts.

    Documents are JSON lines with id, title and text; queries JSON lines with id and text, or id, tab, text; qrels
    TREC's four columns. Files may be gzipped. Every engine indexes the same title and text, answers the same queries
    one by one to a depth of 1,000, and is timed over its search alone. nightshift-sql is the postings tables searched
    by SQL, nightshift-tantivy the index that backends mount; both rank with the product's settings, whatever the
    collection.

    \b
    Examples
      ./nightshift evaluate search --documents docs.jsonl --queries queries.tsv --qrels qrels.txt
      ./nightshift evaluate search --documents docs.jsonl.gz --queries q.jsonl --qrels qrels.txt --json table.json
    """
    collection = judged.read_collection(documents, queries, qrels)
    lines = []
    with tempfile.TemporaryDirectory() as making:
        for name, start in _candidates(collection, Path(making)).items():
            with timed("evaluate", f"{name} measured") as said:
                try:
                    search = start()
                except ImportError as error:
                    said.append(f"{name} left out: {error.name} is not installed (requirements.lock has it)")
                    continue
                lines.append(_measured(name, search, collection))
    header = tuple(lines[0])
    rows = [[value if isinstance(value, str) else f"{value:.4f}" for value in line.values()] for line in lines]
    print(
        f"{console.count(len(collection.documents), 'document')}, "
        f"{console.count(len(collection.queries), 'query', 'queries')} with judgments"
    )
    print(console.table(header, rows))
    if json_file:
        json_file.write_text(json.dumps(lines, indent=1) + "\n")
    return DONE


def _measured(name: str, search: Search, collection: Collection) -> dict[str, str | float]:
    run = {}
    spent = 0.0
    for key, text in progress(collection.queries.items(), name, total=len(collection.queries)):
        began = time.perf_counter()
        run[key] = search(text, DEPTH)
        spent += time.perf_counter() - began
    found = judged.figures(collection.judged, run)
    return {
        "name": name,
        "ndcg@10": found.ndcg,
        "recall@100": found.recall,
        "map": found.mean_average_precision,
        "ms_per_query": 1000 * spent / len(run),
    }


def _candidates(collection: Collection, making: Path) -> dict[str, Callable[[], Search]]:
    connection = duckdb.connect(str(making / "postings.duckdb"), config={"threads": 2, "memory_limit": "3GB"})

    def sql() -> Search:
        connection.register("incoming", incoming(collection))
        tables.create(connection)
        tables.add(connection, "select * from incoming")
        return _ids(tables.TableSearcher(connection))

    def tantivy() -> Search:
        of_tables = tables.TableSearcher(connection)
        columns = ", ".join(engine.COLUMNS)
        rows = connection.execute(f"select {columns} from incoming order by document_id").fetchall()
        engine.write(making / "tantivy", rows, of_tables.learns)
        return _ids(engine.EngineSearcher(making / "tantivy", of_tables.mean_length, of_tables.learns))

    ours: dict[str, Callable[[], Search]] = {"nightshift-sql": sql, "nightshift-tantivy": tantivy}
    return ours | {name: lambda start=start: start(collection.documents) for name, start in RIVALS.items()}


def _ids(searcher: tables.TableSearcher | engine.EngineSearcher) -> Search:
    return lambda query, limit: [hit.document_id for hit in searcher.search(query, limit, is_prose=True).hits]


def incoming(collection: Collection) -> pa.Table:
    """The documents as the index takes them."""
    plain = [(analysis.plain(title), analysis.plain(text)) for _, title, text in collection.documents]
    ids, titles, _ = (list(column) for column in zip(*collection.documents, strict=True))
    empty = [""] * len(ids)
    columns = {
        "document_id": ids,
        "kind": ["article"] * len(ids),
        "title": titles,
        "names": empty,
        "title_words": [analysis.content(title) for title, _ in plain],
        "names_words": empty,
        "text_words": [analysis.content(text) for _, text in plain],
        "title_plain": [title for title, _ in plain],
        "names_plain": empty,
        "text_plain": [text for _, text in plain],
        "exact_titles": [[title] if title else [] for title, _ in plain],
        "language": empty,
        "territories": ["WW"] * len(ids),
        "excluded_territories": empty,
        "popularity": pa.array([0] * len(ids), pa.int16()),
        "content_hash": empty,
    }
    return pa.table({name: columns[name] for name in tables.INCOMING})
