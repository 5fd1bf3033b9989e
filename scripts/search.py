"""``search``: ask the search index as a listener would, and see why it answers so."""

from __future__ import annotations

import time

import click

from scripts import console
from scripts.console import DONE
from scripts.retrieval.artifact import open_index
from scripts.retrieval.queries import Answer
from scripts.retrieval.tables import TableSearcher


@click.command()
@click.argument("query")
@click.option("--country", metavar="CC", help="Only what can be played there, ISO 3166-1 alpha-2.")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option(
    "--sql", "by_sql", is_flag=True, help="By the postings tables instead of the Tantivy index: the same answer."
)
@click.option("--explain", is_flag=True, help="What each word adds to each document's score.")
def search(query: str, country: str | None, limit: int, by_sql: bool, explain: bool) -> int:
    """Search tracks, artists, releases and articles.

    Words may have typing errors: one from four letters, two from eight. The last word may be unfinished. A title that
    is the whole query comes first; popularity decides between documents that are otherwise alike.

    \b
    In a query
      "night drive"      these words next to each other
      artist:silva       in one field: title, artist (or name) or text
      kind:track         tracks only (track, artist, release, article)
      driv*              words that begin so

    \b
    Examples
      ./nightshift search "nihgt drive"
      ./nightshift search '"black kings" kind:release' --country DE
      ./nightshift search "beyonce" --limit 3 --explain
    """
    tables, engine = open_index()
    began = time.perf_counter()
    answer = (tables if by_sql else engine).search(query, limit, country.strip().upper() if country else None)
    spent = 1000 * (time.perf_counter() - began)
    if answer.did_you_mean:
        print(f"did you mean: {answer.did_you_mean}")
    if answer.why_empty:
        print(f"nothing found: {answer.why_empty}")
        return DONE
    rows = [
        (rank, hit.kind, hit.title, hit.names.split(" | ")[0], hit.popularity, f"{hit.score:.3f}", hit.document_id)
        for rank, hit in enumerate(answer.hits, 1)
    ]
    print(console.table(("rank", "kind", "title", "names", "popularity", "score", "document"), rows))
    print(f"  {console.count(len(rows), 'document')} in {spent:.1f} ms")
    if explain:
        _explain(tables, answer)
    return DONE


def _explain(tables: TableSearcher, answer: Answer) -> None:
    for rank, hit in enumerate(answer.hits, 1):
        by_table = tables.hit_of(hit)
        print(f"\n{rank}. {hit.title} ({hit.document_id}), {hit.score:.3f}")
        parts = tables.explain(answer.request, by_table)
        lines = [(term, where or "–", f"{weight:.2f}", f"{value:.3f}") for term, where, weight, value in parts]
        print(console.table(("word", "found in", "weight", "adds"), lines))
