"""``explain``: every number a line of a royalty statement was made of, from the pool down to the plays."""

from __future__ import annotations

import click
import duckdb

from scripts.console import USAGE, Stop
from scripts.warehouse import warehouse

LINE = "select * from royalties.fct_statement_lines where statement_line_id = '{statement_line_id}'"
POOL_KEY = (
    "royalty_month = '{play_month}' and territory = '{territory}' and plan_code = '{plan_code}' "
    "and licensor_id = '{licensor_id}' and currency = '{currency}'"
)
POOL = f"select * from intermediate.int_royalties__pools where {POOL_KEY}"
REVENUE = """
select revenue_on, count(*) as subscribers, sum(net_cents) / 100.0 as net_amount
from intermediate.int_royalties__daily_revenue
where date_trunc('month', revenue_on) = '{play_month}' and territory = '{territory}' and plan_code = '{plan_code}'
    and currency = '{currency}'
group by revenue_on order by revenue_on"""
NUMBERED = "inner join intermediate.int_royalties__pools as pools using (royalty_month, pool_number)"
NAMED = f"""{NUMBERED}
inner join (
    select royalty_month, recording_number, recording_id from intermediate.int_royalties__catalogue
) as catalogue using (royalty_month, recording_number)"""
SHARES = f"""
select recording_id, rights_holder_id, problem, shares.streams, shares.pro_rata_nanos, shares.user_centric_nanos
from intermediate.int_royalties__shares as shares {NAMED}
where {POOL_KEY} and recording_id = '{{recording_id}}'
order by rights_holder_id, problem"""
PAYEE = f"""
select outcome, payee, due_nanos, payee_cents from intermediate.int_royalties__payees {NUMBERED}
where {POOL_KEY} and is_in_force and payee = '{{rights_holder_id}}'"""
CENTS = f"""
select due_nanos, line_cents, (select count(*) from intermediate.int_royalties__lines {NUMBERED}
    where {POOL_KEY} and rights_holder_id = '{{rights_holder_id}}') as lines_of_the_payee
from intermediate.int_royalties__lines {NAMED}
where {POOL_KEY} and rights_holder_id = '{{rights_holder_id}}' and recording_id = '{{recording_id}}'"""
SAID = """
select statement_id, line_kind, cause, streams, amount, issued_on from royalties.fct_statement_lines
where play_month = '{play_month}' and territory = '{territory}' and plan_code = '{plan_code}'
    and licensor_id = '{licensor_id}' and currency = '{currency}' and recording_id = '{recording_id}'
    and rights_holder_id = '{rights_holder_id}'
order by issued_on nulls last, line_kind"""
SPLITS = """
select span_from, valid_to, rights_holder_id, share_millionths, problem
from intermediate.int_royalties__split_spans where recording_id = '{recording_id}'
order by span_from, rights_holder_id"""
STREAMS = """
select streams.played_on, streams.account_id, streams.is_trial, streams.track_id, streams.streams,
    subscribers.net_cents, subscribers.streams as all_her_streams
from intermediate.int_royalties__daily_streams as streams
inner join intermediate.int_royalties__recordings as recordings on recordings.track_id = streams.track_id
left join intermediate.int_royalties__subscribers as subscribers
    on subscribers.account_id = streams.account_id and subscribers.territory = streams.territory
    and subscribers.plan_code = streams.plan_code and subscribers.royalty_month = '{play_month}'
where recordings.recording_id = '{recording_id}' and streams.territory = '{territory}'
    and streams.plan_code = '{plan_code}' and streams.played_on >= '{play_month}'
    and streams.played_on < date '{play_month}' + interval 1 month
order by streams.played_on, streams.account_id, streams.track_id"""
PLAYS = """
select plays.play_id, plays.played_at, plays.account_id, plays.track_id, plays.ms_played, plays._dump_id
from core.fct_plays as plays
inner join intermediate.int_royalties__daily_streams as streams
    on streams.played_on = plays.played_on and streams.account_id = plays.account_id
    and streams.track_id = plays.track_id
inner join intermediate.int_royalties__recordings as recordings on recordings.track_id = plays.track_id
left join risk.artificial_plays as artificial
    on artificial.play_id = plays.play_id and artificial.played_on = plays.played_on
where recordings.recording_id = '{recording_id}' and streams.territory = '{territory}'
    and streams.plan_code = '{plan_code}' and plays.played_on >= '{play_month}'
    and plays.played_on < date '{play_month}' + interval 1 month and plays.ms_played >= 30000
    and artificial.play_id is null
order by plays.played_at, plays.play_id"""
SUMMARY = """
select line_kind, cause, count(*) as lines, sum(statement_amount) as statement_amount, statement_currency
from royalties.fct_statement_lines where statement_id = '{statement_id}'
group by line_kind, cause, statement_currency order by line_kind, cause"""


@click.command()
@click.argument("line_id")
@click.option("--plays", "most", default=20, show_default=True, help="How many plays and days to print.")
def explain(line_id: str, most: int) -> None:
    """Print what a line of a royalty statement was made of, from the pool to the plays, with the queries.

    LINE_ID is fct_statement_lines.statement_line_id; it stands beside each line of an HTML statement. The queries can
    be run in any DuckDB client on warehouse/warehouse.duckdb. Amounts called nanos are billionths of a cent. A line of
    a closed month is what it was; the numbers below it are today's, and every adjustment since is listed.

    \b
    Examples
      ./nightshift explain R0a1b2c3d4e5f6a7b8c9
      ./nightshift explain R0a1b2c3d4e5f6a7b8c9 --plays 1000
    """
    with warehouse(read_only=True) as connection:
        found = connection.execute("select * from royalties.fct_statement_lines where statement_line_id = ?", [line_id])
        names = [column[0] for column in found.description]
        row = found.fetchone()
        if row is None:
            raise Stop(f"no line {line_id} in royalties.fct_statement_lines", USAGE)
        line = dict(zip(names, row, strict=True))
        whose = f"{line['rights_holder_id']}, statement of {line['statement_month']:%Y-%m}"
        state = f"issued on {line['issued_on']} as {line['statement_id']}" if line["issued_on"] else "due"
        click.echo(f"{line['line_kind']} of {line['amount']} {line['currency']} for {whose}, {state}")
        if line["cause"]:
            click.echo(f"cause: {line['cause']}")
        show(connection, "The line", LINE, line, most)
        if line["recording_id"] is None:
            show(connection, "The statement it belongs to, kind by kind", SUMMARY, line, most)
            return
        show(connection, "Everything said of this recording and payee for the month", SAID, line, most)
        pool(connection, line)
        show(connection, "The pool's money, day by day (before the contract's share)", REVENUE, line, most)
        show(connection, "Who shares the recording, and when", SPLITS, line, most)
        show(connection, "What the recording earned each payee, before cents", SHARES, line, most)
        show(connection, "The payee's cents of the whole pool", PAYEE, line, most)
        show(connection, "The cents placed on this recording", CENTS, line, most)
        show(connection, "Its streams, by day and listener, with what the listener paid", STREAMS, line, most)
        show(connection, "The plays; _dump_id is a folder of the landing", PLAYS, line, most)


def pool(connection: duckdb.DuckDBPyConnection, line: dict[str, object]) -> None:
    """The pool with the formula filled in."""
    sql = POOL.format(**line)
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    row = found.fetchone()
    click.echo("\n== The pool")
    click.echo(sql)
    if row is None:
        click.echo("  there is no such pool today")
        return
    of = dict(zip(names, row, strict=True))
    nano = 10**11
    say = click.echo
    say(f"  contract {of['contract_id']}, {of['allocation_method']}, share of revenue {of['revenue_share']}")
    say(f"  net revenue of plan and territory: {of['net_cents'] / 100:,.2f} {of['currency']}")
    least = "the minimum per subscriber" if of["is_at_minimum"] else "share of revenue"
    say(f"  base, if all streams were the licensor's ({least}): {of['base_nanos'] / nano:,.6f}")
    if of["allocation_method"] == "pro_rata":
        say(f"  pool = base x {of['streams']:,} of {of['all_streams']:,} streams = {of['pro_rata_nanos'] / nano:,.6f}")
    else:
        own = f"{of['own_nanos'] / nano:,.6f} x {of['value']} of {of['all_value']}"
        say(f"  of it by each subscriber's own streams: {own}")
        say(f"  by all streams: {of['shared_nanos'] / nano:,.6f} x {of['streams']:,} of {of['all_streams']:,}")
        say(f"  retained: {of['retained_nanos'] / nano:,.6f}")
        say(f"  pool = {of['user_centric_nanos'] / nano:,.6f}")
    say(f"  rounded once: {of[str(of['allocation_method']) + '_cents'] / 100:,.2f} {of['currency']}")


def show(connection: duckdb.DuckDBPyConnection, title: str, sql: str, line: dict[str, object], most: int) -> None:
    """A query and its first rows."""
    sql = sql.strip().format(**line)
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    click.echo(f"\n== {title}\n{sql}")
    shown = [[("" if value is None else str(value)) for value in row] for row in rows[:most]]
    widths = [max(len(text) for text in column) for column in zip(names, *shown, strict=True)]
    for cells in [names, *shown]:
        click.echo("  " + "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)).rstrip())
    if len(rows) > most:
        click.echo(f"  … {len(rows) - most:,} more (--plays)")
