"""A real Superset over published marts: it reads them read-only, draws the project's dashboard, follows the nights.

Needs the environment of ``make .venv-superset/installed``; ``PICTURE=docs/img/superset.png`` keeps what was seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from superset_browser import PYTHON, ROOT, Superset

pytestmark = [
    pytest.mark.on_demand,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not PYTHON.exists(), reason="no Superset here (make .venv-superset/installed)"),
]
FIRST, NEXT = date(2026, 1, 4), date(2026, 1, 5)
WHOLE = "last_on = week + 6 and week > (select min(week) from business.executive_summary_weekly)"
# A question for each dataset: its columns, metrics and condition, and the same as a person would write it.
QUESTIONS = {
    "executive_summary_weekly": (
        ["week", "country"],
        ["net_revenue_eur", "streams"],
        WHOLE,
        f"select week, country, sum(net_revenue_eur), sum(streams) from business.executive_summary_weekly where {WHOLE} group by all",  # noqa: E501
    ),
    "active_listeners_daily": (
        ["day"],
        ["listeners_1_day", "listeners_7_days", "listeners_28_days"],
        "country = 'world'",
        "select day, listeners_1_day, listeners_7_days, listeners_28_days from business.active_listeners_daily where country = 'world'",  # noqa: E501
    ),
    "discovery_daily": (
        ["played_on", "context"],
        ["streams"],
        "",
        "select played_on, context, sum(streams) from business.discovery_daily group by all",
    ),
    "artist_monthly": (
        ["artist_name", "main_genre"],
        ["streams", "saves", "follows"],
        "month = (select max(month) from business.artist_monthly)",
        "select artist_name, main_genre, sum(streams), sum(saves), sum(follows) from business.artist_monthly where month = (select max(month) from business.artist_monthly) group by all",  # noqa: E501
    ),
}


def nightshift(home: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", *arguments],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_HOME": str(home)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A small business, published up to its next to last day."""
    found = tmp_path_factory.mktemp("superset")
    nightshift(found, "simulate", "--days", "36", "--members", "400", "--plays-per-day", "800", "--seed", "3")
    nightshift(found, "night", "--on", FIRST.isoformat())
    return found


@pytest.fixture(scope="module")
def superset(home):
    found = Superset(home)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield found
        found.close()


def marts(home: Path, question: str) -> list[tuple]:
    with duckdb.connect(str(home / "published/current/marts.duckdb"), read_only=True) as connection:
        return connection.execute(question).fetchall()


def plain(value: object) -> object:
    """A value of either side in one form: Superset gives a day as milliseconds, money as a float."""
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return value if isinstance(value, str | None) else round(float(value), 2)


def rows(found: list) -> list[tuple]:
    return sorted((tuple(map(plain, row)) for row in found), key=repr)


def named(superset: Superset, what: str, key: str) -> dict[str, int]:
    return {found[key]: found["id"] for found in superset.ask(f"{what}/?q=(page_size:100)")["result"]}


def newest(superset: Superset) -> int:
    dataset = named(superset, "dataset", "table_name")["active_listeners_daily"]
    ((value,),) = (row.values() for row in superset.query(dataset, metrics=["newest"]))
    return value


def test_the_files_are_taken_in(superset):
    assert set(named(superset, "database", "database_name")) == {"Nightshift", "Nightshift, aggregates only"}
    assert set(named(superset, "dataset", "table_name")) == set(QUESTIONS)
    assert named(superset, "dashboard", "slug").keys() == {"business"}
    assert len(named(superset, "chart", "slice_name")) == 8


def test_nobody_changes_a_mart(superset, home):
    database = named(superset, "database", "database_name")["Nightshift"]
    for statement in ("delete from business.artist_monthly", "create table business.mine as select 1 as a"):
        with pytest.raises(AssertionError, match=r"(?i)not allowed|not permit|DML|read-only"):
            superset.ask("sqllab/execute/", {"database_id": database, "sql": statement, "schema": "business"})
    # Not even where Superset itself is told that writing is fine: the file is opened read-only.
    put = f"database/{database}"
    superset.ask(put, {"allow_dml": True, "allow_ctas": True}, method="PUT")
    with pytest.raises(AssertionError, match="read-only mode"):
        superset.ask(
            "sqllab/execute/",
            {"database_id": database, "sql": "delete from business.artist_monthly", "schema": "business"},
        )
    superset.ask(put, {"allow_dml": False, "allow_ctas": False}, method="PUT")


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_chart_says_what_sql_says(superset, home, name):
    columns, metrics, condition, question = QUESTIONS[name]
    dataset = named(superset, "dataset", "table_name")[name]
    found = superset.query(dataset, columns=columns, metrics=metrics, extras={"where": condition})
    wanted = rows(marts(home, question))
    assert wanted
    assert rows([[row[key] for key in (*columns, *metrics)] for row in found]) == wanted


def counts(home: Path, file: str, schema: str) -> dict[str, int]:
    """Rows of each table of a published file."""
    with duckdb.connect(str(home / f"published/current/{file}.duckdb"), read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() where schema_name = ?", [schema]).fetchall()
        return {name: connection.table(f"{schema}.{name}").shape[0] for (name,) in names}


def test_any_mart_can_become_a_dataset(superset, home):
    """As a person would add them; a chart counts their rows."""
    database = named(superset, "database", "database_name")["Nightshift"]
    counted = {"expressionType": "SQL", "sqlExpression": "count(*)", "label": "rows"}
    found = counts(home, "marts", "business")
    assert len(found) > 15
    for mart in sorted(found.keys() - QUESTIONS.keys()):
        made = superset.ask("dataset/", {"database": database, "schema": "business", "table_name": mart})["id"]
        assert superset.query(made, metrics=[counted]) == [{"rows": found[mart]}], mart


def test_aggregates_are_read_from_their_own_file(superset, home):
    """In SQL Lab: Superset's own SQLite knows a dataset's name only once, whatever the database."""
    database = named(superset, "database", "database_name")["Nightshift, aggregates only"]
    for mart, count in counts(home, "business", "main").items():
        question = {"database_id": database, "schema": "main", "sql": f"select count(*) as found from {mart}"}
        assert superset.ask("sqllab/execute/", question)["data"] == [{"found": count}], mart


def test_the_next_night_appears_by_itself(superset, home, browser, tmp_path):
    """Also while a question is still running in the file of the night before."""
    before = superset.picture(browser, tmp_path / "before.png")
    assert "04 Jan 2026" in before and "05 Jan 2026" not in before
    assert newest(superset) == plain(FIRST)
    nightshift(home, "land", "--on", NEXT.isoformat())
    nightshift(home, "build")
    superset.log_in()
    database = named(superset, "database", "database_name")["Nightshift"]
    slow = {
        "database_id": database, "schema": "business", "queryLimit": 10,
        "sql": "select max(hash(a.range, b.range) % 1000), (select max(day) from business.active_listeners_daily) as day from range(200000) a, range(20000) b",  # noqa: E501
    }  # fmt: skip
    answers: list[dict] = []
    asking = threading.Thread(target=lambda: answers.append(superset.ask("sqllab/execute/", slow)["data"][0]))
    asking.start()
    assert newest(superset) == plain(FIRST), "two questions at a time"
    nightshift(home, "publish")
    superset.log_in()
    assert newest(superset) == plain(NEXT)
    assert asking.is_alive(), "the slow question should still be running; make it slower"
    asking.join()
    assert str(answers[0]["day"]).startswith(FIRST.isoformat()), "a question that runs keeps the night it began with"
    picture = Path(os.environ.get("PICTURE", tmp_path / "after.png"))
    after = superset.picture(browser, ROOT / picture)
    assert "05 Jan 2026" in after and "04 Jan 2026" not in after
    superset.log_in()
    for name, (columns, metrics, condition, question) in QUESTIONS.items():
        dataset = named(superset, "dataset", "table_name")[name]
        found = superset.query(dataset, columns=columns, metrics=metrics, extras={"where": condition})
        assert rows([[row[key] for key in (*columns, *metrics)] for row in found]) == rows(marts(home, question))
