"""``close``: a month of the books accepts nothing any more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import click
import duckdb

from scripts import books, journal
from scripts.backends import load_all
from scripts.console import REFUSED, USAGE, Stop, say
from scripts.faults import fault_point
from scripts.land import commit
from scripts.lock import night_lock
from scripts.warehouse import warehouse

DAILY = ("billing.invoices", "billing.invoice_lines", "billing.payments", "processor.settlements")
MONEY = [
    *DAILY,
    "billing.credit_notes",
    "billing.refunds",
    "billing.chargebacks",
    "billing.gift_cards",
    "bank.statements",
]


# Dumps of which rows or cents are nowhere: what the source declared against what came, what was let in against what is
# staged (or, of rows, broke a rule). A sum whose dump has rows in quarantine cannot be compared, its rows are.
DIFFERING = """
    with totals as (
        select backend, table_name, dump_id, arrived_on, measure, declared, counted, counted - kept_out as let_in
        from ops.landed_totals semi join ops.visible_dumps using (backend, table_name, dump_id, arrived_on)
        where list_contains(?, concat(backend, '.', table_name)) and arrived_on < ? and not list_contains(?, dump_id)
    ),
    refused as (
        select backend, table_name, dump_id, arrived_on,
            sum(case when layer = 'door' then row_count else 0 end) as at_the_door,
            sum(case when layer = 'staging' then row_count else 0 end) as in_staging
        from ops.quarantined group by all
    ),
    defined as (
        select relation, arg_max(version, sequence) as version from ops.definitions group by relation
    ),
    staged as (
        select backend, table_name, dump_id, arrived_on, measure, staged.version, sum(amount) as amount
        from ops.staged as staged
        inner join defined on relation = concat('stg_', backend, '__', table_name)
            and starts_with(staged.version, concat(defined.version, ':'))
        group by all
    ),
    accounted as (
        select backend, table_name, dump_id, arrived_on, measure, declared, counted, let_in,
            coalesce(at_the_door, 0) as at_the_door,
            coalesce(in_staging, 0) as in_staging,
            coalesce(amount, 0) + case when measure = 'rows' then coalesce(in_staging, 0) else 0 end as found
        from totals
        left join staged using (backend, table_name, dump_id, arrived_on, measure)
        left join refused using (backend, table_name, dump_id, arrived_on)
    ),
    compared as (
        select backend, table_name, dump_id, arrived_on, measure, declared, counted, let_in, at_the_door, in_staging,
            bool_or(let_in = found) as is_staged
        from accounted group by all
    )
    select concat(backend, '.', table_name), arrived_on,
        case when declared <> counted then concat(measure, ' declared ', declared, ', came ', counted)
            else concat(measure, ' let in ', let_in, ' are not what is staged') end
    from compared
    where (at_the_door = 0 and declared <> counted) or (not is_staged and (measure = 'rows' or in_staging = 0))
    order by all
"""


def _accepted() -> list[str]:
    """Dumps that people have accepted as they are."""
    return [dump for backend in load_all().values() for table in backend.tables.values() for dump in table.accepted]


def month_of(text: str | None) -> date:
    """The first day of a month given as 2026-02."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Stop(f"{text} is no month; write it as 2026-02", USAGE) from None


def missing_days(connection: duckdb.DuckDBPyConnection, name: str, month: date) -> list[str]:
    """The days of a month of which a table ("billing.invoices") has not landed, since it began to land."""
    backend, table = name.split(".")
    landed = {
        row[0]
        for row in connection.execute(
            "select covers_on from ops.landed_dumps where backend = ? and table_name = ?", [backend, table]
        ).fetchall()
    }
    begin = min(landed, default=month)
    days = [month + timedelta(days=n) for n in range((books.next_month(month) - month).days)]
    return [str(day) for day in days if day not in landed and day >= begin]


def differing_totals(connection: duckdb.DuckDBPyConnection, names: list[str], beyond: date) -> list[str]:
    """Dumps of these tables, arrived before a day, of which rows or a control total are nowhere.

    A share of rows in quarantine is a question for the backend and keeps nothing open.
    """
    found = connection.execute(DIFFERING, [names, beyond, _accepted()]).fetchall()
    return [f"{table} of {arrived}: {what}" for table, arrived, what in found]


def month_is_in(
    connection: duckdb.DuckDBPyConnection, month: date, daily: Sequence[str], sources: list[str]
) -> Iterator[tuple[str, bool, str]]:
    """What any books ask of a month: it is over, its rates are known, and everything of it has come in.

    ``daily`` ships every day, ``sources`` have control totals that must agree. A rate counts from the day on which it
    was published: one that merely reaches the month's last day may still be replaced by that day's own.
    """
    beyond = books.next_month(month)
    day = books.logical_day(connection)
    yield "the month is over", day >= beyond, f"built up to {day}"
    last = beyond - timedelta(days=1)
    [rated] = connection.execute("select max(rated_on) from intermediate.int_finance__exchange_rates").fetchone()
    yield "its closing exchange rates are known", rated is None or rated >= last, f"rates up to {rated}"
    for name in daily:
        missing = missing_days(connection, name, month)
        yield f"{name} of every day has landed", not missing, ", ".join(missing) or "all"
    differing = differing_totals(connection, sources, beyond)
    yield "control totals of the sources agree", not differing, "; ".join(differing[:5]) or "all"


def checks(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[tuple[str, bool, str]]:
    """What must be true of a month before it is closed: the sentence, whether it is, the figure."""
    beyond = books.next_month(month)

    def figure(sql: str, *values: object) -> object:
        return connection.execute(sql, values).fetchone()[0]

    yield from month_is_in(connection, month, DAILY, MONEY)
    closed = books.closed_months("finance")
    earlier = figure(
        "select min(month) from finance.trial_balance where month < ? and month > ?",
        month,
        max(closed, default=date.min),
    )
    yield "every month before it is closed", earlier is None, f"open: {earlier:%Y-%m}" if earlier else "all"
    due = figure("select count(*) from finance.fct_journal_lines where batch_id is null and posted_on < ?", beyond)
    yield "everything due is posted", due == 0, f"{due} lines are due"
    off = figure(
        "select count(*) from (select currency from finance.trial_balance where month <= ? group by month, currency "
        "having sum(closing_amount) <> 0 or sum(reporting_closing_amount) <> 0)",
        month,
    )
    yield "the trial balance is balanced", off == 0, f"{off} currencies are not"


def is_closed(book: str, month: date, closed_by: str, approved_by: str | None, proposal: str | None) -> bool:
    """Whether this very proposal has closed the month; a month that was closed otherwise is closed once."""
    closed = books.closed_months(book)
    if month not in closed:
        return False
    if proposal and books.closed_by(book, month) == (closed_by, approved_by):
        say("close", f"{book} {month:%Y-%m} is closed already")
        return True
    raise Stop(f"{month:%Y-%m} is closed since {closed[month]}; it is closed once", REFUSED)


def close_month(month: date, book: str, closed_by: str, approved_by: str | None, proposal: str | None = None) -> None:
    """Check, then commit the closing; the caller holds the lock. A proposal that was carried out just ends."""
    if book != "finance":
        from scripts import close_royalties

        close_royalties.close_month(month, closed_by, approved_by, proposal)
        return
    if is_closed(book, month, closed_by, approved_by, proposal):
        return
    with warehouse(read_only=True) as connection:
        books.refuse_unless_good(connection, book)
        day = books.logical_day(connection)
        results = list(checks(connection, month))
    for sentence, good, figure in results:
        say("close", f"{'ok ' if good else 'NOT'} {sentence} ({figure})")
    if not all(good for _, good, _ in results):
        raise Stop(f"{month:%Y-%m} stays open", REFUSED)
    fault_point("close:before-commit")
    row = {
        "books": book,
        "month": month,
        "closed_on": day,
        "closed_by": closed_by,
        "approved_by": approved_by,
        "content_hash": journal.content_hash(month, books.next_month(month)),
        "checks_json": json.dumps({sentence: figure for sentence, _, figure in results}, sort_keys=True),
    }
    commit("closed_months", [row], arrived_on=day)
    fault_point("close:after-commit")
    say("close", f"{book} {month:%Y-%m} is closed; what comes late goes to {books.next_month(month):%Y-%m}")


@click.command()
@click.argument("month")
@click.option("--books", "book", default="finance", show_default=True, help="finance or royalties.")
@click.option("--by", help="Who closes (default: who is logged in).")
def close(month: str, book: str, by: str | None) -> None:
    """Close a month of the books.

    First its checks: the month is over and has landed whole, control totals agree, everything due is posted, the trial
    balance is balanced, the months before are closed. Then nothing is posted in it any more: what comes late goes to
    the first open month, with its reason. A month is closed once.

    \b
    Examples
      ./nightshift close 2026-02 --books finance
      ./nightshift prepare close 2026-02      where seeds/books.csv asks for an approval
    """
    if books.needs_approval(book):
        raise Stop("these books want an approval: ./nightshift prepare close, then ./nightshift approve", USAGE)
    with night_lock("close"):
        close_month(month_of(month), book, books.someone(by), None)
