"""``index``: the search index of the documents that were published, in both its forms."""

from __future__ import annotations

import time
from pathlib import Path

import click
import duckdb

from scripts.console import DONE, USAGE, Stop, count, duration, say, size
from scripts.files import files_below
from scripts.lock import night_lock
from scripts.published import current_folder
from scripts.retrieval.artifact import CURRENT, MART, Maker, shelf


@click.command()
@click.option("--rebuild", is_flag=True, help="From nothing, whatever there is.")
def index(rebuild: bool) -> int:
    """Bring the search index to what is published in discovery.fct_search_documents.

    Few documents changed: a copy of the last version is updated, by links where files do not change. Many changed, or
    the code did: it is built from nothing. It is read back, both forms must hold exactly the documents published, and
    only then does exports/search/current point at it; killed anywhere, readers keep the version they have.

    \b
    What a backend finds under exports/search/current/
      tantivy/           a Tantivy index to mount and query at once (docs/search.md shows the fields)
      postings.duckdb    BM25 postings as tables: what SQL can search, and why a score is what it is
      manifest.json      idempotency key, number of documents, version of the code, size and hash of every file

    \b
    Examples
      ./nightshift index
      ./nightshift index --rebuild      after a file was damaged
    """
    began = time.monotonic()
    with night_lock("index"):
        run = current_folder()
        if run is None:
            raise Stop("nothing is published yet; run `./nightshift night` first", USAGE)
        if not _has_documents(run):
            say("index", f"nothing to index: {run.name} has no {MART}")
            return DONE
        how, changes, final = Maker(run, rebuild).make()
    if final is None:
        say("index", f"nothing changed: {count(changes.documents, 'document')}")
        return DONE
    new = sum(entry.stat().st_size for entry in files_below(final) if entry.stat().st_nlink == 1)
    say(
        "index",
        f"{final.name} {how}: {count(changes.documents, 'document')}, {changes.arriving:,} new or changed, "
        f"{changes.leaving:,} taken out or replaced, {size(new)} written ({duration(time.monotonic() - began)})",
    )
    say("index", f"readers find it under {shelf() / CURRENT}")
    return DONE


def _has_documents(run: Path) -> bool:
    file = run / "marts.duckdb"
    if not file.exists():
        return False
    with duckdb.connect(str(file), read_only=True) as connection:
        schema, name = MART.split(".")
        return bool(
            connection.execute(
                "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?", [schema, name]
            ).fetchone()[0]
        )
