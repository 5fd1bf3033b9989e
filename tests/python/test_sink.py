"""The PostgreSQL sink against a real server: what changed is loaded, a night appears whole, readers go on reading."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from fake_warehouse import FakeWarehouse
from postgres_server import MISSING, programs, running_server

from scripts.console import DONE, FAILED, Stop
from scripts.publish import publish
from scripts.sink import sink

ROOT = Path(__file__).resolve().parent.parent.parent
MARTS = {"core.dim_plan": {"materialized": "whole"}, "core.fct_sales": {"publish": "facts"}, "finance.journal": {}}
BOTH = "select (select max(amount) from core.dim_plan)::int, (select max(amount) from finance.journal)::int"
OTHERS = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
POINTS = ["inside-table", "after-table", "before-swap", "after-swap"]
pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)


@pytest.fixture(scope="module")
def server():
    with running_server() as running:
        yield running


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def made(home):
    return FakeWarehouse(home, MARTS)


def night(made, day, **amounts):
    """A night published in which each named mart holds one amount on three days."""
    rows = {
        key: [(f"2026-01-0{n}", amount, f'it\'s {n}, "so"' if n else None) for n in (1, 2, 3)]
        for key, amount in {name.replace("__", "."): value for name, value in amounts.items()}.items()
    }
    made.build(day, rows)
    assert publish.main([], standalone_mode=False) == DONE


def load(dsn):
    return sink.main(["postgres", "--to", dsn], standalone_mode=False)


def ask(dsn, question):
    with psycopg.connect(dsn) as connection:
        return connection.execute(question).fetchall()


def loaded(dsn):
    tables = ask(dsn, "select tablename from pg_tables where tablename like '%\\_\\_%'")
    return sorted(row[0].split("__")[1] for row in tables)


def test_a_night_arrives_with_its_words_and_only_what_changed_is_loaded(made, server):
    dsn = server.create("marts")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    assert load(dsn) == DONE
    first = ask(dsn, "select sold_on::text, amount::text, words from core.dim_plan order by 1")[0]
    assert first == ("2026-01-01", "1.00", 'it\'s 1, "so"')
    assert ask(dsn, "select obj_description('finance.journal'::regclass)") == [("One row per journal.",)]
    assert ask(dsn, "select col_description('finance.journal'::regclass, 2)") == [("What it cost, in euro.",)]
    ((key,),) = ask(dsn, "select indexdef from pg_indexes where tablename like 'core\\_\\_dim%'")
    assert key.startswith("CREATE UNIQUE INDEX") and key.endswith("(sold_on)")
    plan = ask(dsn, "select tablename from pg_tables where tablename like 'core\\_\\_dim%'")
    night(made, "2026-01-04", finance__journal=2)
    assert load(dsn) == DONE
    assert ask(dsn, "select distinct amount::int from finance.journal") == [(2,)]
    assert ask(dsn, "select tablename from pg_tables where tablename like 'core\\_\\_dim%'") == plan, "not loaded again"
    assert loaded(dsn) == ["dim_plan", "journal"], "rows that nobody shows are gone"
    assert load(dsn) == DONE, "the same again is nothing to do"


def test_readers_read_and_change_nothing(made, server):
    dsn = server.create("readers")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    load(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("set role nightshift_reader")
        assert connection.execute("select count(*) from core.dim_plan").fetchone() == (3,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from core.dim_plan")


def test_a_reader_in_the_middle_keeps_her_night_and_holds_nobody_up(made, server):
    dsn = server.create("middle")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    load(dsn)
    with psycopg.connect(dsn) as connection:
        cursor = connection.cursor(name="slow")
        cursor.itersize = 1
        cursor.execute("select amount::int from finance.journal")
        first = cursor.fetchone()
        night(made, "2026-01-04", core__dim_plan=2, finance__journal=2)
        assert load(dsn) == DONE, "a reader does not hold the night up"
        assert [first, *cursor.fetchall()] == [(1,)] * 3
    assert ask(dsn, "select distinct amount::int from finance.journal") == [(2,)]


def test_no_reader_ever_sees_two_nights(made, server):
    dsn = server.create("swaps")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    load(dsn)
    stop, seen, errors = threading.Event(), set(), []

    def read():
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.is_set():
                try:
                    seen.add(connection.execute(BOTH).fetchone())
                except psycopg.Error as error:
                    errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, 6):
        night(made, f"2026-01-{number + 2:02}", core__dim_plan=number, finance__journal=number)
        load(dsn)
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert all(plan == journal for plan, journal in seen), seen
    assert (5, 5) in seen or ask(dsn, "select max(amount)::int from core.dim_plan") == [(5,)]


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_is_run_again(made, server, point):
    dsn = server.create("killed")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    load(dsn)
    night(made, "2026-01-04", core__dim_plan=2, finance__journal=2)
    killed = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "sink", "postgres", "--to", dsn],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_FAULT": f"sink:{point}#1"}, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -9
    assert ask(dsn, BOTH) == ([(2, 2)] if point == "after-swap" else [(1, 1)])
    assert load(dsn) == DONE
    assert ask(dsn, BOTH) == [(2, 2)]
    assert load(dsn) == DONE
    left = ask(dsn, "select nspname from pg_namespace where nspname ~ '^nightshift_(next|gone)'")
    assert left == [] or point == "after-swap"


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_killed_at_random_moments_readers_see_one_night_or_the_other(made, server):
    """Killed while it talks to the server, not while it starts; what is left over is gone after the next run."""
    dsn = server.create("random")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    load(dsn)
    chance, killed, usual = random.Random(5), 0, 0.0
    for number in range(2, 42):
        night(made, str(date(2026, 1, 2) + timedelta(days=number)), core__dim_plan=number, finance__journal=number)
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.nightshift", "sink", "postgres", "--to", dsn],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None and not ask(dsn, OTHERS)[0][0]:
            time.sleep(0.002)
        connected = time.monotonic()
        if number % 8 == 2:  # undisturbed: how long it takes
            assert process.wait() == DONE
            usual = time.monotonic() - connected
            continue
        time.sleep(chance.uniform(0, usual))
        process.kill()
        killed += process.wait() == -9
        assert ask(dsn, BOTH) in ([(number - 1, number - 1)], [(number, number)])
        assert load(dsn) == DONE
        assert ask(dsn, BOTH) == [(number, number)]
    assert killed >= 20, "most were done before they were to be killed"
    assert loaded(dsn) == ["dim_plan", "journal"]
    print(f"{killed} kills")


def test_a_schema_of_somebody_else_is_left_alone(made, server):
    dsn = server.create("foreign_schema")
    with psycopg.connect(dsn) as connection:
        connection.execute("create schema finance")
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    with pytest.raises(Stop, match="a schema finance that is not Nightshift's") as stop:
        load(dsn)
    assert stop.value.code == FAILED
    assert ask(dsn, "select count(*) from pg_namespace where nspname = 'core'") == [(0,)], "nothing half-shown"


def test_a_server_that_does_not_answer_is_named(made, home):
    night(made, "2026-01-03", core__dim_plan=1, core__fct_sales=1, finance__journal=1)
    with pytest.raises(Stop, match="the server does not answer"):
        load(f"host={home} port=1 dbname=x")
