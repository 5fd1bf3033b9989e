"""Core and business on a simulated world: equal to its truth, and the same whether built night by night or at once."""

from __future__ import annotations

from datetime import timedelta

import duckdb
from sample_world import WORLD, nights  # noqa: F401  (a fixture)

LAST = WORLD.date(WORLD.days - 1)


def test_revenue_is_the_simulators_own_arithmetic(nights):  # noqa: F811
    """Every day, country, plan and currency, to the cent. A refund that fails days later has no credit note; the truth
    takes it back when it fails, so the last days are compared without refunds."""
    truth = """
        select day, country, plan_code, currency, sum(gross), sum(discount), sum(tax),
            sum(refunds) + sum(credits), sum(net) - sum(credits)
        from '{truth}/revenue.parquet' where known_on <= date '%s' and %s group by all having %s order by all
    """
    found = """
        select revenue_on, country, plan_code, currency, gross_amount, discount_amount, tax_amount,
            refunds_amount + credits_amount, net_amount
        from business.revenue_daily where %s and %s order by all
    """
    some = "gross <> 0 or discount <> 0 or tax <> 0 or refunds <> 0 or credits <> 0"
    settled = LAST - timedelta(days=3)
    true = nights.query(truth % (LAST, f"day <= date '{settled}'", f"bool_or({some})"))
    true = [row for row in true if any(row[4:])]
    here = nights.query(found % (f"revenue_on <= date '{settled}'", "true"))
    here = [row for row in here if any(row[4:])]
    assert len(here) > 200 and any(row[7] for row in here)
    assert here == true
    true = nights.query(truth % (LAST, f"day > date '{settled}'", f"bool_or({some})"))
    here = nights.query(found % (f"revenue_on > date '{settled}'", "true"))
    assert [row[:7] for row in here if any(row[4:7])] == [row[:7] for row in true if any(row[4:7])]


def test_every_play_is_there_once_on_the_day_it_was_heard(nights):  # noqa: F811
    """Late ones, copies, wrong clocks and a corrected dump among them."""
    missing, more, heard = nights.query(f"""
        with truth as (
            select distinct play_id, played_on from '{{truth}}/plays/*.parquet' where arrived_on <= date '{LAST}'
        )
        select
            (select count(*) from truth anti join core.fct_plays using (play_id, played_on)),
            (select count(*) from core.fct_plays anti join truth using (play_id, played_on)),
            (select count(*) from core.fct_plays)
    """)[0]
    assert heard > 9_000
    assert (missing, more) == (0, 0)


def test_plan_of_a_listener_is_the_true_one(nights):  # noqa: F811
    """But on a day on which it changed, when the day has one plan and its hours two. The truth says of a late play the
    plan on the day it arrived, so only those of their own day are compared."""
    wrong, plays = nights.query(f"""
        with truth as (
            select distinct on (play_id) play_id, played_on, plan_code from '{{truth}}/plays/*.parquet'
            where arrived_on <= date '{LAST}' and arrived_on = played_on
        ),
        compared as (
            select plays.account_id, plays.played_on, truth.plan_code, spans.plan_code as plan_here
            from core.fct_plays as plays
            inner join truth using (play_id, played_on)
            left join core.dim_member_plan_history as spans
                on spans.account_id = plays.account_id and plays.played_on >= spans.valid_from
                and plays.played_on < coalesce(spans.valid_to, date '9999-12-31')
        )
        select
            count(case when compared.plan_code is distinct from plan_here and events.account_id is null then 1 end),
            count(*)
        from compared
        left join (select distinct account_id, occurred_on from core.fct_subscription_events) as events
            on events.account_id = compared.account_id and events.occurred_on = compared.played_on
    """)[0]
    assert plays > 9_000
    assert wrong == 0


def test_nothing_new_rebuilds_nothing(nights):  # noqa: F811
    before = nights.sequence()
    nights.build()
    assert nights.rebuilt(before) == {}


def test_night_by_night_equals_all_at_once(nights, tmp_path):  # noqa: F811
    """What late, corrected and missing dumps left behind after several nights is what one build makes of them."""
    (tmp_path / "landing").symlink_to(nights.home / "landing")
    nights.build(home=tmp_path)
    connection = duckdb.connect()
    connection.execute(f"attach '{nights.home / 'dev/warehouse.duckdb'}' as living (read_only)")
    connection.execute(f"attach '{tmp_path / 'dev/warehouse.duckdb'}' as fresh (read_only)")
    tables = connection.execute("""
        select database_name, concat(schema_name, '.', table_name), string_agg(column_name, ', ' order by column_index)
        from duckdb_columns() semi join duckdb_tables() using (database_name, schema_name, table_name)
        where schema_name in ('core', 'business', 'intermediate') and column_name not like '\\_%' escape '\\'
        group by all
    """).fetchall()
    by_database = {
        name: {table: columns for database, table, columns in tables if database == name}
        for name in ("living", "fresh")
    }
    assert by_database["living"] == by_database["fresh"]
    assert len(by_database["living"]) > 40
    different = []
    for table, columns in by_database["living"].items():
        sides = [f"select {columns} from {database}.{table}" for database in ("living", "fresh")]
        only_here = " union all ".join(f"({a} except all {b})" for a, b in (sides, sides[::-1]))
        if connection.execute(f"select count(*) from ({only_here})").fetchone()[0]:
            different.append(table)
    assert different == []


def test_the_sample_is_not_empty_anywhere(nights):  # noqa: F811
    """A mart without rows would pass every test above."""
    empty = [
        table
        for (table,) in nights.query(
            "select concat(schema_name, '.', table_name) from duckdb_tables() where schema_name in ('core', 'business')"
        )
        if nights.query(f"select count(*) from {table}")[0][0] == 0
    ]
    assert empty == []
