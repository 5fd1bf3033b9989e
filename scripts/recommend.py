"""``recommend``: the lists that were published are handed to the backend, and what was handed over is on record."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click
import duckdb
import psycopg

from scripts.commitments import committed_files
from scripts.console import DONE, FAILED, REFUSED, Stop, count, say, size
from scripts.faults import fault_point
from scripts.files import files_below, point_link, read_json, remove_folder, replace_json, sync
from scripts.home import folder
from scripts.lock import night_lock
from scripts.published import current_folder
from scripts.warehouse import settings

MANIFEST = "_manifest.json"
KEY_VALUE = "lists.sqlite"
KEEP = 3
LISTS = """
    select account_id, recommended_on, to_json(struct_pack(
        account_id := account_id, recommended_on := recommended_on, model_version := max(model_version),
        tracks := list(struct_pack(id := track_id, artist := artist_id, reason := reason_text,
            because := reason_track_ids) order by rank)))::varchar as list
    from lists group by account_id, recommended_on order by account_id
"""
COMMITTED = """
    select 'rc' || substring(md5(concat(account_id, ' ', recommended_on, ' ', track_id)), 1, 16) as recommendation_id,
        recommended_on as served_on, account_id, rank, 'track' as item_kind, track_id as item_id,
        cast(cast(score as decimal(18, 6)) as varchar) as score,
        case when reason_track_ids is not null then 'because_you_play' when model_version = 'popular'
            then 'popular_in_country' else 'close_to_history' end as reason_kind,
        reason_track_ids as reason_ids, reason_text, model_version, is_holdout
    from lists where recommended_on = $day and not is_served order by account_id, rank
"""
TABLE = """
    create table if not exists recommendations (
        account_id text primary key, recommended_on date not null, list jsonb not null)
"""
UPSERT = """
    insert into recommendations as known select account_id, recommended_on, list from arrived
    on conflict (account_id) do update set recommended_on = excluded.recommended_on, list = excluded.list
    where known.list is distinct from excluded.list
"""


@click.command()
@click.option("--full", is_flag=True, help="Write all lists as Parquet and JSON lines, not only those that changed.")
@click.option(
    "--load", "dsn", metavar="DSN", help="Load the current export into this PostgreSQL (a connection string)."
)
def recommend(full: bool, dsn: str | None) -> int:
    """Hand the published lists of recommendations to the backend, and commit what was handed over.

    \b
    exports/recommendations/current/
      lists.sqlite            every listener's list: table lists (account_id primary key, list as JSON); open it
                              read-only, a look-up takes far less than a millisecond
      delta.jsonl             a line per listener whose list is another since the last export; "tracks": [] for one
                              who is gone
      bucket=0 … bucket=f/    the same as Parquet, by the first digit of md5(account_id)
      full.jsonl, full/       all lists, with --full
      _manifest.json          key, counts and hashes; the same key again is the same export

    A list handed over stands until its listener listens again. Run again, nothing happens. --load brings the table
    recommendations of a PostgreSQL to the current export, in one transaction.

    \b
    Examples
      ./nightshift night && ./nightshift recommend
      ./nightshift recommend --full
      ./nightshift recommend --load "host=db dbname=backend user=nightshift"
    """
    with night_lock("recommend"):
        shelf = folder("exports") / "recommendations"
        shelf.mkdir(exist_ok=True)
        with duckdb.connect(config=settings()) as connection:
            day = _attach(connection)
            committed = _commit(connection, day)
            made = _export(connection, shelf, full)
        say("recommend", f"{count(committed, 'place')} of lists of {day} committed; {made}")
        if dsn:
            changed, gone = load(shelf / "current" / KEY_VALUE, dsn)
            say("recommend", f"PostgreSQL: {count(changed, 'list')} changed, {gone:,} removed")
    return DONE


def _attach(connection: duckdb.DuckDBPyConnection) -> date:
    """The published lists as the view ``lists``; returns the newest night among them."""
    here = current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night` first", FAILED)
    connection.execute(f"attach '{here / 'marts.duckdb'}' as marts (read_only)")
    try:
        connection.execute("create view lists as select * from marts.discovery.fct_recommendations")
    except duckdb.CatalogException:
        raise Stop("no recommendations are published yet; run `./nightshift night` first", FAILED) from None
    day = connection.execute("select max(recommended_on) from lists").fetchone()[0]
    if day is None:
        raise Stop("the published lists are empty: nobody has listened yet", REFUSED)
    return day


def _commit(connection: duckdb.DuckDBPyConnection, day: date) -> int:
    """Put tonight's lists on record, once; a listener who has one of this night already keeps that one."""
    from scripts.land import commit

    if files := committed_files("recommendations_served"):
        connection.execute(
            f"create temp table known as select distinct account_id from read_parquet({files!r}) "
            "where cast(served_on as date) = cast(? as date)",
            [day],
        )
    else:
        connection.execute("create temp table known (account_id varchar)")
    sql = f"select * from ({COMMITTED}) where account_id not in (select account_id from known)"
    result = connection.execute(f"{sql} order by account_id, rank", {"day": day})
    names = [column[0] for column in result.description]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    fault_point("recommend:before-commit")
    commit("recommendations_served", rows, arrived_on=day + timedelta(days=1))
    fault_point("recommend:after-commit")
    return len(rows)


def _export(connection: duckdb.DuckDBPyConnection, shelf: Path, full: bool) -> str:
    """The next folder of the shelf, from the current one and what differs."""
    current = shelf / "current"
    known = read_json(current / MANIFEST) if current.exists() else None
    making = shelf / ".making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    file = making / KEY_VALUE
    if known:
        shutil.copyfile(current / KEY_VALUE, file)
    store = sqlite3.connect(file)
    store.execute("pragma journal_mode = off")
    store.execute("create table if not exists lists (account_id text primary key, list text not null) without rowid")
    store.execute("create temp table now (account_id text primary key, list text not null) without rowid")
    for batch in _batches(connection.execute(LISTS)):
        store.executemany("insert into now values (?, ?)", [(account, text) for account, _, text in batch])
    changed = store.execute(
        "select now.account_id, now.list from now left join lists using (account_id) "
        "where lists.list is not now.list order by 1"
    ).fetchall()
    gone = [
        row[0] for row in store.execute("select account_id from lists except select account_id from now order by 1")
    ]
    if known and not changed and not gone and not full:
        store.close()
        remove_folder(making)
        return "no list changed since the last export"
    store.executemany("insert or replace into lists values (?, ?)", changed)
    store.executemany("delete from lists where account_id = ?", [(account,) for account in gone])
    total = store.execute("select count(*) from lists").fetchone()[0]
    store.commit()
    store.close()
    fault_point("recommend:after-lists")
    empty = [(account, json.dumps({"account_id": account, "tracks": []})) for account in gone]
    _jsonl(making / "delta.jsonl", (text for _, text in sorted(changed + empty)))
    accounts = [account for account, _ in changed]
    connection.execute("create or replace temp table delta as select unnest(?::varchar[]) as account_id", [accounts])
    _parquet(connection, "lists semi join delta using (account_id)", making)
    if full:
        _jsonl(making / "full.jsonl", (row[2] for batch in _batches(connection.execute(LISTS)) for row in batch))
        _parquet(connection, "lists", making / "full")
    files = {
        str(path.relative_to(making)): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(Path(entry.path) for entry in files_below(making))
    }
    previous = known["key"] if known else None
    key = hashlib.sha256(json.dumps([files, previous], sort_keys=True).encode()).hexdigest()[:16]
    counts = {"lists": total, "changed": len(changed), "removed": len(gone)}
    replace_json(making / MANIFEST, {"format": 1, "key": key, "previous": previous, **counts, "files": files})
    for name in files:
        sync(making / name)
    fault_point("recommend:before-rename")
    final = next(shelf.glob(f"[0-9]*-{key}"), None)
    if final:  # whole already: an earlier run was killed before it could show it
        remove_folder(making)
    else:
        number = 1 + max((int(path.name.split("-")[0]) for path in shelf.glob("[0-9]*-*")), default=0)
        final = shelf / f"{number:06d}-{key}"
        making.rename(final)
        sync(shelf)
    fault_point("recommend:before-link")
    point_link(current, final.name)
    for old in sorted(shelf.glob("[0-9]*-*"))[:-KEEP]:
        remove_folder(old)
    bytes_written = sum(described["bytes"] for described in files.values())
    return f"{count(len(changed), 'list')} changed, {len(gone):,} removed, {total:,} in all ({size(bytes_written)})"


def load(file: Path, dsn: str) -> tuple[int, int]:
    """Bring a PostgreSQL to an export: upserts and removals in one transaction. Returns how many of each."""
    if not file.exists():
        raise Stop(f"{file.name} is not there; run `./nightshift recommend` first", FAILED)
    store = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        with psycopg.connect(dsn, application_name="nightshift recommend", connect_timeout=10) as connection:
            connection.execute(TABLE)
            connection.execute("create temp table arrived (like recommendations) on commit drop")
            with connection.cursor().copy("copy arrived (account_id, recommended_on, list) from stdin") as copy:
                for account, text in store.execute("select account_id, list from lists order by account_id"):
                    copy.write_row((account, json.loads(text)["recommended_on"], text))
            fault_point("recommend:before-upsert")
            changed = connection.execute(UPSERT).rowcount
            gone = connection.execute(
                "delete from recommendations where account_id not in (select account_id from arrived)"
            ).rowcount
            fault_point("recommend:before-database-commit")
    except psycopg.Error as problem:
        raise Stop(f"PostgreSQL was not loaded and has what it had: {str(problem).strip()}", REFUSED) from None
    finally:
        store.close()
    return changed, gone


def _batches(result: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    while batch := result.fetchmany(10_000):
        yield batch


def _jsonl(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        while batch := list(islice(lines, 10_000)):
            file.write("\n".join(batch) + "\n")


def _parquet(connection: duckdb.DuckDBPyConnection, rows: str, where: Path) -> None:
    connection.execute(
        f"copy (select *, substring(md5(account_id), 1, 1) as bucket from {rows} order by bucket, account_id, rank) "
        f"to '{where}' (format parquet, compression zstd, partition_by (bucket), overwrite_or_ignore)"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
