"""``post``: what is due in the journal becomes posted batches, and files for accounting packages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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

# A day's rate is known when the bank has published one for it or for a later day; on weekends it publishes none.
DUE = f"""
    with published as (select max(rated_on) as last_on from intermediate.int_finance__exchange_rates),
    known as (select last_on + case when isodow(last_on) = 5 then 2 else 0 end as until from published)
    select {", ".join(COLUMNS)},
        currency = reporting_currency or occurred_on <= coalesce((select until from known), occurred_on) as is_ready
    from finance.fct_journal_lines
    where batch_id is null and posted_on <= ?
    order by posted_on, journal_entry_id, line_number
"""


def due(connection: duckdb.DuckDBPyConnection, day: date) -> tuple[list[dict[str, Any]], int]:
    """Lines to post now (not those that are posted already, whatever the warehouse says), and how many entries wait."""
    rows = connection.execute(DUE, [day]).fetchall()
    known = journal.posted("distinct journal_entry_id")
    done = {row[0] for row in known.fetchall()} if known else set()
    ready = [dict(zip(COLUMNS, row, strict=False)) for row in rows if row[-1] and row[0] not in done]
    return ready, len({row[0] for row in rows if not row[-1]})


def fingerprint(lines: list[dict[str, Any]]) -> str:
    """What a proposal is about: the entries, their content and days."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(
            f"{line['journal_entry_id']} {line['line_number']} {line['content_hash']} {line['posted_on']}\n".encode()
        )
    return digest.hexdigest()


def cut(lines: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
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


def _batch_id(batch: list[dict[str, Any]]) -> str:
    return f"J{batch[0]['posted_on']:%y%m}-{fingerprint(batch)[:8]}"


def carry_out(lines: list[dict[str, Any]], day: date, prepared_by: str, approved_by: str | None) -> None:
    """Commit the batches one by one, each whole or not at all, and write their files."""
    closed = books.closed_months("finance")
    if late := {f"{line['posted_on']:%Y-%m}" for line in lines if line["posted_on"].replace(day=1) in closed}:
        raise Stop(f"{', '.join(sorted(late))} is closed since the last build; run ./nightshift build first", REFUSED)
    for batch_id, batch in cut(lines):
        signed = {"batch_id": batch_id, "prepared_by": prepared_by, "approved_by": approved_by}
        fault_point("post:before-commit")
        commit("journal_batches", [{**line, **signed} for line in batch], arrived_on=day)
        fault_point("post:after-commit")
        entries = len({line["journal_entry_id"] for line in batch})
        say("post", f"{batch_id}: {count(entries, 'entry', 'entries')}, {count(len(batch), 'line')}")


def write_files(again: bool = False) -> None:
    """Files of every batch that has none (or of all)."""
    for batch_id in journal.batches():
        fault_point("post:before-export")
        journal.export(batch_id, again)


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
            lines, waiting = due(connection, day)
        carry_out(lines, day, books.someone(by), None)
        write_files(rebuild_files)
    if not lines:
        say("post", f"as of {day}: nothing is due")
    if waiting:
        say("post", f"{count(waiting, 'entry', 'entries')} wait for the exchange rates of their day")


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
            lines, _ = due(connection, day)
            if not lines:
                say("prepare", "nothing is due")
                return
            number = books.propose("post", {"content": fingerprint(lines), "lines": len(lines)}, books.someone(by))
            text = f"{count(len(lines), 'line')} to post"
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

            close_month(month_of(found["month"][:7]), found["books"], found["prepared_by"], by)
        else:
            with warehouse(read_only=True) as connection:
                books.refuse_unless_good(connection, "finance")
                day = books.logical_day(connection)
                lines, _ = due(connection, day)
            if fingerprint(lines) != found["content"]:
                raise Stop("what is due has changed since; prepare it again", REFUSED)
            carry_out(lines, day, found["prepared_by"], by)
            write_files()
        books.settle(number)
