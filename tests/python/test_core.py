"""Core and business on a simulated world: equal to its truth, and the same whether built night by night or at once."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import duckdb
import pytest
from adding_up import World, given_away, what_adds_up
from compiled import manifest
from sample_world import WORLD, nights  # noqa: F401  (a fixture)

from scripts.console import Stop
from scripts.metrics import Metrics, definitions

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


# Metrics are asked of the same world: building it is what costs.
# Metric, what it is asked by, and by hand: the same key, the number, the table, which rows.
BY_HAND = [
    ("net_revenue", "month", "date_trunc('month', revenue_on)::date", "sum(net_revenue_eur)", "revenue_eur_daily", ""),
    ("net_revenue", "country", "country", "sum(net_revenue_eur)", "revenue_eur_daily", ""),
    ("streams", "context", "context", "sum(streams)", "discovery_daily", ""),
    (
        "recommendation_share", "country", "country",
        "sum(streams) filter (context = 'recommendation') / sum(streams)", "discovery_daily", "",
    ),
    (
        "members", "plan_code", "plan_code", "sum(members)", "subscriptions_daily",
        "where day = (select max(day) from business.subscriptions_daily)",
    ),
    (
        "churn_rate", "plan_code", "plan_code", "sum(churned) / nullif(sum(members_at_start), 0)", "churn_monthly", "",
    ),
    (
        "trial_conversion_rate", "month", "month", "sum(trials_converted) / sum(trials_decided)",
        "trial_conversion_monthly", "",
    ),
    (
        "monthly_active_listeners", "day", "day", "sum(listeners_28_days)", "active_listeners_daily",
        "where country = 'world'",
    ),
    (
        "country_weekly_active_listeners", "country", "country", "sum(listeners_7_days)", "active_listeners_daily",
        "where country <> 'world' and day = (select max(day) from business.active_listeners_daily)",
    ),
    (
        "search_failure_rate", "month", "date_trunc('month', day)::date",
        "sum(searches_without_result) / nullif(sum(searches), 0)", "executive_summary_daily", "",
    ),
    (
        "streams_28_days", "day", "played_on",
        "sum(sum(streams)) over (order by played_on range between interval 27 day preceding and current row)",
        "discovery_daily", "",
    ),
    (
        "payment_fraud_rate", "month", "date_trunc('month', day)::date",
        "sum(fraud_reports) / nullif(sum(payments_succeeded), 0)", "payments_daily", "",
    ),
]  # fmt: skip
# Metrics of domains that are not built here: a few rows in tables of the marts' own contracts.
OTHERS = {
    "mrr_movements": [
        {"month": "2025-11-01", "account_id": "a", "currency": "EUR", "category": "new", "opening_amount": 0,
         "movement_amount": 9.99, "closing_amount": 9.99},
        {"month": "2025-12-01", "account_id": "a", "currency": "EUR", "category": "expansion", "opening_amount": 9.99,
         "movement_amount": 5, "closing_amount": 14.99},
        {"month": "2025-12-01", "account_id": "b", "currency": "GBP", "category": "new", "opening_amount": 0,
         "movement_amount": 8, "closing_amount": 8},
    ],
    "royalties_monthly": [
        {"royalty_month": "2025-11-01", "territory": "DE", "plan_code": "individual", "currency": "EUR",
         "net_revenue_eur": 100, "royalty_cost_eur": 60, "pro_rata_eur": 61},
        {"royalty_month": "2025-11-01", "territory": "FR", "plan_code": "individual", "currency": "EUR",
         "net_revenue_eur": 300, "royalty_cost_eur": 140.5},
    ],
    "rpt_campaign_audience": [
        {"campaign": "digest", "account_id": "a", "send_on": "2025-11-02", "outcome": "included", "country": "DE"},
        {"campaign": "digest", "account_id": "b", "send_on": "2025-11-02", "outcome": "holdout", "country": "DE"},
        {"campaign": "digest", "account_id": "c", "send_on": "2025-11-02", "outcome": "included", "country": "FR"},
    ],
    "fct_quarantine": [
        {"backend": "billing", "table_name": "payments", "arrived_on": "2025-11-02", "layer": "door", "reason": "late",
         "rows_quarantined": 3},
    ],
    "rpt_campaign_outcomes": [
        {"campaign": "digest", "period": "2026-W01", "first_on": "2025-11-02", "mails": 40, "listened": 30,
         "held_out": 10, "holdout_listened": 5},
        {"campaign": "digest", "period": "2026-W02", "first_on": "2025-11-09", "mails": 60, "listened": 40,
         "held_out": 10, "holdout_listened": 5},
    ],
}  # fmt: skip
OF_OTHERS = [
    ("mrr", ["month", "currency"], [("2025-11-01", "EUR", 9.99), ("2025-12-01", "EUR", 14.99),
                                    ("2025-12-01", "GBP", 8)]),
    ("mrr", ["currency"], [("EUR", 14.99), ("GBP", 8)]),
    ("mrr_movement", ["category"], [("expansion", 5), ("new", 17.99)]),
    ("royalty_cost", ["country"], [("DE", 60), ("FR", 140.5)]),
    ("royalty_pools_pro_rata", ["plan_code"], [("individual", 61)]),
    ("royalty_margin", ["month"], [("2025-11-01", 199.5)]),
    ("royalty_margin_rate", ["plan_code"], [("individual", 199.5 / 400)]),
    ("email_conversion_rate", ["campaign"], [("digest", 0.7)]),
    ("email_uplift", ["month"], [("2025-11-01", 0.2)]),
    ("mail_audience", ["outcome"], [("holdout", 1), ("included", 2)]),
    ("rows_quarantined", ["backend"], [("billing", 3)]),
]  # fmt: skip


@pytest.fixture(scope="module")
def asked(nights, tmp_path_factory):  # noqa: F811
    file = shutil.copy(nights.home / "dev/warehouse.duckdb", tmp_path_factory.mktemp("metrics"))
    nodes = json.loads((nights.home / "target/manifest.json").read_text())["nodes"]
    with duckdb.connect(file) as connection:
        for mart, rows in OTHERS.items():
            node = nodes[f"model.nightshift.{mart}"]
            columns = ", ".join(f"{column['name']} {column['data_type']}" for column in node["columns"].values())
            connection.execute(f"create schema if not exists {node['schema']}")
            connection.execute(f"create table {node['schema']}.{mart} ({columns})")
            for row in rows:
                places = ", ".join("?" * len(row))
                connection.execute(
                    f"insert into {node['schema']}.{mart} ({', '.join(row)}) values ({places})", [*row.values()]
                )
    return Metrics(file)


@pytest.mark.parametrize(("metric", "by", "right"), OF_OTHERS)
def test_a_metric_of_another_domain_is_what_its_rows_say(asked, metric, by, right):
    found = [(*map(str, row[:-1]), float(row[-1])) for row in asked.ask([metric], by).rows]
    assert [row[:-1] for row in found] == [row[:-1] for row in right]
    assert [row[-1] for row in found] == pytest.approx([row[-1] for row in right])


def test_every_metric_by_everything_it_can_be_asked_by(asked):
    number = 0
    for metric in definitions():
        assert metric.unit and metric.owner and metric.description, metric
        for by in ("month", *sorted(asked.dimensions_called(metric.name))):
            try:
                rows = asked.ask([metric.name], ["month", by] if by != "month" else [by]).rows
            except Stop as stop:
                raise AssertionError(f"{metric.name} by {by}: {stop}") from None
            number += bool(rows)
    assert len(definitions()) >= 25
    assert number > 100


@pytest.mark.parametrize(("metric", "by", "key", "number", "table", "rows"), BY_HAND)
def test_a_metric_is_what_sql_says_by_hand(asked, metric, by, key, number, table, rows):
    with duckdb.connect(str(asked.file), read_only=True) as connection:
        by_hand = connection.execute(f"select {key}, {number} from business.{table} {rows} group by {key}")
        expected = dict(by_hand.fetchall())
    found = dict(asked.ask([metric], [by]).rows)
    for key, value in found.items():
        right = expected.pop(key, None)
        assert value == right or abs(float(value or 0) - float(right or 0)) < 1e-9, (key, value, right)
    assert not any(expected.values()), f"left out: {expected}"
    assert found


def test_metrics_of_several_marts_stand_beside_each_other(asked):
    """Each as it is when asked alone, a row for whatever any of them has, the names in the order asked."""
    together = asked.ask(["streams", "net_revenue", "plays"], ["month", "country"], ["country in ('DE', 'FR', 'ZZ')"])
    assert together.columns == ["month", "country", "streams", "net_revenue", "plays"]
    for place, metric in enumerate(["streams", "net_revenue", "plays"], 2):
        alone = asked.ask([metric], ["month", "country"], ["country in ('DE', 'FR', 'ZZ')"]).rows
        assert alone and {row[:2]: row[place] for row in together.rows if row[place] is not None} == {
            row[:2]: row[2] for row in alone if row[2] is not None
        }


def test_a_metric_of_two_marts_is_asked_by_what_both_know(asked):
    by_hand = """
        with earned as (
            select country, plan_code, sum(net_revenue_eur) as net, sum(advertising_revenue_eur) as advertising
            from business.revenue_eur_daily group by all
        ),
        heard as (
            select country, plan_code, sum(ms_played) / 3600000 as hours from business.discovery_daily group by all
        )
        select country, plan_code, (net + advertising) / hours
        from earned inner join heard using (country, plan_code) order by all
    """
    with duckdb.connect(str(asked.file), read_only=True) as connection:
        right = {row[:2]: row[2] for row in connection.execute(by_hand).fetchall()}
    rows = asked.ask(["revenue_per_hour"], ["country", "plan_code"]).rows
    found = {row[:2]: row[2] for row in rows if row[2] is not None}
    assert len(found) > 10 and found == pytest.approx(right)


def test_what_cannot_be_asked_is_said(asked):
    for question, words in {
        ("nope",): "there is no metric nope",
        ("churn_rate", ("context",)): "members_at_start do not know; it can by day, week, month, country, plan_code",
        ("streams", ("genre",)): "streams cannot be asked by genre; it can by day, week, month, context, country",
        (
            "streams_per_listener",
            ("country",),
        ): "by country, which monthly_active_listeners does not know; it can by day",
        ("streams", ("month",), ("frobnicate = 3",)): "the condition cannot be read",
    }.items():
        with pytest.raises(Stop, match=words):
            asked.ask([question[0]], *question[1:])


def test_conditions_are_on_dimensions_and_time(asked):
    every = dict(asked.ask(["streams"], ["country"]).rows)
    some = dict(asked.ask(["streams"], ["country"], ["country in ('DE', 'FR')"]).rows)
    assert some == {country: every[country] for country in ("DE", "FR") if country in every}
    days = asked.ask(["streams"], ["day"]).rows
    late = asked.ask(["streams"], ["day"], [f"day >= '{days[5][0]}'"]).rows
    assert late == days[5:]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_no_sum_across_tables_gives_small_counts_away(nights):  # noqa: F811
    """What adds up in the true numbers is found, not told; without the rules' sums the same attack succeeds."""
    marts = {
        node["name"]: node
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["meta"].get("few_people")
    }
    with duckdb.connect() as connection:
        connection.execute(f"attach '{nights.home / 'dev/warehouse.duckdb'}' as warehouse (read_only); use warehouse")
        found = what_adds_up(World(connection, marts))
        assert len(found) > 20
        alone = given_away(World(connection, marts, covered=False), found)
        assert alone, "an attacker who adds up finds people where only each table by itself is looked at"
        world = World(connection, marts)
        assert world.covered > 0
        assert given_away(world, found) == {}
        hidden, small = len(world.true) - len(world.public), sum(0 < people < 5 for people in world.people.values())
        assert hidden < 2 * small, "not everything is hidden"
