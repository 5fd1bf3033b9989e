"""The hour from end to end: missed, late, twice, two at once, killed: the same headlines as with everything in time."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from compiled import ROOT

from scripts.lock import night_lock

FIRST = datetime(2026, 3, 1, 12)
EVENTS = (
    "Harbour choir wins prize in Dublin",
    "Judge rules on royalties of Silver Foxes",
    "Festival in Malmö called off",
)

pytestmark = pytest.mark.nightly


def ship(home: Path, number: int) -> None:
    """The files of one hour: each event told by another outlet, and a reader of the first."""
    at = FIRST + timedelta(hours=number)
    place = home / "inbox" / "newsroom" / f"{at:%Y-%m-%d}" / f"T{at:%H}"
    place.mkdir(parents=True)
    stamp = f"{at + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}.000Z"
    articles = [
        {
            "article_id": f"a{number}{n}", "outlet": f"outlet-{number}", "title": f"{title} <b>{number}</b>",
            "language": "en", "country": "GB", "section": "music", "url": f"https://o{number}.example/{n}",
            "published_at": stamp, "updated_at": stamp, "is_retracted": False,
        }
        for n, title in enumerate(EVENTS)
    ]  # fmt: skip
    articles.append({**articles[0], "article_id": f"none{number}", "title": None})
    events = [{"event_id": f"e{number}", "article_id": "a00", "reader_id": f"r{number}", "event": "read",
               "country": "GB", "dwell_ms": 9000, "occurred_at": stamp}]  # fmt: skip
    for name, rows in (("articles", articles), ("reader_events", events)):
        with gzip.open(place / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def command(home: Path, number: int) -> tuple[list[str], dict[str, str]]:
    at = FIRST + timedelta(hours=number)
    arguments = [sys.executable, "-m", "scripts.nightshift", "hour", "--at", f"{at:%Y-%m-%dT%H:00Z}"]
    settings = {"NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_PSEUDONYM_SEED": "test", "NIGHTSHIFT_MASTER_KEY": "11" * 32}
    return arguments, {**os.environ, **settings}


def hour(home: Path, number: int, **extra: str) -> int:
    arguments, environment = command(home, number)
    done = subprocess.run(arguments, cwd=ROOT, env={**environment, **extra}, capture_output=True, text=True)
    assert done.returncode in (0, -9, 137), done.stdout + done.stderr
    return done.returncode


def seen(home: Path) -> str:
    """A hash of all that readers find."""
    current = home / "published" / "hourly" / "current"
    assert (current / "_edition.json").exists()
    digest = hashlib.sha256(current.resolve().name.encode())
    for path in sorted(current.iterdir()):
        if path.suffix in (".json", ".html", ".atom") and path.name != "_edition.json":
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def in_order(tmp_path_factory) -> str:
    home = tmp_path_factory.mktemp("in_order")
    for number in range(3):
        ship(home, number)
        hour(home, number)
    page = (home / "published" / "hourly" / "current" / "index.html").read_text()
    assert "&lt;b&gt;" in page and "<b>" not in page
    manifests = home.glob("landing/newsroom/articles/*/*/_manifest.json")
    kept_out = [json.loads(path.read_text())["quarantined"] for path in manifests]
    assert len(kept_out) == 3 and all(sum(counted.values()) == 1 for counted in kept_out), "one without a title each"
    return seen(home)


def test_missed_late_and_twice(in_order, tmp_path):
    ship(tmp_path, 0)
    ship(tmp_path, 2)
    hour(tmp_path, 2)  # the first two hours were missed, and the second one's files are late
    assert seen(tmp_path) != in_order
    ship(tmp_path, 1)
    hour(tmp_path, 2)
    assert seen(tmp_path) == in_order
    hour(tmp_path, 2)
    assert seen(tmp_path) == in_order


def test_two_at_once_and_an_older_hour_afterwards(in_order, tmp_path):
    for number in range(3):
        ship(tmp_path, number)
    running = []
    for number in (2, 1):
        arguments, environment = command(tmp_path, number)
        running.append(subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL))
    assert [process.wait() for process in running] == [0, 0]
    assert seen(tmp_path) == in_order
    hour(tmp_path, 0)
    assert seen(tmp_path) == in_order


def test_killed_anywhere_and_run_again(in_order, tmp_path):
    for number in range(3):
        ship(tmp_path, number)
    points = ("hour:after-land", "hour:after-build", "hour:before-rename", "hour:before-link", "hour:after-commit")
    for point in points:
        assert hour(tmp_path, 2, NIGHTSHIFT_FAULT=point) != 0
    hour(tmp_path, 2)
    assert seen(tmp_path) == in_order


def test_what_readers_saw_is_put_on_record_though_the_hour_died_before_it(tmp_path):
    for number in range(2):
        ship(tmp_path, number)
    assert hour(tmp_path, 0, NIGHTSHIFT_FAULT="hour:before-record") != 0
    assert recorded(tmp_path) == set()
    hour(tmp_path, 0)
    with duckdb.connect(str(tmp_path / "hourly/warehouse/warehouse.duckdb"), read_only=True) as connection:
        twice = "select domain from ops.releases group by domain, run_id, sequence having count(*) > 1"
        assert connection.execute(twice).fetchall() == [], "run again, it says once what it showed"
    hour(tmp_path, 1)
    assert recorded(tmp_path) == {FIRST, FIRST + timedelta(hours=1)}


def test_neither_an_hour_nor_a_night_waits_for_the_other(in_order, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    for number in range(3):
        ship(tmp_path, number)
    hour(tmp_path, 1)  # the files of the day have landed with that
    with night_lock("night"), night_lock("night", "landing"):
        began = time.monotonic()
        hour(tmp_path, 2)
        assert time.monotonic() - began < 120, "it waited for the night"
        assert seen(tmp_path) == in_order
    assert recorded(tmp_path) == {FIRST + timedelta(hours=1)}
    arguments, environment = command(tmp_path, 2)
    running = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    times = 0
    while running.poll() is None:
        with night_lock("night"), night_lock("night", "landing", 10):
            times += 1
        time.sleep(0.1)
    assert running.returncode == 0 and times > 5
    assert seen(tmp_path) == in_order
    assert recorded(tmp_path) == {FIRST + timedelta(hours=number) for number in (1, 2)}


def recorded(home: Path) -> set[datetime]:
    """The hours whose headlines are on record."""
    files = [str(path) for path in home.glob("landing/nightshift/editions/*/*/*.parquet")]
    if not files:
        return set()
    return {at for (at,) in duckdb.execute("select distinct published_at from read_parquet($1)", [files]).fetchall()}


def test_a_row_that_is_there_twice_keeps_the_hour_from_readers(tmp_path):
    ship(tmp_path, 0)
    hour(tmp_path, 0)
    before = seen(tmp_path)
    with duckdb.connect(str(tmp_path / "hourly" / "warehouse" / "warehouse.duckdb")) as warehouse:
        warehouse.execute("insert into intermediate.int_news__stories from intermediate.int_news__stories limit 1")
        # as an hour leaves it that is killed between its making and its tests
        warehouse.execute("update ops.hours set made_at = (select max(released_at) from ops.releases)")
    ship(tmp_path, 1)
    arguments, environment = command(tmp_path, 1)
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "an_hours_tables_keep_their_grain: Got 1 result" in done.stderr
    assert "table_name int_news__stories, column_names article_id, hour, row_text a0" in done.stderr
    assert seen(tmp_path) == before
