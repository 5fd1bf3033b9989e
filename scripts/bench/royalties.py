"""A month of royalties at size: both allocations and all statements against DuckDB's bare group by over the same plays.

    .venv/bin/python -m scripts.bench.royalties --plays 30000000

The models' own SQL, as dbt compiles it, over a month of the simulator's world: its listeners by country and plan, their
tastes and favourites, its catalogue with splits (some wrong), holders and contracts. The nights' part (plays to daily
aggregates) is told apart: the month itself never reads a play. Beside the seconds on the wall, those of the processor.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click
import duckdb
import numpy as np
import pyarrow as pa

from scripts.bench.page import keep
from scripts.bench.world import compiled, make
from scripts.simulator.columns import days
from scripts.simulator.keyed import pick
from scripts.simulator.lifecycle import ACTIVE, PAST_DUE, STATES, TRIAL
from scripts.simulator.settings import DAY, Settings
from scripts.simulator.shop import Shop
from scripts.simulator.world import CODES, COUNTRIES, CURRENCIES, CURRENCY, PLAN_FACTOR, PLANS

MONTH, MONTH_DAYS = date(2026, 1, 1), 31
NIGHT = "int_royalties__daily_streams"
STEPS = {
    "both allocations": [
        "int_royalties__subscribers", "int_royalties__audiences", "int_royalties__catalogue",
        "int_royalties__recording_values", "int_royalties__heard", "int_royalties__terms", "int_royalties__pools",
        "int_royalties__splits", "int_royalties__shares", "int_royalties__payees", "fct_allocations",
    ],
    "pools and lines": ["int_royalties__lines", "fct_pools", "fct_suspense"],
    "statements": ["fct_statement_lines"],
}  # fmt: skip
BEFORE = [
    "int_royalties__recordings", "int_royalties__split_spans", "int_royalties__split_cuts",
    "int_royalties__closed_months", "int_royalties__said", "int_royalties__reinstated", "int_royalties__adjustments",
]  # fmt: skip
# What stands before the month: the simulator's catalogue and contracts as the warehouse has them; its listeners with
# the plan of each day. Prices are the price list's, spread over the days of service.
WORLD = """
create schema core; create schema intermediate; create schema royalties; create schema staging; create schema risk;
create table plays (account_id varchar, track_id varchar, played_on date, ms_played integer);
create view intermediate.int_plays_counted as select *, ms_played >= 30000 as is_stream from plays;
create table core.dim_track as
    select track_id, recording_id, licensor_id, isrc, created_at from tracks;
create table core.dim_split as
    select split_id, recording_id, rights_holder_id, share, valid_from, valid_to, created_at::date as known_on
    from splits where valid_to is null or valid_to > valid_from;
create table core.dim_rights_holder as
    select rights_holder_id, currency, payout_threshold, advance_amount, withholding_tax_rate from rights_holders;
create table core.dim_contract as from contracts;
create table core.dim_member_plan_history as
    select account_id, billing_country, plan_code, state, min(served_on) as valid_from, max(served_on) + 1 as valid_to
    from (
        select md5(account)[:24] as account_id, billing_country, plan_code, state, served_on,
            served_on - (row_number() over (
            partition by account, plan_code, state order by served_on))::integer as island
        from plan_days
    ) as days group by all;
create table intermediate.int_finance__exchange_rates as
    select currency, max(1099 / individual)::decimal(18, 8) as exchange_rate, day::date as valid_from,
        day::date + 1 as valid_to
    from countries, range($month, $month + interval 31 days, interval 1 day) as r(day) group by all;
create table intermediate.int_royalties__daily_revenue as
    select served_on as revenue_on, if(plan_code = 'free', '', md5(account)[:24]) as account_id,
        billing_country as territory, plan_code, plan_days.currency,
        sum(if(plan_code = 'free', individual // 100, individual * factor // (100 * days)))::bigint as net_cents
    from plan_days
    inner join countries on countries.code = billing_country
    inner join plans using (plan_code)
    where state <> 'trial' group by all;
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
create table staging.stg_nightshift__judgements (played_on date, track_id varchar, verdict varchar, judged_on date);
"""
SIZES = """
select sum(streams)::bigint as plays, count(distinct account_id) as listeners,
    (select count(*) from core.dim_track) as recordings, count(*) as pairs from bare
"""
BARE = "bare group by listener, track"
WRITTEN = "the same, written into the warehouse"
BARE_AS = "table bare as select account_id, track_id, count(*) as streams from plays group by 1, 2"


def make_world(connection: duckdb.DuckDBPyConnection, plays: int, listeners: int, recordings: int) -> None:
    """Put a month of the simulator's world into the warehouse: about so many plays of so many listeners."""
    # A member in five does not listen in a month, and one track in twenty is the recording of another.
    settings = Settings(
        start=MONTH, days=MONTH_DAYS, members=listeners * 5 // 4, artists=recordings * 3 // 10,
        tracks=recordings * 20 // 19, plays_per_day=plays // MONTH_DAYS,
    )  # fmt: skip
    shop = Shop(settings)
    last = MONTH_DAYS - 1
    rows = {name: shop.catalog.snapshot(name, last)[0] for name in ("tracks", "splits", "rights_holders", "contracts")}
    kept = ("code", "currency", "individual")
    rows["countries"] = pa.table({name: [getattr(country, name) for country in COUNTRIES] for name in kept})
    rows["plans"] = pa.table({"plan_code": PLANS, "factor": PLAN_FACTOR, "days": [30, 30, 30, 30, 365]})
    rows["plan_days"] = pa.concat_tables(_plan_day(shop, day) for day in range(MONTH_DAYS))
    for name, table in rows.items():
        connection.register(name, table)
    connection.execute(WORLD.replace("$month", f"date '{MONTH}'"))
    for name in rows:
        connection.unregister(name)
    for day in range(MONTH_DAYS):
        heard = shop.playback.ordinary(day, "plays", settings.plays_per_day)
        table = pa.table({
            "account_id": shop.members.account_id.take(pa.array(heard.account)),
            "track_id": shop.catalog.track_id.take(pa.array(heard.track)), "ms_played": pa.array(heard.ms),
        })  # fmt: skip
        connection.register("heard", table)
        connection.execute(
            "insert into plays select md5(account_id)[:24], track_id, ?, ms_played from heard", [settings.date(day)]
        )
        connection.unregister("heard")


def _plan_day(shop: Shop, day: int) -> pa.Table:
    """Country, plan and state of those served on a day."""
    billing, settings = shop.billing, shop.settings
    place = billing.as_of(settings.midnight(day) + DAY // 2)
    place = place[np.isin(billing.state["state"][place], (TRIAL, ACTIVE, PAST_DUE))]
    account = billing.state["account"][place]
    country = shop.members.country[account]
    return pa.table({
        "account": shop.members.account_id.take(pa.array(account)), "billing_country": pick(CODES, country),
        "currency": pick(CURRENCIES, CURRENCY[country]), "plan_code": pick(PLANS, billing.state["plan"][place]),
        "state": pick(STATES, billing.state["state"][place]),
        "served_on": days(np.full(len(place), settings.midnight(day))),
    })  # fmt: skip


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
            config={
                "memory_limit": memory, "threads": threads, "temp_directory": str(folder / "spill"),
                "storage_compatibility_version": "latest",
            },
        )  # fmt: skip
        make_world(connection, plays, listeners, recordings)
        connection.execute(COMMITTED)
        found: dict[str, dict[str, float]] = {}
        with timed(found, BARE):
            connection.execute(f"create temp {BARE_AS}")
        sizes = connection.execute(SIZES).fetchdf().to_dict("records")[0]
        connection.execute("drop table bare")
        with timed(found, WRITTEN):
            connection.execute(f"create {BARE_AS}")
        connection.execute("drop table bare")
        with timed(found, "the nights: daily aggregates"):
            make(connection, models, NIGHT)
        with timed(found, "catalogue: splits and recordings"):
            for model in BEFORE[:-1]:
                make(connection, models, model)
        each: dict[str, float] = {}
        for step, names in STEPS.items():
            if step == "statements":
                make(connection, models, "int_royalties__adjustments")
            with timed(found, step):
                for model in names:
                    began = time.process_time()
                    make(connection, models, model)
                    each[model] = round(time.process_time() - began, 2)
        rows = {
            name: connection.execute(f"select count(*) from {name}").fetchone()[0]
            for name in ("intermediate.int_royalties__daily_streams", "intermediate.int_royalties__shares",
                         "royalties.fct_allocations", "royalties.fct_statement_lines")
        }  # fmt: skip
        off = connection.execute(
            "select count(*) from royalties.fct_pools "
            "where pool_amount <> paid_amount + suspended_amount + retained_amount"
        ).fetchone()[0]
    bare, written = found[BARE], found[WRITTEN]
    month = {key: round(sum(found[step][key] for step in STEPS), 2) for key in bare}
    result = {
        **sizes, "threads": threads, "memory": memory, "steps": found, "month": month, "rows": rows,
        "cpu_seconds_by_model": dict(sorted(each.items(), key=lambda item: -item[1])[:6]),
        "times_the_bare_group_by": round(month["seconds"] / bare["seconds"], 2),
        "times_the_bare_group_by_cpu": round(month["cpu_seconds"] / bare["cpu_seconds"], 2),
        "times_it_written_cpu": round(month["cpu_seconds"] / written["cpu_seconds"], 2),
        "pools_that_are_off": off, "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }  # fmt: skip
    click.echo(json.dumps(result, indent=1))
    keep("royalties", result)


if __name__ == "__main__":
    main()
