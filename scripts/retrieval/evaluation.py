"""``evaluate search``: our two forms of the index beside other engines, on a collection with judgments."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import click
import duckdb
import pyarrow as pa

from scripts import console
from scripts.console import DONE, progress, timed
from scripts.retrieval import analysis, engine, judged, tables
from scripts.retrieval.artifact import both, open_index
from scripts.retrieval.judged import Collection
from scripts.retrieval.queries import ONE_ERROR, Searcher
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
                except Exception as error:
                    if name not in RIVALS:
                        raise
                    said.append(f"{name} left out: it cannot index these documents ({error})")
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
        rows = connection.execute(f"select {engine.DOCUMENT} from incoming").fetchall()
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


@click.command("known-items")
@click.option("--items", type=click.IntRange(1), default=500, show_default=True, help="How many titles are looked for.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the choice of titles and typing errors.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there too.")
def evaluate_known_items(items: int, seed: int, json_file: Path | None) -> int:
    """The published search index on titles that are in it, as written and with one typing error.

    Titles are drawn from all tracks, releases and artists. A query is a title, or a title with its artist; a typing
    error is a letter dropped, added, wrong or swapped in one word of four letters or more. The figure is the mean
    reciprocal rank of the first document that has the title (and the artist) looked for.

    \b
    Examples
      ./nightshift evaluate known-items
      ./nightshift evaluate known-items --items 2000 --seed 8
    """
    random = Random(seed)
    searchers = open_index()
    wanted = searchers[0].sample(items, seed)
    asked = {
        "exact title": [(title, title, None) for title, _ in wanted],
        "title and artist": [(f"{title} {artist}".strip(), title, artist) for title, artist in wanted],
        "title, one error": [(mistyped(title, random), title, None) for title, _ in wanted],
        "title and artist, one error": [
            (mistyped(f"{title} {artist}".strip(), random), title, artist) for title, artist in wanted
        ],
    }
    lines = []
    for name, searcher in both(searchers).items():
        for kind, queries in asked.items():
            began = time.perf_counter()
            ranks = [_rank(searcher, *query) for query in progress(queries, f"{name}, {kind}")]
            spent = time.perf_counter() - began
            mrr = sum(1 / rank for rank in ranks if rank) / len(ranks)
            lines.append({"name": name, "query": kind, "mrr": mrr, "ms_per_query": 1000 * spent / len(ranks)})
    rows = [[value if isinstance(value, str) else f"{value:.4f}" for value in line.values()] for line in lines]
    print(console.table(tuple(lines[0]), rows))
    if json_file:
        json_file.write_text(json.dumps(lines, indent=1) + "\n")
    return DONE


def _rank(searcher: Searcher, query: str, title: str, artist: str | None) -> int | None:
    for rank, hit in enumerate(searcher.search(query, 10).hits, 1):
        if analysis.plain(hit.title) == analysis.plain(title) and artist in (None, "", hit.names.split(" | ")[0]):
            return rank
    return None


def mistyped(text: str, random: Random) -> str:
    """The text with one slip of a finger in a word of four letters or more, if it has one."""
    words = text.split()
    long = [i for i, word in enumerate(words) if len(word) >= ONE_ERROR and word.isalpha() and word.isascii()]
    if not long:
        return text
    i = random.choice(long)
    word = words[i]
    at = random.randrange(len(word))
    letter = random.choice([other for other in "abcdefghijklmnopqrstuvwxyz" if other != word[at].lower()])
    after = min(at + 1, len(word) - 1)
    swapped = word[: after - 1] + word[after] + word[after - 1] + word[after + 1 :]
    words[i] = random.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            swapped,
        ]
    )
    return " ".join(words)
