"""A month of royalties at size: both allocations and all statements against DuckDB's bare group by over the same plays.

    .venv/bin/python -m scripts.bench.royalties --plays 30000000

The models' own SQL, as dbt compiles it, over a month made on the spot: listeners in fifteen countries and four plans,
recordings by Zipf's law. The nights' part (plays to daily aggregates) is told apart: the month itself never reads a
play. Beside the seconds on the wall, those of the processor.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb

from scripts.bench.page import keep
from scripts.bench.world import compiled, make

MONTH = "2026-01-01"
STEPS = {
    "both allocations": [
        "int_royalties__subscribers", "int_royalties__recording_values", "int_royalties__terms", "int_royalties__pools",
        "int_royalties__shares", "int_royalties__payees", "fct_allocations",
    ],
    "pools and lines": ["int_royalties__lines", "fct_pools", "fct_suspense"],
    "statements": ["fct_statement_lines"],
}  # fmt: skip
BEFORE = [
    "int_royalties__recordings", "int_royalties__split_spans", "int_royalties__split_cuts",
    "int_royalties__closed_months", "int_royalties__adjustments",
]  # fmt: skip
COUNTRIES = "['US','GB','DE','FR','ES','IT','NL','SE','PL','BR','MX','JP','IN','AU','CA']"
WORLD = f"""
create schema core; create schema intermediate; create schema royalties; create schema staging;
create table listeners as
    select md5(i::varchar)[:24] as account_id, {COUNTRIES}[1 + (hash(i) % 15)::integer] as territory,
        ['free','individual','student','family'][1 + (hash(i + 7) % 4)::integer] as plan_code, i
    from range($listeners) as r(i);
create table plays as
    select listeners.account_id, printf('t%07d', ($recordings ** random())::bigint) as track_id,
        date '{MONTH}' + (random() * 30.999)::integer as played_on, n as play_id
    from range($plays) as r(n) inner join listeners on listeners.i = (hash(n) % $listeners)::bigint;
create table core.dim_track as
    select printf('t%07d', i) as track_id, printf('r%07d', i) as recording_id,
        printf('l%02d', (hash(i) % 6)::integer) as licensor_id, 'X' as isrc, timestamp '2020-01-01' as created_at
    from range($recordings + 1) as r(i);
create table core.dim_split as
    select printf('s%07d-%d', i, part) as split_id, printf('r%07d', i) as recording_id,
        printf('h%06d', (hash(i // 20 + part * 99) % 60000)::integer) as rights_holder_id,
        (case when i % 6 > 0 then 1 when part = 0 then 0.7 else 0.3 end)::decimal(9, 6) as share,
        date '2020-01-01' as valid_from, null::date as valid_to, date '2020-01-01' as known_on
    from range($recordings + 1) as r(i), range(2) as p(part) where part = 0 or i % 6 = 0;
create table core.dim_rights_holder as
    select printf('h%06d', i) as rights_holder_id, 'USD' as currency, 10::decimal(18, 2) as payout_threshold,
        0::decimal(18, 2) as advance_amount, 0::decimal(9, 6) as withholding_tax_rate
    from range(60000) as r(i);
create table core.dim_contract as
    select printf('c%d', i) as contract_id, printf('l%02d', i) as licensor_id, 'WW' as territory, 'ALL' as plan_code,
        0.52::decimal(9, 6) as revenue_share, null::decimal(18, 4) as minimum_per_subscriber,
        null::varchar as minimum_currency, ['pro_rata', 'user_centric'][(1 + i % 2)::integer] as allocation_method,
        true as trial_streams_count, 'pro_rata' as silent_subscribers, date '2020-01-01' as valid_from,
        null::date as valid_to
    from range(6) as r(i);
create table intermediate.int_finance__exchange_rates
    (currency varchar, exchange_rate decimal(18, 8), valid_from date, valid_to date);
create table intermediate.int_royalties__daily_revenue as
    select date '{MONTH}' + day::integer as revenue_on, if(plan_code = 'free', '', account_id) as account_id, territory,
        plan_code, 'USD' as currency,
        sum(if(plan_code = 'free', 1, 28 + (hash(account_id) % 9)::integer))::bigint as net_cents
    from listeners, range(31) as d(day) group by all;
"""
COMMITTED = """
create table staging.stg_nightshift__statements (statement_line_id varchar, statement_id varchar, statement_month date,
    issued_on date, line_kind varchar, rights_holder_id varchar, rights_holder_name varchar, licensor_id varchar,
    recording_id varchar, territory varchar, plan_code varchar, play_month date, cause varchar, streams bigint,
    amount decimal(18, 2), currency varchar, exchange_rate decimal(18, 8), statement_amount decimal(18, 2),
    statement_currency varchar);
create table staging.stg_nightshift__royalty_pools (royalty_month date, territory varchar, plan_code varchar,
    licensor_id varchar, currency varchar, contract_id varchar, allocation_method varchar,
    net_revenue_amount decimal(18, 2), pool_amount decimal(18, 2));
create table staging.stg_nightshift__royalty_suspense (royalty_month date, territory varchar, plan_code varchar,
    licensor_id varchar, currency varchar, recording_id varchar);
create table staging.stg_nightshift__closed_months (books varchar, month date, closed_on date);
"""
# What a night adds of a day's plays.
NIGHT = """
create table intermediate.int_royalties__daily_streams as
    select plays.played_on, plays.account_id, listeners.territory, listeners.plan_code, false as is_trial,
        plays.track_id, count(*) as streams
    from plays inner join listeners on listeners.account_id = plays.account_id group by all
"""
BARE = "create temp table bare as select account_id, track_id, count(*) as streams from plays group by 1, 2"


@contextmanager
def timed(found: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    """Seconds on the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    found[name] = {
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }
    click.echo(
        f"{name:32} {found[name]['seconds']:8.2f} s, {found[name]['cpu_seconds']:8.2f} s of the processor", err=True
    )


@click.command()
@click.option("--plays", default=30_000_000, show_default=True)
@click.option("--listeners", default=200_000, show_default=True)
@click.option("--recordings", default=1_000_000, show_default=True)
@click.option("--memory", default="7GB", show_default=True, help="DuckDB's memory limit.")
@click.option("--threads", default=2, show_default=True)
@click.option("--home", type=click.Path(path_type=Path), help="Where the month is made (default: a temporary folder).")
def main(plays: int, listeners: int, recordings: int, memory: str, threads: int, home: Path | None) -> None:
    """Run it, and keep the figures for docs/performance.md."""
    with tempfile.TemporaryDirectory(dir=home) as name:
        folder = Path(name)
        models = compiled(folder, ["path:models/intermediate/royalties", "path:models/marts/royalties"])
        connection = duckdb.connect(
            str(folder / "warehouse.duckdb"),
            config={"memory_limit": memory, "threads": threads, "temp_directory": str(folder / "spill")},
        )
        connection.execute("set preserve_insertion_order = false; select setseed(0.5)")
        sizes = {"plays": plays, "listeners": listeners, "recordings": recordings}
        world = WORLD
        for key, value in sizes.items():
            world = world.replace(f"${key}", str(value))
        connection.execute(world + COMMITTED)
        found: dict[str, dict[str, float]] = {}
        with timed(found, "bare group by listener, track"):
            connection.execute(BARE)
        connection.execute("drop table bare")
        with timed(found, "the nights: daily aggregates"):
            connection.execute(NIGHT)
        connection.execute("drop table plays")
        with timed(found, "catalogue: splits and recordings"):
            for model in BEFORE[:-1]:
                make(connection, models, model)
        for step, names in STEPS.items():
            if step == "statements":
                make(connection, models, "int_royalties__adjustments")
            with timed(found, step):
                for model in names:
                    make(connection, models, model)
        rows = {
            name: connection.execute(f"select count(*) from {name}").fetchone()[0]
            for name in ("intermediate.int_royalties__daily_streams", "intermediate.int_royalties__shares",
                         "royalties.fct_statement_lines")
        }  # fmt: skip
        off = connection.execute(
            "select count(*) from royalties.fct_pools "
            "where pool_amount <> paid_amount + suspended_amount + retained_amount"
        ).fetchone()[0]
    bare = found["bare group by listener, track"]
    month = {key: round(sum(found[step][key] for step in STEPS), 2) for key in bare}
    result = {
        **sizes, "threads": threads, "memory": memory, "steps": found, "month": month, "rows": rows,
        "times_the_bare_group_by": round(month["seconds"] / bare["seconds"], 2),
        "times_the_bare_group_by_cpu": round(month["cpu_seconds"] / bare["cpu_seconds"], 2),
        "pools_that_are_off": off, "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }  # fmt: skip
    click.echo(json.dumps(result, indent=1))
    keep("royalties", result)


if __name__ == "__main__":
    main()
