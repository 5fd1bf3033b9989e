"""``post``: what is due in the journal becomes posted batches, and files for accounting packages."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator
from datetime import date
from typing import Any

import click
import duckdb

from scripts import books, journal
from scripts.console import REFUSED, USAGE, Stop, count, say
from scripts.faults import fault_point
from scripts.land import commit
from scripts.lock import night_lock
from scripts.warehouse import warehouse

COLUMNS = [
    "journal_entry_id", "line_number", "posted_on", "occurred_on", "event", "source_table", "source_key",
    "account_code", "plan_code", "country", "currency", "debit_amount", "credit_amount", "reporting_currency",
    "exchange_rate", "reporting_debit_amount", "reporting_credit_amount", "reverses_entry_id", "cause", "description",
    "content_hash",
]  # fmt: skip
BATCH_LINES = 40_000

# Lines to post: due in the warehouse, and not posted since it was built. A day's rate is known when the bank has
# published one for it or for a later day; on weekends it publishes none.
DUE = """
    with published as (select max(rated_on) as last_on from intermediate.int_finance__exchange_rates),
    known as (select last_on + case when isodow(last_on) = 5 then 2 else 0 end as until from published),
    due as (
        select
            *,
            currency = reporting_currency or occurred_on <= coalesce((select until from known), occurred_on) as is_ready
        from finance.fct_journal_lines
        where batch_id is null and posted_on <= ?
    )
    select {columns} from due
    where {ready} and not exists (
        select 1 from {posted} as posted
        where posted.occurred_on = due.occurred_on and posted.journal_entry_id = due.journal_entry_id
            and posted.occurred_on in (select occurred_on from due)
    )
    {order}
"""
AT_ONCE = 10_000
Lines = Iterator[dict[str, Any]]


def due(connection: duckdb.DuckDBPyConnection, day: date) -> Lines:
    """Lines to post now, in the order in which they are posted; they are not held in memory."""
    sql = DUE.format(columns=", ".join(COLUMNS), ready="is_ready", posted=journal.posted_files(),
                     order="order by posted_on, journal_entry_id, line_number")  # fmt: skip
    found = connection.execute(sql, [day])
    while rows := found.fetchmany(AT_ONCE):
        yield from (dict(zip(COLUMNS, row, strict=True)) for row in rows)


def waiting(connection: duckdb.DuckDBPyConnection, day: date) -> int:
    """How many entries wait for the exchange rate of their day."""
    sql = DUE.format(columns="count(distinct journal_entry_id)", ready="not is_ready", posted=journal.posted_files(),
                     order="")  # fmt: skip
    return connection.execute(sql, [day]).fetchone()[0]


def fingerprint(lines: Iterable[dict[str, Any]]) -> str:
    """What a proposal is about: the entries, their content and days."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(
            f"{line['journal_entry_id']} {line['line_number']} {line['content_hash']} {line['posted_on']}\n".encode()
        )
    return digest.hexdigest()


def cut(lines: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Batches of whole entries, of one month in the books each, with an id that follows from what is in them."""
    batch: list[dict[str, Any]] = []
    for line in lines:
        full = len(batch) >= BATCH_LINES and line["journal_entry_id"] != batch[-1]["journal_entry_id"]
        if batch and (full or f"{line['posted_on']:%Y%m}" != f"{batch[-1]['posted_on']:%Y%m}"):
            yield _batch_id(batch), batch
            batch = []
        batch.append(line)
    if batch:
        yield _batch_id(batch), batch


def _order(line: dict[str, Any]) -> tuple[date, str, int]:
    return line["posted_on"], line["journal_entry_id"], line["line_number"]


def _batch_id(batch: list[dict[str, Any]]) -> str:
    return f"J{batch[0]['posted_on']:%y%m}-{fingerprint(batch)[:8]}"


def carry_out(
    lines: Iterable[dict[str, Any]], day: date, prepared_by: str, approved_by: str | None, known: Container[str] = ()
) -> int:
    """Commit the batches one by one, each whole or not at all (but for those known already); how many there were."""
    closed, done = books.closed_months("finance"), 0
    for batch_id, batch in cut(lines):
        if batch[0]["posted_on"].replace(day=1) in closed:
            month = f"{batch[0]['posted_on']:%Y-%m}"
            raise Stop(f"{month} is closed since the last build; run ./nightshift build first", REFUSED)
        done += 1
        if batch_id in known:
            continue
        signed = {"batch_id": batch_id, "prepared_by": prepared_by, "approved_by": approved_by}
        fault_point("post:before-commit")
        commit("journal_batches", [{**line, **signed} for line in batch], arrived_on=day)
        fault_point("post:after-commit")
        entries = len({line["journal_entry_id"] for line in batch})
        say("post", f"{batch_id}: {count(entries, 'entry', 'entries')}, {count(len(batch), 'line')}")
    return done


def write_files(again: bool = False) -> None:
    """Files of every batch that has none (or of all), then what leads to them."""
    batches = journal.batches()
    for batch_id in batches:
        fault_point("post:before-export")
        journal.export(batch_id, again)
    fault_point("post:before-index")
    journal.index(batches)


@click.command()
@click.option("--by", help="Who posts (default: who is logged in).")
@click.option("--rebuild-files", is_flag=True, help="Write the files of all batches again; they get the same bytes.")
def post(by: str | None, rebuild_files: bool) -> None:
    """Post what is due in the journal.

    Due is what the journal should be less what is posted (fct_journal_lines without a batch). It is committed in
    batches, which are never changed: what turns out otherwise is reversed and posted anew. Each batch becomes files in
    exports/journal-beancount, -xero, -quickbooks and -csv. Post twice: nothing is posted twice. Entries in other
    currencies wait until the European Central Bank's rate of their day is known.

    \b
    Examples
      ./nightshift post
      ./nightshift post --rebuild-files     after exports/ was lost

    Where seeds/books.csv asks for an approval: ./nightshift prepare post, then ./nightshift approve by somebody else.
    """
    if books.needs_approval("finance"):
        raise Stop("these books want an approval: ./nightshift prepare post, then ./nightshift approve", USAGE)
    with night_lock("post"):
        with warehouse(read_only=True) as connection:
            books.refuse_unless_good(connection, "finance")
            day = books.logical_day(connection)
            late = waiting(connection, day)
            done = carry_out(due(connection, day), day, books.someone(by), None)
        write_files(rebuild_files)
    if not done:
        say("post", f"as of {day}: nothing is due")
    if late:
        say("post", f"{count(late, 'entry', 'entries')} wait for the exchange rates of their day")


@click.command()
@click.argument("what", type=click.Choice(["post", "close"]))
@click.argument("month", required=False)
@click.option("--books", "book", default="finance", show_default=True, help="finance or royalties (for close).")
@click.option("--by", help="Who prepares it (default: who is logged in).")
def prepare(what: str, month: str | None, book: str, by: str | None) -> None:
    """Lay down what is to be posted or closed, for somebody else to approve.

    \b
    Examples
      ./nightshift prepare post --by anna
      ./nightshift prepare close 2026-02 --books finance --by anna
      ./nightshift approve 3f9a1c22b7d0 --by boris
    """
    with night_lock("prepare"), warehouse(read_only=True) as connection:
        books.refuse_unless_good(connection, book)
        day = books.logical_day(connection)
        if what == "post":
            batches = [batch_id for batch_id, _ in cut(due(connection, day))]
            if not batches:
                say("prepare", "nothing is due")
                return
            content = {"content": fingerprint(due(connection, day)), "batches": batches}
            number = books.propose("post", content, books.someone(by))
            text = f"{count(len(batches), 'batch', 'batches')} to post: {', '.join(batches)}"
        else:
            from scripts.close import month_of

            number = books.propose("close", {"month": str(month_of(month)), "books": book}, books.someone(by))
            text = f"{book} {month} to close"
    say("prepare", f"{text}; somebody else: ./nightshift approve {number} --by NAME")


@click.command()
@click.argument("number")
@click.option("--by", required=True, help="Who approves it: somebody else than who prepared it.")
def approve(number: str, by: str) -> None:
    """Carry out what somebody else has prepared, if it is still the same.

    \b
    Example
      ./nightshift approve 3f9a1c22b7d0 --by boris
    """
    with night_lock("approve"):
        found = books.proposal(number)
        if found["prepared_by"] == by:
            raise Stop(f"{by} prepared it; somebody else has to approve it", REFUSED)
        if found["what"] == "close":
            from scripts.close import close_month, month_of

            close_month(month_of(found["month"][:7]), found["books"], found["prepared_by"], by, number)
        else:
            with warehouse(read_only=True) as connection:
                books.refuse_unless_good(connection, "finance")
                day = books.logical_day(connection)
                # After a kill a part of it is posted already; the whole must still be what was prepared.
                known = [batch_id for batch_id in found["batches"] if batch_id in journal.batches()]
                done = journal.lines_of(known, COLUMNS)
                lines = sorted([*done, *due(connection, day)], key=_order) if done else due(connection, day)
                if fingerprint(lines) != found["content"]:
                    raise Stop("what is due has changed since; prepare it again", REFUSED)
                lines = lines if done else due(connection, day)
                carry_out(lines, day, found["prepared_by"], by, known)
            write_files()
        fault_point("approve:before-settle")
        books.settle(number)
