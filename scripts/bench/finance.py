"""One night of money after 30 and 90 days of history: seconds and memory of the build and of posting.

    .venv/bin/python -m scripts.bench.finance --days 30 --days 90 --json finance.json

Invoices, lines, payments and settlements are generated straight in the landing's form. Every member pays once in 30
days, three in ten in pounds; each invoice earns a thirtieth of it a day, so the journal gets a pair of lines a member
and day. After each history the books are posted, then come ordinary nights: built, then posted. Beside the seconds on
the wall, those of the processor: they hold on a machine that does other things, too.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import click
import duckdb

from scripts.backends import load_all
from scripts.bench.nights import build, disk_gb
from scripts.bench.world import PART, put_manifest
from scripts.home import PROJECT
from scripts.landing.store import MANIFEST

FIRST_DAY = date(2025, 6, 1)
MODELS = [
    "+fct_gl_lines", "+fct_journal_entries", "+trial_balance", "+deferred_revenue_waterfall", "+mrr_movements",
    "+invoice_ageing", "+settlement_differences", "+cash_reconciliation", "+suspense", "+fct_export_batches",
]  # fmt: skip
MONEY = {"net_amount": "net", "tax_amount": "tax"}
ISSUED = {"issued_at": "moment", "updated_at": "moment", "currency": "currency"}
INVOICE = {"invoice_id": "concat('in', number)", "account_id": "concat('p_', md5(cast(member as varchar)))"}
TABLES: dict[str, dict[str, str]] = {
    "billing.invoices": {
        **INVOICE, **MONEY, **ISSUED, "subscription_id": "concat('s', member)", "country": "country", "state": "'paid'",
        "total_amount": "net + tax", "due_on": "day",
    },
    "billing.invoice_lines": {
        **INVOICE, **MONEY, **ISSUED, "invoice_line_id": "concat('il', number)", "line_number": "1",
        "kind": "'subscription'", "plan_code": "plan", "service_from": "moment",
        "service_to": "moment + interval 30 day", "gross_amount": "net + tax", "discount_amount": "0",
        "tax_rate": "0.2",
    },
    "billing.payments": {
        **INVOICE, "payment_id": "concat('pay', number)", "attempt": "1", "method": "'card'", "terminal_id": "'t'",
        "amount": "net + tax", "currency": "currency", "result": "'succeeded'", "attempted_at": "moment",
        "updated_at": "moment",
    },
    "processor.settlements": {
        "settlement_id": "concat('st', number)", "payout_id": "concat('po-', strftime(day, '%Y%m%d'), '-', currency)",
        "kind": "'payment'", "payment_id": "concat('pay', number)", "currency": "currency", "gross_amount": "net + tax",
        "fee_amount": "0.30", "settlement_currency": "currency", "exchange_rate": "1",
        "settled_gross_amount": "net + tax",
        "settled_fee_amount": "0.30", "settled_net_amount": "net + tax - 0.30",
        "settled_at": "moment + interval 1 hour", "paid_out_on": "day + 2",
    },
}  # fmt: skip
DRAWN = """
    select
        date '{day}' as day, m as member, concat(m, '-', {cycle}) as number,
        timestamp '{day}' + to_seconds(3600 + m % 70000) as moment,
        case when m % 10 < 3 then 'GBP' else 'EUR' end as currency,
        case when m % 10 < 3 then 'GB' else 'DE' end as country,
        case m % 5 when 0 then 'family' when 1 then 'student' else 'individual' end as plan,
        cast(8.33 + m % 5 as decimal(18, 2)) as net, cast(1.67 as decimal(18, 2)) as tax
    from range({slot}, {members}, 30) as t(m)
"""
RATES = {"rated_on": "day", "gbp": "0.85 + day_number % 7 * 0.001", "usd": "1.1"}


def land(home: Path, label: str, day: date, values: Mapping[str, str], rows: str) -> None:
    """One dump of a table, as the landing would hold it."""
    backend, name = label.split(".")
    table = load_all()[backend].tables[name]
    dump_id = f"{day:%Y%m%d}".rjust(16, "0")
    folder = home / f"landing/{backend}/{name}/dt={day}/{dump_id}"
    if (folder / MANIFEST).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    known = {
        **values, "_event_at": f"cast({values[table.event_at or '']} as timestamp)", "_event_on": f"date '{day}'",
        "_covers_on": f"date '{day}'", "_arrived_on": f"date '{day}'", "_dump_id": f"'{dump_id}'",
        "_source_file": f"'{name}.csv.gz'", "_source_line": "row_number() over ()",
    }  # fmt: skip
    columns = ", ".join(f"cast({known.get(c.name, 'null')} as {c.landed_type}) as {c.name}" for c in table.landed)
    ids = ", ".join(f"{c.name}: {c.field_id}" for c in table.landed)
    file = folder / PART
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"copy (select {columns} from ({rows})) to '{file}' (format parquet, field_ids {{{ids}}})")
    number = connection.execute(f"select count(*) from read_parquet('{file}')").fetchone()[0]
    put_manifest(folder, table, day, number)


def land_day(home: Path, number: int, members: int) -> None:
    """All that arrives on a day."""
    day = FIRST_DAY + timedelta(number)
    rows = DRAWN.format(day=day, cycle=number // 30, slot=number % 30, members=members)
    for label, values in TABLES.items():
        land(home, label, day, values, rows)
    land(home, "rates.eurofxref", day, RATES, f"select date '{day}' as day, {number} as day_number")


def post(home: Path) -> float:
    """Processor seconds of ``./nightshift post``."""
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home)}
    arguments = [sys.executable, "-m", "scripts.nightshift", "post", "--by", "bench"]
    _, status, usage = os.wait4(os.spawnve(os.P_NOWAIT, arguments[0], arguments, environment), 0)
    if status:
        sys.exit(f"post failed in {home}")
    return round(usage.ru_utime + usage.ru_stime, 2)


@click.command()
@click.option("--days", "histories", multiple=True, type=int, default=(30, 90), show_default=True)
@click.option("--members", default=200_000, show_default=True, help="Members who pay.")
@click.option("--nights", default=3, show_default=True, help="Nights after each history; the median counts.")
@click.option("--post/--no-post", "posts", default=True, show_default=True, help="Post after each build.")
@click.option("--home", type=click.Path(path_type=Path), default=Path("var/bench/finance"), show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here as well.")
def main(
    histories: tuple[int, ...], members: int, nights: int, posts: bool, home: Path, json_file: Path | None
) -> None:
    """Print one line for each history: first load or catching up, then an ordinary night."""
    os.chdir(PROJECT)
    home = home.resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    landed, found = 0, []

    def until(days: int) -> dict[str, float]:
        nonlocal landed
        for number in range(landed, days):
            land_day(home, number, members)
        landed = max(landed, days)
        measured = build(home, MODELS)
        certify(home)
        return {**measured, "post": post(home) if posts else 0.0}

    for days in sorted(histories):
        first = until(days)
        times = sorted((until(landed + 1) for _ in range(nights)), key=lambda night: night["seconds"])
        usual = times[len(times) // 2]
        row = {
            "days": days, "members": members,
            "catch_up_seconds": first["seconds"], "catch_up_cpu": first["cpu_seconds"],
            "catch_up_post_cpu": first["post"], "night_seconds": usual["seconds"], "night_cpu": usual["cpu_seconds"],
            "night_post_cpu": usual["post"],
            "peak_gb": max(first["peak_gb"], *(night["peak_gb"] for night in times)),
            "journal_lines": lines(home), "warehouse_gb": disk_gb(home / "warehouse"),
        }  # fmt: skip
        found.append(row)
        click.echo("  ".join(f"{name} {value}" for name, value in row.items()))
    if json_file:
        machine = {"cpus": os.cpu_count(), "system": platform.platform(), "duckdb": duckdb.__version__}
        json_file.write_text(json.dumps({"machine": machine, "rows": found}, indent=1) + "\n")
    shutil.rmtree(home, ignore_errors=True)


def certify(home: Path) -> None:
    """Say that finance is in order: the bench builds without the tests that would say so."""
    with duckdb.connect(str(home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute(
            "insert into ops.domain_checks select 'finance', max(sequence), true, '', now() from ops.ledger"
        )


def lines(home: Path) -> int:
    """Lines in the journal."""
    with duckdb.connect(str(home / "warehouse/warehouse.duckdb"), read_only=True) as connection:
        return connection.execute("select count(*) from finance.fct_journal_lines").fetchone()[0]


if __name__ == "__main__":
    main()
