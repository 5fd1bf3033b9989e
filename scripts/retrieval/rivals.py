"""The engines to stand beside, each set up as its documentation advises, with what it has for English."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from scripts.retrieval import analysis

Documents = Sequence[tuple[str, str, str]]
Search = Callable[[str, int], list[str]]

_WORD = re.compile(r"\w+")


def bm25s(documents: Documents) -> Search:
    """bm25s: its English stop words, its default ranking, the same Snowball stemmer as ours."""
    import bm25s as library

    def tokens(texts: list[str]) -> object:
        return library.tokenize(texts, stopwords="en", stemmer=analysis.stems, show_progress=False)

    retriever = library.BM25()
    retriever.index(tokens([f"{title} {text}" for _, title, text in documents]), show_progress=False)

    def search(query: str, limit: int) -> list[str]:
        found, scores = retriever.retrieve(tokens([query]), k=min(limit, len(documents)), show_progress=False)
        return [documents[i][0] for i, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def fts5(documents: Documents) -> Search:
    """SQLite FTS5: Porter stems, its own bm25(), any of the words."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "create virtual table documents using fts5(id unindexed, title, text, tokenize='porter unicode61')"
    )
    connection.executemany("insert into documents values (?, ?, ?)", documents)

    def search(query: str, limit: int) -> list[str]:
        words = dict.fromkeys(_WORD.findall(query))
        if not words:
            return []
        asked = " or ".join(f'"{word}"' for word in words).replace(" or ", " OR ")
        rows = connection.execute(
            "select id from documents where documents match ? order by bm25(documents), rowid limit ?", (asked, limit)
        )
        return [row[0] for row in rows]

    return search


def duckdb_fts(documents: Documents) -> Search:
    """DuckDB's fts: Porter stems, its English stop words, match_bm25 over title and text."""
    import pyarrow as pa

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "3GB"})
    _load_fts(connection)
    names = ("id", "title", "text")
    rows = pa.table(dict(zip(names, (list(column) for column in zip(*documents, strict=True)), strict=True)))
    connection.register("rows", rows)
    connection.execute("create table documents as select * from rows")
    connection.execute("pragma create_fts_index('documents', 'id', 'title', 'text')")

    def search(query: str, limit: int) -> list[str]:
        found = connection.execute(
            "select id from (select id, fts_main_documents.match_bm25(id, ?) as score from documents) "
            "where score is not null order by score desc, id limit ?",
            [query, limit],
        )
        return [row[0] for row in found.fetchall()]

    return search


def _load_fts(connection: duckdb.DuckDBPyConnection) -> None:
    """The extension's file from its Python package; nothing is fetched."""
    import duckdb_extension_fts as package

    (file,) = Path(package.__file__).parent.glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")
    connection.execute(f"load '{file}'")


RIVALS: dict[str, Callable[[Documents], Search]] = {"bm25s": bm25s, "sqlite-fts5": fts5, "duckdb-fts": duckdb_fts}
