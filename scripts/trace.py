"""``trace``: one amount followed through the books, from the bytes a backend shipped to the general ledger, or back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import click
import duckdb

from scripts import journal
from scripts.backends import Table, load_all
from scripts.console import DONE, USAGE, Stop, count, say, table
from scripts.files import read_json
from scripts.home import folder, home
from scripts.lock import night_lock
from scripts.warehouse import warehouse

LINES = """
    select journal_entry_id, line_number, posted_on, occurred_on, source_table, source_key, account_code, currency,
        debit_amount, credit_amount, reporting_debit_amount, reporting_credit_amount, cause, batch_id, gl_line_id
    from finance.fct_journal_lines
    where {where}
    order by posted_on, journal_entry_id, line_number
"""
OPENERS = {".gz": "zcat", ".zst": "zstdcat"}


@click.command()
@click.argument("what")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows to show of each list.")
@click.option("--sql", is_flag=True, help="Print the queries, too.")
def trace(what: str, limit: int, sql: bool) -> int:
    """Follow an amount through the books: the shipped line, the landed row, its journal entries, the general ledger.

    WHAT is a row of a backend (TABLE/KEY), a journal entry, or a line of the general ledger; of the last, its entries
    and where each comes from are shown. docs/audit-walk.md walks all the way, there and back.

    \b
    Examples
      ./nightshift trace billing.payments/pay000003795
      ./nightshift trace payment_received:pay000003795@20260110
      ./nightshift trace J2601-313fcec9/2026-01-10/1300/EUR/ --limit 50
    """
    with night_lock("trace"), warehouse(read_only=True) as connection:
        backend_table, _, key = what.partition("/")
        if backend_table in {spec.label for backend in load_all().values() for spec in backend.tables.values()}:
            where, values = "source_table = ? and source_key = ?", [backend_table, key]
        elif (
            "/" in what
            and not connection.execute(
                "select 1 from finance.fct_journal_lines where journal_entry_id = ? limit 1", [what]
            ).fetchone()
        ):
            where, values = "gl_line_id = ?", [what]
        else:
            where, values = "journal_entry_id = ?", [what]
        found = connection.execute(LINES.format(where=where), values)
        names = [column[0] for column in found.description]
        lines = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        if not lines:
            raise Stop(f"the books know no entry, line or source called {what}", USAGE)
        if sql:
            click.echo(LINES.format(where=where) + f"    -- {', '.join(map(str, values))}\n")
        if where.startswith("gl_line_id"):
            _summary(lines, limit)
            return DONE
        for source in dict.fromkeys((line["source_table"], line["source_key"], line["occurred_on"]) for line in lines):
            _source(*source, sql)
        _entries(lines, limit)
        _general_ledger(connection, list(dict.fromkeys(line["gl_line_id"] for line in lines)), limit)
    return DONE


def _source(source_table: str, key: str, day: date, sql: bool) -> None:
    """The bytes and the landed versions of the row an entry is about."""
    backend, _, name = source_table.partition(".")
    spec = load_all()[backend].tables.get(name) if backend in load_all() else None
    if spec is None:
        say("source", f"{key}: computed from the books ({source_table}), no backend ships it")
        return
    where, values = _key_of(spec, key, day)
    files = folder("landing") / backend / name
    if not any(files.glob("*/*/*.parquet")):
        say("landed", f"nothing of {source_table} is in this landing")
        return
    query = f"select * from read_parquet('{files}/*/*/*.parquet', hive_partitioning = false) where {where} "
    query += "order by _arrived_on, _dump_id, _source_line"
    found = duckdb.execute(query, values)
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if sql:
        click.echo(f"    {query}\n    -- {', '.join(map(str, values))}\n")
    for row in rows:
        dump = files / f"dt={row['_arrived_on']}" / row["_dump_id"]
        manifest = read_json(dump / "_manifest.json") or {}
        shipped = next((f for f in manifest.get("source", []) if f["file"] == row["_source_file"]), {})
        say("shipped", f"{row['_source_file']}, line {row['_source_line']}, arrived {row['_arrived_on']}")
        if not (spec.kind == "commitment" or ":" in row["_source_file"]):
            later = "" if row["_covers_on"] == row["_arrived_on"] else f"for-{row['_covers_on']}/"
            file = home() / "inbox" / backend / str(row["_arrived_on"]) / f"{later}{row['_source_file']}"
            print(f"          {OPENERS.get(file.suffix, 'cat')} {file} | sed -n '{row['_source_line']}p'")
            print(f"          sha256sum {file}  # {shipped.get('sha256', 'not in the manifest')}")
        say("landed", f"{dump.relative_to(home())}")
        values_ = [[name, str(value)] for name, value in row.items() if value is not None and not name.startswith("_")]
        print(table(["column", "value"], values_, indent=" " * 10))


def _key_of(spec: Table, key: str, day: date) -> tuple[str, list[object]]:
    """The condition that picks a source's row: its key; a day in the key is the day of the event."""
    if spec.label == "nightshift.statements":
        return "concat(statement_id, '/', line_kind) = ? and issued_on = ?", [key, day]
    conditions, values = [], []
    for column in spec.key:
        conditions.append(f"{column} = ?")
        values.append(day if column == spec.event_at else key)
    return " and ".join(conditions), values


def _entries(lines: Sequence[dict], limit: int) -> None:
    """Lines of the journal."""
    entries = len({line["journal_entry_id"] for line in lines})
    say("journal", f"{count(entries, 'entry', 'entries')}, {count(len(lines), 'line')} (finance.fct_journal_lines)")
    columns = ["posted_on", "journal_entry_id", "account_code", "debit_amount", "credit_amount", "currency"]
    columns += ["reporting_debit_amount", "reporting_credit_amount", "cause"]
    names = ["posted on", "entry", "account", "debit", "credit", "", "debit in books", "credit in books", "cause"]
    shown = [[str(line[column]) if line[column] is not None else None for column in columns] for line in lines[:limit]]
    print(table(names, shown, indent=" " * 10))
    if len(lines) > limit:
        print(f"          … and {len(lines) - limit:,} more (--limit)")


def _general_ledger(connection: duckdb.DuckDBPyConnection, gl_lines: Sequence[str], limit: int) -> None:
    """The summary lines that go to the general ledger, and the files they are in."""
    found = connection.execute(
        """
        select gl_line_id, any_value(batch_id), any_value(posted_on), any_value(account_code), any_value(currency),
            coalesce(any_value(plan_code), ''), sum(debit_amount)::decimal(18, 2), sum(credit_amount)::decimal(18, 2),
            count(*)
        from finance.fct_journal_lines where list_contains(?, gl_line_id) group by gl_line_id order by gl_line_id
        """,
        [list(gl_lines)],
    ).fetchall()
    say("ledger", f"{count(len(found), 'line')} of the general ledger (finance.fct_gl_lines)")
    shown = [[row[0], str(row[6]), str(row[7]), row[8]] for row in found[:limit]]
    print(table(["gl_line_id", "debit", "credit", "journal lines"], shown, indent=" " * 10))
    for _, batch, day, account, currency, plan, *_ in found[:limit]:
        file = folder("exports") / "journal-csv" / str(batch) / "journal.csv"
        if batch and file.exists():
            names = journal.chart(day)
            name = names[account].name if account in names else ""
            print(f"          grep '{batch},{day},{account},{name},{plan},{currency},' {file}")


def _summary(lines: Sequence[dict], limit: int) -> None:
    """A line of the general ledger: what it is made of, and where that comes from."""
    debit, credit = (sum(line[side] for line in lines) for side in ("debit_amount", "credit_amount"))
    line = lines[0]
    say("ledger", f"{line['gl_line_id']}: debit {debit}, credit {credit} {line['currency']}")
    _entries(lines, limit)
    sources = list(dict.fromkeys((line["source_table"], line["source_key"]) for line in lines))
    say("sources", f"{count(len(sources), 'row')}")
    for source_table, key in sources[:limit]:
        print(f"          ./nightshift trace {source_table}/{key}")
