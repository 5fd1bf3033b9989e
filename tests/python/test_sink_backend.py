"""Results in a backend's own PostgreSQL: what changed is written, what it refuses stands aside with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import psycopg
import pytest

from scripts.console import DONE, FAILED, REFUSED, Stop
from scripts.sink import sink

ROOT = Path(__file__).resolve().parent.parent.parent
OWN_TABLE = """
    create table accounts (account_id text primary key);
    insert into accounts select concat('a', n) from generate_series(1, 200) as n;
    create table listener_segments (
        account_id text primary key references accounts deferrable initially deferred, as_of_on date,
        segment text check (segment <> 'forbidden'), streams_30 bigint, told_on date
    );
    create table letters_sent (account_id text references listener_segments);
"""
SEGMENTS = "select account_id, segment, streams_30 from listener_segments order by account_id"
LETTERS = "select key->>'account_id', row->>'segment', reason from listener_segments_dead_letters order by 1"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    return tmp_path


def night(home, rows, number=1):
    """A published night with these segments: account, segment, streams."""
    run = home / f"published/2026-01-0{number}-1"
    run.mkdir(parents=True)
    with duckdb.connect(str(run / "marts.duckdb")) as connection:
        connection.execute(
            "create schema engagement; create table engagement.listener_segments "
            "(account_id varchar, as_of_on date, segment varchar, streams_30 bigint)"
        )
        connection.executemany(
            f"insert into engagement.listener_segments values (?, date '2026-01-0{number}', ?, ?)", rows
        )
    link = home / "published/current"
    link.unlink(missing_ok=True)
    link.symlink_to(run.name)


def bring(dsn):
    return sink.main(["backend", "listener_segments", "--to", dsn], standalone_mode=False)


def ask(dsn, question):
    with psycopg.connect(dsn) as connection:
        return connection.execute(question).fetchall()


def versions(dsn):
    """Which transaction wrote each row: another one, and the row was written again."""
    return dict(ask(dsn, "select account_id, xmin::text from listener_segments"))


def test_rows_that_changed_are_written_and_those_that_are_gone_removed(home, postgres):
    dsn = postgres.create("plain")
    night(home, [("a1", "new", 1), ("a2", "loyal", 50), ("a3", None, None)])
    assert bring(dsn) == DONE
    assert ask(dsn, SEGMENTS) == [("a1", "new", 1), ("a2", "loyal", 50), ("a3", None, None)]
    before = versions(dsn)
    assert bring(dsn) == DONE and versions(dsn) == before, "the same again is nothing to do"
    with psycopg.connect(dsn) as connection:
        connection.execute("update listener_segments set as_of_on = '2026-01-02' where account_id = 'a2'")
    before = versions(dsn)
    night(home, [("a2", "loyal", 50), ("a4", 'it\'s, "new"\n', 2)], number=2)
    bring(dsn)
    assert ask(dsn, SEGMENTS) == [("a2", "loyal", 50), ("a4", 'it\'s, "new"\n', 2)]
    assert versions(dsn)["a2"] == before["a2"], "a row that is right already is left alone"
    assert ask(dsn, LETTERS) == []


def test_what_the_backend_refuses_stands_aside_until_it_is_taken(home, postgres):
    """A check, a reference that is looked at when the transaction ends, and a row the backend still needs."""
    dsn = postgres.create("own")
    with psycopg.connect(dsn) as connection:
        connection.execute(OWN_TABLE)
    rows = [(f"a{n}", "loyal", n) for n in range(1, 151)] + [("stranger", "new", 1)]
    rows[76] = ("a77", "forbidden", 77)
    night(home, rows)
    with pytest.raises(Stop, match="2 rows refused by the server") as stop:
        bring(dsn)
    assert stop.value.code == REFUSED
    assert len(ask(dsn, SEGMENTS)) == 149
    letters = ask(dsn, LETTERS)
    assert [(key, segment) for key, segment, _ in letters] == [("a77", "forbidden"), ("stranger", "new")]
    assert "check constraint" in letters[0][2] and "foreign key constraint" in letters[1][2]
    before = versions(dsn)
    with pytest.raises(Stop, match="2 rows refused"):
        bring(dsn)
    assert versions(dsn) == before and ask(dsn, LETTERS) == letters, "twice is as good as once"
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into accounts values ('stranger'); insert into letters_sent values ('a1')")
    night(home, [("stranger", "new", 1), *rows[1:76]], number=2)
    with pytest.raises(Stop, match="1 row refused"):
        bring(dsn)
    assert ("stranger", "new", 1) in ask(dsn, SEGMENTS) and len(ask(dsn, SEGMENTS)) == 77
    ((key, _, reason),) = ask(dsn, LETTERS)
    assert key == "a1" and "letters_sent" in reason, "it cannot be removed while the backend refers to it"
    assert ask(dsn, "select count(told_on) from listener_segments") == [(0,)], (
        "a column of the backend's own stays its own"
    )


@pytest.mark.parametrize("point", ["before-delivery", "after-delivery"])
def test_killed_anywhere_it_is_run_again(home, postgres, point):
    dsn = postgres.create("killed")
    night(home, [("a1", "new", 1)])
    bring(dsn)
    night(home, [("a1", "loyal", 30)], number=2)
    killed = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "sink", "backend", "listener_segments", "--to", dsn],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_FAULT": f"sink:{point}#1"}, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -9
    assert ask(dsn, SEGMENTS) == [("a1", "loyal", 30) if point == "after-delivery" else ("a1", "new", 1)]
    assert bring(dsn) == DONE
    assert ask(dsn, SEGMENTS) == [("a1", "loyal", 30)]


def test_a_table_with_other_columns_is_left_alone(home, postgres):
    dsn = postgres.create("other")
    with psycopg.connect(dsn) as connection:
        connection.execute("create table listener_segments (account_id text primary key, score int)")
    night(home, [("a1", "new", 1)])
    with pytest.raises(Stop, match="nothing is changed") as stop:
        bring(dsn)
    assert stop.value.code == FAILED
    assert ask(dsn, "select count(*) from pg_tables where tablename like '%dead_letters'") == [(0,)]
