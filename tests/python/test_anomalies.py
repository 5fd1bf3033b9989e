"""Dumps that are odd: every incident planted in a shop's dumps is found, and of good days none is called odd."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import duckdb
import pytest

from scripts import anomalies
from scripts.backends import load_all
from scripts.landed import Dump

SHOP = """
backend: shop
description: A shop.
owner: {name: Shop, email: shop@example.com}
tables:
  orders:
    kind: log
    description: One row per order.
    files: "orders*.csv"
    key: [order_id]
    event_at: placed_at
    columns:
      order_id: {type: varchar}
      account_id: {type: varchar}
      country: {type: varchar}
      currency: {type: varchar}
      amount: {type: "decimal(18,2)"}
      voucher: {type: varchar}
      placed_at: {type: timestamp}
  stock:
    kind: snapshot
    description: One row per article.
    files: "stock*.csv"
    key: [article_id]
    columns:
      article_id: {type: varchar}
      pieces: {type: integer}
"""
# Busier towards the evening, on weekends, and from week to week; one order in ten has a voucher.
ORDERS = """
    with numbered as (
        select
            range as number,
            hash(range, $seed, day) / 18446744073709551616.0 as first,
            hash(day, range, $seed, 7) / 18446744073709551616.0 as second,
            hash(11, day, $seed, range) / 18446744073709551616.0 as third
        from range($orders), (select $day as day)
    )
    select
        concat($day, '-', number) as order_id,
        concat('a', floor(800 * pow(second, 2))) as account_id,
        case when first < 0.4 then 'DE' when first < 0.7 then 'FR' when first < 0.9 then 'GB' else 'CH' end as country,
        case when first < 0.7 then 'EUR' when first < 0.9 then 'GBP' else 'CHF' end as currency,
        cast(exp(3 + 1.2 * (second + third + first - 1.5)) as decimal(18, 2)) as amount,
        case when third < 0.1 then concat('v', number) end as voucher,
        cast($day as timestamp) + interval 1 second * cast(86399 * sqrt(second) as integer) as placed_at
    from numbered
"""
STOCK = """
    select concat('article-', range) as article_id, cast(hash(range, $seed, $day) % 90 as integer) as pieces
    from range($orders)
"""
FIRST = date(2026, 1, 5)
DAYS = 40


class Shop:
    """The landing of a shop, a dump a day of each table."""

    def __init__(self, root, seed=1):
        self.landing, self.seed = root / "landing", seed
        (root / "shop.yml").write_text(SHOP)
        self.tables = {t.label: t for t in load_all(root)["shop"].tables.values()}
        self.duckdb = duckdb.connect()
        self.ops = duckdb.connect()

    def orders_of(self, day: date) -> int:
        number = (day - FIRST).days
        noise = random.Random(f"{self.seed} {number}").random() - 0.5
        return round(2000 * (1.4 if day.weekday() >= 5 else 1) * math.exp(0.004 * number) * (1 + 0.1 * noise))

    def ship(self, day: date, orders="select * from made", stock="select * from made", content=None):
        self.land("orders", day, ORDERS, orders, "placed_at", content)
        self.land("stock", day, STOCK, stock, None, content)

    def land(self, table, day, made, incident, event_at, content=None):
        values = {"seed": self.seed, "day": day, "orders": self.orders_of(day) if event_at else 300}
        dump_id = f"{table}{day:%Y%m%d}"
        path = self.landing / "shop" / table / f"dt={day}" / dump_id
        path.mkdir(parents=True)
        self.duckdb.execute(f"create or replace temp table made as {made}", values)
        self.duckdb.execute(
            f"copy (select *, {event_at or 'cast(null as timestamp)'} as _event_at, '{dump_id}' as _dump_id, "
            f"date '{day}' as _arrived_on from ({incident})) to '{path}/part-0.parquet'"
        )
        source = [{"file": f"{table}.csv", "sha256": content or dump_id}]
        manifest = {"covers_on": str(day), "supersedes": [], "source": source, "dump_id": dump_id}
        (path / "_manifest.json").write_text(json.dumps(manifest))

    def odd(self, night: date) -> dict[tuple[str, str], str]:
        """What is found of a night: severity by table and measure."""
        anomalies.find(self.ops, night, self.tables)
        rows = "select table_name, measure, severity from ops.anomalies where night = ?"
        return {row[:2]: row[2] for row in self.ops.execute(rows, [night]).fetchall()}


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A shop after forty good days; each test takes the next day for itself."""
    root = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_HOME", str(root))
        shop = Shop(root)
        for number in range(DAYS):
            shop.ship(FIRST + timedelta(days=number))
        yield shop


@pytest.fixture
def shop(month):
    month.today = FIRST + timedelta(days=DAYS)
    yield month
    for path in month.landing.glob(f"shop/*/dt={month.today}/*/*"):
        path.unlink()
    for path in [*month.landing.glob(f"shop/*/dt={month.today}/*"), *month.landing.glob(f"shop/*/dt={month.today}")]:
        path.rmdir()
    for table, column in (("measures", "arrived_on"), ("shipped", "arrived_on"), ("judged", "night")):
        month.ops.execute(f"delete from ops.{table} where {column} = ?", [month.today])


def test_a_good_day_is_not_odd(shop):
    shop.ship(shop.today)
    assert shop.odd(shop.today) == {}
    (number,) = shop.ops.execute("select count(distinct (table_name, arrived_on)) from ops.measures").fetchone()
    assert number == 2 * (DAYS + 1), "and it was measured"


@pytest.mark.parametrize(
    ("incident", "measure", "severity"),
    [
        ("select * from made where hash(order_id) % 2 = 0", "rows", "severe"),
        ("select * from made where country <> 'GB'", "rows with country GB", "severe"),
        (
            "select * replace (cast(amount * 100 as decimal(18, 2)) as amount) from made",
            "geometric mean of amount",
            "severe",
        ),
        (
            "select * replace (cast(amount * if(hash(order_id) % 3 = 0, -1, 1) as decimal(18, 2)) as amount) from made",
            "negatives of amount",
            "severe",
        ),
        (
            "select * replace (cast(amount * if(hash(order_id) % 4 = 0, 0, 1) as decimal(18, 2)) as amount) from made",
            "zeros of amount",
            "mild",
        ),
        ("from made union all select * from made where hash(order_id) % 5 = 0", "keys", "mild"),
        ("from made union all from made", "keys", "severe"),
        ("select * replace ('a7' as account_id) from made", "values of account_id", "severe"),
        ("select * replace (cast(9.99 as decimal(18, 2)) as amount) from made", "values of amount", "severe"),
        ("select * replace (null as voucher) from made where voucher is null or true", "values of voucher", "severe"),
        ("select * replace (null as country) from made", "nulls of country", "severe"),
        ("select * replace (placed_at - interval 1 hour as placed_at) from made", "hours of the day", "severe"),
        ("select * replace (placed_at + interval 1 hour as placed_at) from made", "hours of the day", "severe"),
        (
            "select * replace (placed_at + interval 1 hour as placed_at) from made",
            "rows of the hour after the day",
            "severe",
        ),
        (
            "from made union all by name select * replace (order_id || 'x' as order_id, "
            "date_trunc('day', placed_at) - interval 20 minute as placed_at) from made where hash(order_id) % 25 = 0",
            "rows of the hour before the day",
            "severe",
        ),
        (
            "select * replace (case currency when 'EUR' then 'GBP' when 'GBP' then 'EUR' else currency end "
            "as currency) from made",
            "rows with currency EUR",
            "severe",
        ),
    ],
)
def test_an_incident_is_found(shop, incident, measure, severity):
    shop.ship(shop.today, orders=incident)
    found = shop.odd(shop.today)
    assert found.get(("orders", measure)) == severity, found
    assert {table for table, _ in found} == {"orders"}


def test_one_amount_in_another_unit_is_no_incident(shop):
    amount = "cast(if(order_id like '%-7', 999999, amount) as decimal(18, 2))"
    shop.ship(shop.today, orders=f"select * replace ({amount} as amount) from made")
    assert shop.odd(shop.today) == {}


def test_what_another_yaml_measured_does_not_count_twice(shop):
    shop.ops.execute("update ops.measures set version = 'of an older YAML'")
    shop.ship(shop.today)
    assert shop.odd(shop.today) == {}
    assert shop.ops.execute("select count(distinct version) from ops.measures").fetchone() == (2,), "one a table"


def test_what_is_odd_is_told_in_words_and_to_whoever_reads_what_is_made_of_it(shop):
    shop.ship(shop.today, orders="select * replace (null as country) from made")
    shop.odd(shop.today)
    found = anomalies.told(shop.ops, shop.today)
    assert {
        "table": "shop.orders",
        "severity": "severe",
        "sentence": "100.0% of country are empty, usually 0.0%",
    } in found
    below = {"source.n.shop.orders": ["model.n.stg"], "model.n.stg": ["model.n.mart"]}
    warnings = anomalies.warnings_of(found, {"sources": {"source.n.shop.orders": {}}, "child_map": below})
    assert "shop.orders: 100.0% of country are empty, usually 0.0%" in warnings["mart"]
    assert anomalies.told(shop.ops, None) == []
    stops = "select count(*) from ops.anomalies where is_tonight and night <> ?"
    assert shop.ops.execute(stops, [shop.today]).fetchone() == (0,), "the past is told, it stops nothing"


@pytest.mark.parametrize(("age", "severity"), [(1, "mild"), (2, "severe"), (20, "severe")])
def test_an_earlier_snapshot_sent_again_is_found_and_stops_the_night_where_it_takes_something_back(shop, age, severity):
    shop.ship(shop.today, content=f"stock{shop.today - timedelta(days=age):%Y%m%d}")
    assert shop.odd(shop.today) == {("stock", "the same files again"): severity}


def test_the_log_of_yesterday_sent_again_lands_nothing_and_is_missed(shop):
    shop.land("stock", shop.today, STOCK, "from made", None)
    assert shop.odd(shop.today) == {("orders", "nothing arrived"): "mild"}


def test_a_dump_about_an_earlier_day_is_not_judged(shop):
    shop.ship(shop.today)
    path = next(shop.landing.glob(f"shop/orders/dt={shop.today}/*/_manifest.json"))
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "covers_on": str(FIRST)}))
    assert ("orders", "rows") not in shop.odd(shop.today)


def test_a_young_table_is_not_judged(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    shop = Shop(tmp_path)
    for number in range(10):
        shop.ship(FIRST + timedelta(days=number))
    shop.ship(FIRST + timedelta(days=10), orders="select * from made where hash(order_id) % 2 = 0")
    assert shop.odd(FIRST + timedelta(days=10)) == {}


def judged(rows: Mapping[date, Sequence[float]], night: date | None = None, **kind: bool) -> dict[str, str]:
    """Severity by measure of the last day (or a night) of a table whose dumps had so many rows, by day."""
    ops = duckdb.connect()
    ops.execute(anomalies.SCHEMA)
    found = {"shop.orders": [], "shop.stock": []}
    for day in sorted({*rows, night or max(rows)}):
        for table, amounts in (("orders", rows.get(day, ())), ("stock", [7])):
            for number, amount in enumerate(amounts):
                dump = Dump("shop", table, str(day), f"{table} {day} {number}")
                found[f"shop.{table}"].append(anomalies.Regular(dump, dump.dump_id, **kind))
                measured = ["v", "shop", table, dump.dump_id, day, "rows", amount]
                ops.execute("insert into ops.measures values (?, ?, ?, ?, ?, ?, ?)", measured)
    last = night or max(rows)
    anomalies.judge(ops, found, last, last)
    asked = "select measure, severity from ops.anomalies where night = ? and table_name = 'orders'"
    return dict(ops.execute(asked, [last]).fetchall())


def days_until(last: date, number: int) -> list[date]:
    return [last - timedelta(days=number - 1 - n) for n in range(number)]


@pytest.mark.parametrize(("share", "found"), [(1.0, {}), (0.7, {}), (0.5, {"rows": "mild"}), (0.1, {"rows": "severe"})])
def test_where_weekdays_are_no_guide_all_days_are(share, found):
    """Days differ by a sixth for no reason; the same weekday of four weeks would foretell them worse."""
    chance = random.Random("no season")
    rows = {day: [1500 * math.exp(chance.gauss(0, 0.17))] for day in days_until(date(2026, 2, 13), 50)}
    assert judged({**rows, date(2026, 2, 14): [1500 * share]}) == found


def test_a_table_that_keeps_to_its_weekdays_is_judged_by_them_and_not_on_others():
    mails = {0: 250, 1: 50, 4: 260, 5: 55}  # two campaigns a week, and what is read of them on the day after
    rows = {day: [mails[day.weekday()]] for day in days_until(date(2026, 2, 24), 50) if day.weekday() in mails}
    assert judged(rows) == {}
    assert judged({**rows, date(2026, 2, 24): [250]}) == {"rows": "mild"}, "a Tuesday like a Monday"
    assert judged({**rows, date(2026, 2, 26): [2]}) == {}, "a Thursday, of which nothing is known"


@pytest.mark.parametrize(
    ("last", "times", "found"),
    [
        (date(2026, 2, 28), 2.8, {}),
        (date(2026, 2, 27), 2.8, {"rows": "severe"}),
        (date(2026, 2, 28), 9, {"rows": "severe"}),
        (date(2026, 2, 28), 0.3, {"rows": "severe"}),
        (date(2026, 3, 31), 2.8, {"rows": "severe"}),
        (date(2026, 4, 30), 2.3, {}),
        (date(2026, 4, 30), 5, {"rows": "severe"}),
        (date(2026, 3, 31), 0.5, {}),
        (date(2026, 4, 1), 0.5, {}),
        (date(2026, 3, 30), 0.5, {"rows": "severe"}),
    ],
)
def test_the_renewals_of_days_that_a_month_has_not_fall_on_its_last(last, times, found):
    rows = {day: [600 + day.day] for day in days_until(last, 50)}
    assert judged({**rows, last: [600 * times]}, is_monthly=True) == found
    assert judged({**rows, last: [600 * times]}) != {}, "and nobody else's"


def test_a_snapshot_that_comes_every_hour_has_as_many_rows_as_one_a_day():
    *before, today = days_until(date(2026, 3, 5), 50)
    rows = {day: [12_000 + 40 * n] * (4 if n >= 36 else 1) for n, day in enumerate(before)}
    assert judged({**rows, today: [14_000] * 4}, is_snapshot=True) == {}
    assert judged({**rows, today: [14_000, 7_000, 14_000, 14_000]}, is_snapshot=True) == {"rows": "severe"}
    assert judged({**rows, before[36]: [13_440] * 4}, before[36]) == {"rows": "severe"}, "a log is sent once"


@pytest.mark.parametrize(
    ("usual", "found"), [(2, {}), (40, {"nothing arrived": "mild"}), (None, {"nothing arrived": "mild"})]
)
def test_a_log_that_has_a_few_rows_a_day_may_have_none(usual, found):
    *before, today = days_until(date(2026, 3, 5), 50)
    rows = {day: [1 if usual is None else usual + n % 3] for n, day in enumerate(before)}
    assert judged(rows, today) == found
