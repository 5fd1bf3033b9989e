"""Handing lists over: once, whole, only what changed; a backend that picks an export up twice does nothing twice."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import psycopg
import pytest
from click.testing import CliRunner

from scripts.commitments import committed_files
from scripts.recommend import recommend

COLUMNS = (
    "account_id varchar, rank integer, track_id varchar, artist_id varchar, score double, reason_track_ids varchar, "
    "reason_text varchar, model_version varchar, recommended_on date, is_holdout boolean, is_served boolean"
)


def publish(home: Path, lists: dict[str, list[str]], day: date = date(2026, 2, 1), run: str = "one") -> None:
    """Published marts with these lists, all made on that day."""
    folder = home / "published" / run
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "marts.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(folder / "marts.duckdb")) as connection:
        connection.execute(f"create schema discovery; create table discovery.fct_recommendations ({COLUMNS})")
        rows = [
            (account, rank, track, "x", 1.0 / rank, "h", "because you play H", "v1", day, False, False)
            for account, tracks in lists.items()
            for rank, track in enumerate(tracks, start=1)
        ]
        connection.executemany(f"insert into discovery.fct_recommendations values ({', '.join('?' * 11)})", rows)
    link = home / "published" / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(run)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    return tmp_path


def run(*options: str) -> str:
    done = CliRunner().invoke(recommend, options, standalone_mode=False)
    assert done.exception is None, done.output
    return done.output


def current(home: Path) -> Path:
    return (home / "exports" / "recommendations" / "current").resolve()


def lookup(home: Path, account: str) -> list[str] | None:
    with sqlite3.connect(f"file:{current(home) / 'lists.sqlite'}?mode=ro", uri=True) as store:
        row = store.execute("select list from lists where account_id = ?", [account]).fetchone()
    return [track["id"] for track in json.loads(row[0])["tracks"]] if row else None


def committed() -> list[tuple]:
    files = committed_files("recommendations_served")
    return duckdb.execute(
        "select account_id, rank, item_id, cast(served_on as varchar) from read_parquet(?) order by all", [files]
    ).fetchall() if files else []  # fmt: skip


def delta(home: Path) -> dict[str, list[str]]:
    lines = (current(home) / "delta.jsonl").read_text().splitlines()
    return {line["account_id"]: [track["id"] for track in line["tracks"]] for line in map(json.loads, lines)}


def test_lists_are_handed_over_once_then_only_what_changed(home):
    publish(home, {"ann": ["a", "b"], "bob": ["c"]})
    run()
    first = current(home)
    assert lookup(home, "ann") == ["a", "b"] and set(delta(home)) == {"ann", "bob"}
    assert committed() == [("ann", 1, "a", "2026-02-01"), ("ann", 2, "b", "2026-02-01"), ("bob", 1, "c", "2026-02-01")]
    run()
    assert current(home) == first and len(committed()) == 3
    publish(home, {"bob": ["d", "c"], "cid": ["a"]}, date(2026, 2, 2), "two")
    run()
    assert delta(home) == {"ann": [], "bob": ["d", "c"], "cid": ["a"]}
    assert lookup(home, "ann") is None and lookup(home, "bob") == ["d", "c"] and len(committed()) == 6
    parquet = duckdb.execute(
        f"select distinct account_id from '{current(home)}/bucket=*/*.parquet' order by 1"
    ).fetchall()
    assert parquet == [("bob",), ("cid",)]


def test_full_on_demand_holds_all_lists(home):
    publish(home, {"ann": ["a", "b"], "bob": ["c"]})
    run()
    run("--full")
    assert len((current(home) / "full.jsonl").read_text().splitlines()) == 2 and delta(home) == {}
    assert duckdb.execute(f"select count(*) from '{current(home)}/full/*/*.parquet'").fetchone() == (3,)


@pytest.mark.parametrize(
    "point", ["recommend:before-commit", "recommend:after-commit", "recommend:after-lists", "recommend:before-rename",
              "recommend:before-link"]
)  # fmt: skip
def test_killed_anywhere_the_earlier_export_stands_and_the_next_run_goes_on(home, point):
    publish(home, {"ann": ["a"]})
    run()
    before = current(home)
    publish(home, {"ann": ["b"]}, date(2026, 2, 2), "two")
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_FAULT": point}
    done = subprocess.run([sys.executable, "-m", "scripts.nightshift", "recommend"], env=environment, check=False)
    assert done.returncode == -9 and current(home) == before and lookup(home, "ann") == ["a"]
    run()
    assert lookup(home, "ann") == ["b"] and delta(home) == {"ann": ["b"]}
    assert committed() == [("ann", 1, "a", "2026-02-01"), ("ann", 1, "b", "2026-02-02")]


def test_nothing_published_says_what_to_run(home):
    done = CliRunner().invoke(recommend, [])
    assert "run `./nightshift night` first" in str(done.exception)


def test_a_database_is_loaded_in_one_transaction_and_twice_is_once(home, postgres):
    dsn = postgres.create("backend")
    publish(home, {"ann": ["a", "b"], "bob": ["c"]})
    assert "PostgreSQL: 2 lists changed, 0 removed" in run("--load", dsn)
    assert "PostgreSQL: 0 lists changed, 0 removed" in run("--load", dsn)
    publish(home, {"ann": ["b"], "cid": ["d"]}, date(2026, 2, 2), "two")
    assert "PostgreSQL: 2 lists changed, 1 removed" in run("--load", dsn)
    publish(home, {"ann": ["z"]}, date(2026, 2, 3), "three")
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_FAULT": "recommend:before-database-commit"}
    command = [sys.executable, "-m", "scripts.nightshift", "recommend", "--load", dsn]
    assert subprocess.run(command, env=environment, check=False).returncode == -9
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "select account_id, list->'tracks'->0->>'id' from recommendations order by 1"
        ).fetchall()
    assert rows == [("ann", "b"), ("cid", "d")]
