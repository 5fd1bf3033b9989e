"""Landing from PostgreSQL: one consistent snapshot, nobody disturbed, all of it or nothing."""

from __future__ import annotations

import gzip
import signal
import threading
import time
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pytest
from estate import DAY, Estate

from scripts.landing import postgres as live

SHOP = """
backend: shop
description: A shop's database.
owner: {name: Shop, email: shop@example.com}
source: {kind: postgres, dsn_env: SHOP_DSN, schema: public}
tables:
  accounts:
    kind: snapshot
    description: One row per account.
    key: [account_id]
    control_totals: [balance]
    columns:
      account_id: {type: integer}
      balance: {type: "decimal(18,2)", required: true}
  savings:
    kind: snapshot
    description: One row per savings account.
    relation: Savings Accounts
    key: [account_id]
    control_totals: [balance]
    renamed: {amount: balance}
    columns:
      account_id: {type: integer}
      balance: {type: "decimal(18,2)", required: true}
  events:
    kind: log
    description: One row per event.
    key: [event_id]
    event_at: happened_at
    cursor: happened_at
    columns:
      event_id: {type: bigint}
      happened_at: {type: timestamp}
      note: {type: varchar}
      is_good: {type: boolean}
      customer: {type: varchar, person: true}
"""
TABLES = """
create table accounts (account_id int primary key, balance numeric(10,2) not null);
create table "Savings Accounts" (account_id int primary key, amount numeric not null, extra text);
create table events (event_id bigint primary key, happened_at timestamptz not null, note text, is_good bool,
    customer int);
insert into accounts select g, 100 from generate_series(1, 200) g;
insert into "Savings Accounts" select g, 50.50 from generate_series(1, 200) g;
insert into events values
    (1, '2026-01-10 12:00+02', '', true, 7), (2, '2026-01-10 11:00+00', null, false, 7),
    (3, '2026-01-09 11:00+00', E'a "b",\\tc\\\\\\nd', null, null);
"""


@pytest.fixture
def shop(postgres, estate, monkeypatch):
    """The shop's database and its YAML."""
    dsn = postgres.create("shop")
    with psycopg.connect(dsn) as connection:
        connection.execute(TABLES)
    monkeypatch.setenv("SHOP_DSN", dsn)
    estate.describe("shop", SHOP)
    return dsn


def totals(estate: Estate) -> list[Decimal]:
    """Balances by table of the newest dumps."""
    newest = [estate.manifests(f"shop.{table}")[-1] for table in ("accounts", "savings")]
    return [Decimal(m["control_totals"]["balance"]["counted"]) for m in newest]


def test_a_database_lands_typed_with_the_totals_it_declares(shop, estate):
    report = estate.land(DAY)
    assert report.refused == []
    assert estate.rows("shop.events", "event_id, happened_at, note, is_good, _event_on", "event_id") == [
        (1, datetime(2026, 1, 10, 10), "", True, DAY),
        (2, datetime(2026, 1, 10, 11), None, False, DAY),
        (3, datetime(2026, 1, 9, 11), 'a "b",\tc\\\nd', None, date(2026, 1, 9)),
    ]
    (manifest,) = estate.manifests("shop.savings")
    assert manifest["control_totals"] == {
        "rows": {"declared": 200, "counted": 200},
        "balance": {"declared": "10100.00", "counted": "10100.00"},
    }
    assert manifest["source"][0]["file"] == "public.Savings Accounts"
    assert len({row[0] for row in estate.rows("shop.events", "customer")}) == 2, "a pseudonym and NULL"


def test_a_day_is_read_once_and_a_log_only_where_it_is_new(shop, estate):
    estate.land(DAY)
    assert estate.land(DAY).landed == []
    with psycopg.connect(shop) as connection:
        connection.execute("insert into events values (4, '2026-01-11 09:00+00', 'new', true, 8)")
    report = estate.land(date(2026, 1, 11))
    assert {m["table"]: m["rows"] for m in report.landed} == {"accounts": 200, "savings": 200, "events": 2}
    read = estate.rows("shop.events", "event_id, _arrived_on", "_arrived_on, event_id")[3:]
    assert read == [(2, date(2026, 1, 11)), (4, date(2026, 1, 11))], (
        "the new one, and the hour before the last one known"
    )
    newest = estate.manifests("shop.events")[-1]
    assert newest["cursor"] == "2026-01-11 09:00:00"
    assert estate.land(DAY).notes == [f"shop: not read, the database of today cannot be read as of {DAY}"]
    with psycopg.connect(shop) as connection:
        connection.execute("update accounts set balance = 0 where account_id = 1")
    with_again = estate.land(date(2026, 1, 11), again=True)
    assert [m["table"] for m in with_again.landed] == ["accounts"], "what did not change is the same dump"
    assert estate.manifests("shop.accounts")[-1]["supersedes"], "read again on the same day: a correction"


@contextmanager
def transfers(dsn: str):
    """A writer who moves money between the two tables all the time; yields what it has done so far."""
    done, stop = [], threading.Event()

    def work() -> None:
        with psycopg.connect(dsn) as connection:
            while not stop.is_set():
                number = len(done) % 200 + 1
                connection.execute("update accounts set balance = balance - 1 where account_id = %s", (number,))
                connection.execute('update "Savings Accounts" set amount = amount + 1 where account_id = %s', (number,))
                connection.commit()
                done.append(number)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def test_a_transfer_is_never_half_seen_and_no_writer_waits(shop, estate, monkeypatch):
    original = live._table

    def amid_transfers(*arguments):
        # A writer that had to wait for the open snapshot would never get so far
        wanted, end = len(done) + 10, time.monotonic() + 120
        while len(done) < wanted:
            assert time.monotonic() < end, "the writer waits while the snapshot is open"
            time.sleep(0.005)
        return original(*arguments)

    monkeypatch.setattr(live, "_table", amid_transfers)
    with transfers(shop) as done:
        for number in range(3):
            report = estate.land(date(2026, 1, 10 + number))
            assert report.refused == []
            assert sum(totals(estate)) == 30_100, "what left one account has arrived at the other"


def test_landing_takes_no_lock_but_that_of_a_select(shop, estate, monkeypatch):
    seen = set()
    original = live._table

    def watching(*arguments):
        shipment = original(*arguments)
        with psycopg.connect(shop) as connection:
            seen.update(
                row[0]
                for row in connection.execute(
                    "select mode from pg_locks inner join pg_stat_activity using (pid) "
                    "where application_name = 'nightshift land' and locktype <> 'virtualxid'"
                )
            )
        return shipment

    monkeypatch.setattr(live, "_table", watching)
    estate.land(DAY)
    assert seen == {"AccessShareLock"}


def test_it_gives_up_rather_than_queue_behind_a_change_of_the_schema(shop, estate, monkeypatch):
    monkeypatch.setitem(live.SETTINGS, "lock_timeout", "200ms")
    with psycopg.connect(shop) as connection:
        connection.execute("lock table accounts in access exclusive mode")
        report = estate.land(DAY)
    assert "lock timeout" in report.refused[0][1]
    assert estate.manifests("shop.accounts") == []
    assert estate.land(DAY).refused == []


@pytest.mark.parametrize("how", ["terminate", "cancel"])
def test_a_connection_lost_in_the_middle_leaves_nothing_visible(shop, estate, monkeypatch, how):
    original = live._table

    def cut(cursor, table, *arguments):
        if table.name == "events":
            with psycopg.connect(shop, autocommit=True) as other:
                if how == "terminate":  # as when the server goes down
                    other.execute("select pg_terminate_backend(%s)", (cursor.connection.info.backend_pid,))
                else:  # as a replica does to a query that conflicts with recovery
                    cursor.execute("select set_config('statement_timeout', '1ms', true)")
        return original(cursor, table, *arguments)

    if how == "cancel":
        with psycopg.connect(shop) as connection:
            connection.execute("insert into events select g, now(), 'x' from generate_series(10, 200000) g")
    monkeypatch.setattr(live, "_table", cut)
    report = estate.land(DAY)
    assert "could not be read to its end" in report.refused[0][1]
    assert [estate.manifests(f"shop.{t}") for t in ("accounts", "savings", "events")] == [[], [], []]
    monkeypatch.setattr(live, "_table", original)
    assert len(estate.land(date(2027, 1, 1)).landed) == 3, "and the next landing finds everything"


def test_what_the_database_lacks_is_named(shop, estate, monkeypatch):
    with psycopg.connect(shop) as connection:
        connection.execute('alter table accounts rename balance to amount; drop table "Savings Accounts"')
    report = estate.land(DAY)
    assert [why for _, why in report.refused] == [
        "column balance is missing; public.accounts has account_id, amount",
        "the database has no table public.Savings Accounts that this user may see",
    ]
    assert [m["table"] for m in report.landed] == ["events"]
    monkeypatch.delenv("SHOP_DSN")
    assert "SHOP_DSN is not set" in estate.land(date(2026, 1, 11)).refused[0][1]


@pytest.mark.parametrize("point", ["postgres-table", "postgres-table#2", "extracted", "extracted#3"])
def test_killed_between_two_tables_nothing_is_visible_and_the_next_landing_has_all(shop, postgres, estate, point):
    if point.startswith("extracted"):
        files = 'source: {kind: pg_dump, schema: public, files: "shop*"}'
        estate.describe("shop", SHOP.replace("source: {kind: postgres, dsn_env: SHOP_DSN, schema: public}", files))
        estate.ship("shop", "shop.dump", postgres.run("pg_dump", "-Fc", "shop"))
    done = estate.run("land", "--on", str(DAY), NIGHTSHIFT_FAULT=f"land:{point}")
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    assert [estate.manifests(f"shop.{t}") for t in ("accounts", "savings", "events")] == [[], [], []]
    report = estate.land(DAY)
    assert (report.refused, len(report.landed)) == ([], 3)
    assert not [path for path in (estate.home / "landing/.staging").rglob("*") if path.is_file()]


@pytest.mark.parametrize("form", ["plain", "plain.gz", "custom"])
def test_pg_dump_files_land_as_the_live_database_does(shop, postgres, estate, tmp_path, monkeypatch, form):
    estate.land(DAY)
    columns = "* exclude (_dump_id, _source_file, _source_line)"
    expected = {t: sorted(map(str, estate.rows(f"shop.{t}", columns))) for t in ("accounts", "savings", "events")}
    other = Estate(tmp_path / "other")
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(other.home))
    monkeypatch.setattr("scripts.backends.PROJECT", other.project)
    files = 'source: {kind: pg_dump, schema: public, files: "shop*"}'
    other.describe("shop", SHOP.replace("source: {kind: postgres, dsn_env: SHOP_DSN, schema: public}", files))
    if form == "custom":
        other.ship("shop", "shop.dump", postgres.run("pg_dump", "-Fc", "shop"))
    else:
        other.ship("shop", f"shop.sql{form[5:]}", postgres.run("pg_dump", "shop"))
    report = other.land()
    assert (report.refused, report.strays) == ([], [])
    assert {t: sorted(map(str, other.rows(f"shop.{t}", columns))) for t in expected} == expected
    assert other.land().landed == []


def test_a_pg_dump_cut_short_or_with_inserts_is_refused(shop, postgres, estate):
    files = 'source: {kind: pg_dump, schema: public, files: "shop*"}'
    estate.describe("shop", SHOP.replace("source: {kind: postgres, dsn_env: SHOP_DSN, schema: public}", files))
    plain, custom = postgres.run("pg_dump", "shop"), postgres.run("pg_dump", "-Fc", "shop")
    for day, raw, said in [
        (10, plain[: len(plain) // 2], "cut short"),
        (11, gzip.compress(plain)[:-200], "cut short"),
        (12, custom[: len(custom) // 2], "pg_restore: "),
        (13, postgres.run("pg_dump", "--inserts", "shop"), "has INSERT statements"),
        (14, postgres.run("pg_dump", "-t", "events", "shop"), "has no data of public.accounts"),
    ]:
        name = "shop.gz" if raw[:2] == b"\x1f\x8b" else "shop.dump"
        path = estate.ship("shop", name.removesuffix(".gz"), raw, date(2026, 1, day))
        path.rename(path.with_name(name))
        refused = estate.land().refused
        assert said in refused[0][1], refused
        path.with_name(name).unlink()
    assert [m["table"] for m in estate.manifests("shop.events")] == ["events"]
