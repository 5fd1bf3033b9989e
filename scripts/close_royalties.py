"""Closing a month of the royalty books: its statements are issued and never change by a byte.

What is committed is written down first as a whole, as Parquet files in closing/, and landed from there. A closing that
was killed is finished by the next one from these files, whatever has arrived in between; until its month has landed,
last of all, nothing of it counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from scripts import books
from scripts.backends import load_all
from scripts.close import is_closed, month_is_in
from scripts.console import REFUSED, Stop, count, say
from scripts.faults import fault_point
from scripts.files import remove_folder, sync
from scripts.home import folder
from scripts.land import commit_parquet
from scripts.statements import write_files
from scripts.warehouse import warehouse

DAILY = (
    "playback.plays", "billing.invoices", "billing.invoice_lines", "billing.ad_revenue", "processor.settlements",
)  # fmt: skip
SOURCES = (
    *DAILY, "billing.payments", "billing.credit_notes", "catalog.tracks", "catalog.splits", "catalog.contracts",
    "catalog.rights_holders",
)  # fmt: skip
# A month of which more than this part could be paid to nobody waits for its splits.
MOST_SUSPENDED = Decimal("0.10")
# In this order: the month itself last.
TABLES = ("statements", "royalty_usage", "royalty_suspense", "royalty_pools", "closed_months")

STATEMENTS = """
    with due as (select * from intermediate.int_royalties__statements_due),
    lines as (select * from intermediate.int_royalties__statement_lines_due),
    summary(line_kind, cause, rights_holder_id, statement_currency, statement_amount) as (
        select 'carried_over', 'brought forward', rights_holder_id, statement_currency, opening_amount from due
        union all
        select 'advance_recouped', null, rights_holder_id, statement_currency, -recouped_amount from due
        union all
        select 'withholding_tax', null, rights_holder_id, statement_currency, -withheld_amount from due
        union all
        select 'payout', null, rights_holder_id, statement_currency, -payout_amount from due
        union all
        select 'carried_over', 'carried forward', rights_holder_id, statement_currency, -closing_amount from due
    )
    select statement_line_id, line_kind, rights_holder_id, licensor_id, recording_id, territory, plan_code, play_month,
        cause, streams, amount, currency, exchange_rate, statement_amount, statement_currency
    from lines
    union all
    select 'R' || substr(md5(concat_ws('|', $month, line_kind, rights_holder_id, coalesce(cause, ''))), 1, 20),
        line_kind, rights_holder_id, null, null, null, null, $month, cause, null, statement_amount, statement_currency,
        1, statement_amount, statement_currency
    from summary
    where statement_amount <> 0
"""
ROWS = {
    "statements": f"""
        select lines.*, holders.name as rights_holder_name, $month as statement_month, $day as issued_on,
            'R' || strftime($month, '%y%m') || '-' || lines.rights_holder_id as statement_id
        from ({STATEMENTS}) as lines
        left join core.dim_rights_holder as holders on holders.rights_holder_id = lines.rights_holder_id
        order by statement_line_id""",
    "royalty_usage": """
        with tracks as (
            select recording_id, min(track_id) as track_id, min(isrc) as isrc from core.dim_track group by recording_id
        ),
        heard as (
            select pools.territory, pools.plan_code, pools.licensor_id, pools.currency, catalogue.recording_id,
                sum(if(pools.trial_streams_count, heard.streams, heard.paid_streams)) as streams
            from intermediate.int_royalties__recording_values as heard
            inner join intermediate.int_royalties__audiences as audiences using (royalty_month, audience_number)
            inner join intermediate.int_royalties__catalogue as catalogue using (royalty_month, recording_number)
            inner join intermediate.int_royalties__pools as pools
                using (royalty_month, territory, plan_code, licensor_id)
            where royalty_month = $month
            group by all
        ),
        earned as (
            select pools.territory, pools.plan_code, pools.licensor_id, pools.currency, catalogue.recording_id,
                sum(line_cents)::bigint as line_cents
            from intermediate.int_royalties__lines
            inner join intermediate.int_royalties__pools as pools using (royalty_month, pool_number)
            inner join intermediate.int_royalties__catalogue as catalogue using (royalty_month, recording_number)
            where royalty_month = $month group by all
        )
        select $month as royalty_month, heard.*, track.release_id, tracks.isrc, track.title,
            artists.name as artist_name, track.duration_ms,
            (line_cents::decimal(18, 0) * 0.01)::decimal(18, 2) as amount
        from heard
        inner join earned using (territory, plan_code, licensor_id, currency, recording_id)
        left join tracks using (recording_id)
        left join core.dim_track as track on track.track_id = tracks.track_id
        left join core.dim_artist as artists on artists.artist_id = track.artist_id
        order by territory, plan_code, licensor_id, currency, recording_id""",
    "royalty_suspense": """
        select * from royalties.fct_suspense where royalty_month = $month
        order by territory, plan_code, licensor_id, currency, recording_id, problem""",
    "royalty_pools": """
        select pools.*, licensors.name as licensor_name, licensors.ddex_party_id
        from royalties.fct_pools as pools
        left join core.dim_licensor as licensors on licensors.licensor_id = pools.licensor_id
        where royalty_month = $month
        order by territory, plan_code, pools.licensor_id, pools.currency""",
}


def checks(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[tuple[str, bool, str]]:
    """What must be true of a month before it is closed: the sentence, whether it is, the figure."""

    def figure(sql: str, *values: object) -> object:
        return connection.execute(sql, values).fetchone()[0]

    yield from month_is_in(connection, month, DAILY, list(SOURCES))
    earlier = figure(
        "select min(royalty_month) from royalties.fct_pools where royalty_month < ? and royalty_month > ?",
        month,
        max(books.closed_months("royalties"), default=date.min),
    )
    yield "every month before it is closed", earlier is None, f"open: {earlier:%Y-%m}" if earlier else "all"
    pools = figure("select count(*) from royalties.fct_pools where royalty_month = ?", month)
    yield "it has pools", pools > 0, f"{pools:,} pools"
    off = figure(
        "select count(*) from royalties.fct_pools where royalty_month = ? "
        "and pool_amount <> paid_amount + suspended_amount + retained_amount",
        month,
    )
    yield "paid, suspended and retained make each pool", off == 0, f"{off} pools do not"
    off = figure(
        """select count(*) from (
            select territory, plan_code, licensor_id, currency, sum(amount) as amount from royalties.fct_statement_lines
            where play_month = $1 and line_kind = 'earning' group by all
        ) as lines full outer join (select * from royalties.fct_pools where royalty_month = $1) as pools
            using (territory, plan_code, licensor_id, currency)
        where coalesce(lines.amount, 0) <> coalesce(pools.paid_amount, 0)""",
        month,
    )
    yield "lines of the statements make what is paid of each pool", off == 0, f"{off} pools differ"
    share = figure(
        "select coalesce(max(share), 0) from (select sum(suspended_amount) / nullif(sum(pool_amount), 0) as share "
        "from royalties.fct_pools where royalty_month = ? group by currency)",
        month,
    )
    found = f"{Decimal(share):.2%} at most in any currency"
    yield f"no more than {MOST_SUSPENDED:.0%} is in suspense", share <= MOST_SUSPENDED, found


def close_month(month: date, closed_by: str, approved_by: str | None, proposal: str | None = None) -> None:
    """Check, then issue the statements and commit the closing; the caller holds the lock.

    A proposal that was carried out, but whose files were not written, writes them and ends.
    """
    if pending := sorted(folder("closing").glob("royalties-*")):
        for whole in pending:
            finish(whole)
        if any(whole.name == f"royalties-{month:%Y-%m}" for whole in pending):
            return
        raise Stop("a closing that was broken off is finished now; run ./nightshift build, then close again", REFUSED)
    if is_closed("royalties", month, closed_by, approved_by, proposal):
        write_files()
        return
    closed = books.closed_months("royalties")
    with warehouse(read_only=True) as connection:
        books.refuse_unless_good(connection, "royalties")
        known = connection.execute("select royalty_month from intermediate.int_royalties__closed_months").fetchall()
        if set(closed) - {row[0] for row in known}:
            raise Stop("the last closing is not built yet; run ./nightshift build first", REFUSED)
        results = list(checks(connection, month))
        for sentence, good, figure in results:
            say("close", f"{'ok ' if good else 'NOT'} {sentence} ({figure})")
        if not all(good for _, good, _ in results):
            raise Stop(f"{month:%Y-%m} stays open", REFUSED)
        found = {sentence: figure for sentence, _, figure in results}
        whole = write_down(connection, month, closed_by, approved_by, found)
    finish(whole)


def write_down(
    connection: duckdb.DuckDBPyConnection, month: date, closed_by: str, approved_by: str | None, found: dict[str, str]
) -> Path:
    """Everything that will be committed, in files whose folder takes its name when it is whole."""
    day = books.logical_day(connection)
    making = folder("closing") / f".royalties-{month:%Y-%m}.new"
    if making.exists():
        remove_folder(making)
    making.mkdir()
    for table, sql in ROWS.items():
        values = {name: value for name, value in (("month", month), ("day", day)) if f"${name}" in sql}
        connection.execute(f"create or replace temp table closing as {sql}", values)
        _write(connection, table, "closing", making)
    connection.execute("create or replace temp table closing as from read_parquet(?)", [f"{making}/statements.parquet"])
    digest = connection.execute(
        "select md5(coalesce(string_agg(md5(closing::varchar), '' order by statement_line_id), '')) from closing"
    ).fetchone()[0]
    connection.execute(
        "create or replace temp table closing as select 'royalties' as books, ?::date as month, ?::date as closed_on, "
        "? as closed_by, ? as approved_by, ? as content_hash, ? as checks_json",
        [month, day, closed_by, approved_by, digest, json.dumps(found, sort_keys=True)],
    )
    _write(connection, "closed_months", "closing", making)
    for path in making.iterdir():
        sync(path)
    fault_point("close-royalties:before-written")
    whole = making.with_name(f"royalties-{month:%Y-%m}")
    making.rename(whole)
    sync(whole.parent)
    return whole


def _write(connection: duckdb.DuckDBPyConnection, table: str, rows: str, into: Path) -> None:
    """The columns of a commitment, of its types, as one file."""
    columns = load_all()["nightshift"].tables[table].columns
    selected = ", ".join(f"cast({column.name} as {column.type}) as {column.name}" for column in columns)
    connection.execute(f"copy (select {selected} from {rows}) to '{into / table}.parquet' (format parquet)")


def finish(whole: Path) -> None:
    """Land what was written down, the month last. Landed again it is the same dump, so nothing happens twice."""
    row = duckdb.execute("select month, closed_on from read_parquet(?)", [f"{whole}/closed_months.parquet"]).fetchone()
    for table in TABLES:
        path = whole / f"{table}.parquet"
        fault_point(f"close-royalties:before-{table}")
        if duckdb.execute("select count(*) from read_parquet(?)", [str(path)]).fetchone()[0]:
            commit_parquet(table, path, arrived_on=row[1])
    fault_point("close-royalties:after-commit")
    statements, paid = duckdb.execute(
        "select count(distinct statement_id), count(case when line_kind = 'payout' then 1 end) from read_parquet(?)",
        [f"{whole}/statements.parquet"],
    ).fetchone()
    remove_folder(whole)
    write_files()
    say("close", f"royalties {row[0]:%Y-%m} are closed: {count(statements, 'statement')}, {paid:,} with a payout")
    say(
        "close",
        f"what changes about the month from now on is adjusted in the statements of {books.next_month(row[0]):%Y-%m}",
    )
