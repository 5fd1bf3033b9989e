"""A night over a small project: what it does, does again, and does not do again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date

import duckdb
import pytest
from kills import holding_the_night
from ledger_harness import ROOT, Ledger

from scripts import night
from scripts.console import DONE, FAILED, LOCKED, STOPPED, USAGE
from scripts.lock import night_lock

PLAYS = [(f"p{n}", f"m{n % 3}", f"t{n % 4}", 31_000) for n in range(12)]
MANY_PLAYS = [(f"p{n}", f"m{n % 3}", f"t{n % 4}", 31_000) for n in range(120)]
STREAMS = "sum(case when ms_played >= (select min(stream_ms) from {{ ref('thresholds') }}) then 1 else 0 end)"
TRACKS = [(f"t{n}", f"a{n % 2}") for n in range(4)]
# Every type a published column may have: the hash spelled in Python must equal the one spelled in Jinja.
EVERY_TYPE = """
{{ config(materialized='whole') }}
select 1 as row_number, cast('text' as varchar) as a_varchar, true as a_boolean, cast(7 as integer) as an_integer,
    cast(7000000000 as bigint) as "A Bigint", cast(0.1 as double) as a_double,
    cast(1.50 as decimal(18, 2)) as a_decimal,
    date '2026-01-02' as a_date, timestamp '2026-01-02 03:04:05.678' as a_timestamp, 'x' as _dump_id
union all
select 2, null, null, null, null, null, null, null, null, null
"""


class Project(Ledger):
    """The ledger's test project, run by ``./nightshift`` instead of by dbt."""

    def arrive(self, day: str, plays=PLAYS, tracks=TRACKS) -> None:
        self.land(day, [(f"{day}-{play[0]}", *play[1:], day) for play in plays])
        self.land(day, tracks, table="tracks")

    def run(self, *arguments, fault="", **options) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "NIGHTSHIFT_HOME": str(self.home),
            "NIGHTSHIFT_PROJECT": str(self.root),
            "NIGHTSHIFT_PROJECT_MACROS": str(ROOT / "macros"),
            "NIGHTSHIFT_FAULT": fault,
            "PYTHONPATH": str(ROOT),
        }
        return subprocess.run(
            [sys.executable, "-m", "scripts.nightshift", *arguments],
            env=environment,
            cwd=self.root,
            text=True,
            capture_output=True,
            **options,
        )

    @property
    def current(self) -> str:
        return (self.home / "published/current").resolve().name

    def published(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home / "published/current/marts.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def recorded(self, table: str, what: str, grouped: str = "") -> list[tuple]:
        """What the landing holds of the nights' own records, by run."""
        files = self.home / f"landing/nightshift/{table}/*/*/*.parquet"
        with duckdb.connect() as connection:
            rows = f"select run_id, {what} from read_parquet('{files}') {grouped} order by all"
            return [row[1:] for row in connection.execute(rows).fetchall()]

    def report(self) -> dict:
        return json.loads((self.home / "warehouse/build.json").read_text())

    def rebuilt(self) -> dict[str, list[str]]:
        return {entry["model"]: entry["days"] for entry in self.report()["rebuilt"]}

    def hashes(self, which="hash") -> dict[str, str]:
        record = json.loads((self.home / "published/current/_published.json").read_text())
        return {mart["name"]: mart[which] for mart in record["marts"]}


def make(root) -> Project:
    project = Project(root)
    shutil.copytree(
        ROOT / "backends", project.root / "backends", ignore=lambda _, names: set(names) - {"nightshift.yml"}
    )
    (project.root / "models/marts/business/every_type.sql").write_text(EVERY_TYPE)
    project.edit(
        "models/marts/business/plays_so_far.yml",
        "  - name: listening_daily\n    columns:\n",
        "  - name: listening_daily\n    config: {meta: {owner: Somebody}}\n    columns:\n"
        "      - {name: streams, data_tests: [{not_null: {config: {where: plays > 100}}}]}\n",
    )
    reader = {"name": "weekly_report", "type": "dashboard", "owner": {"email": "reader@example.com"}}
    project.write(
        "models/exposures.yml", json.dumps({"exposures": [{**reader, "depends_on": ["ref('listening_daily')"]}]})
    )
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Nights one after the other, as the tests below go: their order matters."""
    return make(tmp_path_factory.mktemp("project"))


def test_the_first_night_takes_in_everything_and_publishes_it(project):
    for day in (1, 2):
        project.arrive(f"2026-01-0{day}")
    done = project.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.current == "2026-01-02-1"
    assert project.published("select count(*) from core.fct_plays") == [(24,)]
    assert project.published("select owner from operations.mart_health where mart = 'business.listening_daily'") == [
        ("Somebody",)
    ]
    assert project.published('select "A Bigint", _dump_id from business.every_type order by row_number') == [
        (7_000_000_000, "x"),
        (None, None),
    ]
    for word in ("the night of 2026-01-02", "Rebuilt", "Quarantine   nothing", "Took", "marts.duckdb", "Next"):
        assert word in done.stdout


def test_a_night_is_on_record_with_its_steps_its_nodes_and_what_readers_saw(project):
    assert project.recorded(
        "runs", "step, outcome, seconds > 0, peak_memory_bytes > 1e7, days_built > 2, published_run"
    ) == [
        ("build", "ok", True, True, None, None),
        ("index", "ok", True, True, None, None),
        ("land", "ok", True, True, None, None),
        ("night", "ok", True, True, True, "2026-01-02-1"),
        ("publish", "ok", True, True, None, None),
    ]
    (times,) = project.recorded(
        "runs", "list(seconds) filter (step <> 'night'), max(seconds) filter (step = 'night')", "group by run_id"
    )
    assert 0 < times[1] - sum(times[0]) < 10, "the night took what its steps took, and little more"
    nodes = (
        "name, about, domain, status, rows_written, days_written, failures, started_at is not null, thread is not null"
    )
    found = {row[0]: row[1:] for row in project.recorded("run_nodes", nodes)}
    assert found["fct_plays"] == (None, "core", "success", 24, 2, None, True, True)
    assert found["stg_playback__plays"] == (None, "playback", "success", None, None, None, True, True)
    assert found["not_null_listening_daily_streams"][:3] == ("listening_daily", "business", "pass")
    marts = project.recorded("mart_versions", "mart, row_count, bytes > 0, is_changed, changed_run, content_hash")
    hashes = project.hashes("content_hash")
    assert ("core.fct_plays", 24, True, True, "2026-01-02-1", hashes["fct_plays"]) in marts
    assert len(marts) == len(hashes)


def test_a_night_with_nothing_new_says_so_and_starts_no_build(project):
    before = project.report()
    run_row = list((project.home / "landing/nightshift/runs").glob("dt=*/*"))
    done = project.run("night")
    assert done.returncode == DONE
    assert "nothing new" in done.stdout
    assert "build " not in done.stdout
    assert project.report() == before
    assert [path.parent.name for path in run_row] == ["dt=2026-01-03"], (
        "the night is on record, for the next one to see"
    )
    assert list((project.home / "landing/nightshift/runs").glob("dt=*/*")) == run_row


def test_a_build_asks_nothing_unless_something_may_be_stale(project):
    assert project.run("build").returncode == DONE
    assert "nothing has changed since everything was built" in project.run("build").stdout
    with duckdb.connect(str(project.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute("drop table core.dim_track")
    assert project.run("build").returncode == DONE
    assert "dim_track" in project.rebuilt(), "a table somebody dropped is missed"


def test_missed_nights_are_made_up_in_order(project):
    for day in (3, 5):
        project.arrive(f"2026-01-0{day}")
    done = project.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert done.stdout.index("the night of 2026-01-03") < done.stdout.index("the night of 2026-01-05")
    assert sorted(path.name for path in (project.home / "published").iterdir() if path.is_dir()) == [
        "2026-01-02-1",
        "2026-01-03-1",
        "2026-01-05-1",
        "current",
    ]
    assert project.rebuilt()["fct_plays"] == ["2026-01-05"]
    changed = "mart = 'core.fct_plays' and is_changed and changed_run = published_run"
    assert project.recorded(
        "mart_versions", f"cast(logical_on as varchar), count(*) filter ({changed})", "group by all"
    ) == [
        ("2026-01-02", 1),
        ("2026-01-03", 1),
        ("2026-01-05", 1),
    ]


@pytest.mark.nightly
def test_a_night_whose_run_is_gone_is_replayed_by_what_it_left_on_record(tmp_path):
    project = make(tmp_path / "project")
    for day in ("2026-01-02", "2026-01-03"):
        project.arrive(day)
        assert project.run("night").returncode == DONE
    shutil.rmtree(project.home / "published/2026-01-02-1")
    done = project.run("replay", "--to", "2026-01-02")
    assert done.returncode == DONE, done.stdout + done.stderr
    on_record = len(project.hashes())
    assert f"as of 2026-01-02: {on_record} marts of {on_record} the same" in done.stdout, done.stdout
    (file,) = (project.home / "landing/nightshift/mart_versions/dt=2026-01-03").glob("*/*.parquet")
    duckdb.execute(f"create table told as from read_parquet('{file}', hive_partitioning = false)")
    duckdb.execute("update told set content_hash = md5(content_hash) where mart = 'core.fct_plays'")
    duckdb.execute(f"copy told to '{file}'")
    done = project.run("replay", "--to", "2026-01-02")
    assert done.returncode == FAILED, done.stdout + done.stderr
    assert "core.fct_plays is not what was published then" in done.stderr
    assert "there is: 2026-01-02, 2026-01-03" in project.run("replay", "--to", "2024-01-01").stderr


def test_plan_says_what_the_next_build_does_and_changes_nothing(project):
    project.edit("models/marts/business/listening_daily.sql", "count(*) as plays", "count(*) + 0 as plays")
    before = project.hashes()
    done = project.run("plan", "--json")
    assert done.returncode == DONE, done.stdout + done.stderr
    planned = {entry["model"]: (entry["days"], entry["reasons"]) for entry in json.loads(done.stdout)["models"]}
    days = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-05"]
    assert planned == {"listening_daily": (days, ["definition changed"])}
    assert project.rebuilt()["fct_plays"] == ["2026-01-05"], "plan left the last build's report alone"
    done = project.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.rebuilt() == {"listening_daily": days}
    assert project.report()["rebuilt"][0]["reasons"] == ["definition changed"]
    assert project.hashes() == before, "the same numbers in other words"
    assert "nothing changed since 2026-01-05-1" in done.stdout
    assert project.recorded("mart_versions", "count(*) filter (is_changed)", "group by all")[-1] == (0,), (
        "and so no mart changed"
    )


def test_a_failing_test_keeps_its_domain_back_and_shows_its_rows(project, monkeypatch):
    told = project.home / "told.json"
    monkeypatch.setenv("NIGHTSHIFT_ALERT_COMMAND", f'cat > {told}; echo "$NIGHTSHIFT_ALERT_SUBJECT" > {told}.subject')
    project.arrive("2026-01-06", MANY_PLAYS)
    project.edit("models/marts/business/listening_daily.sql", STREAMS, f"case when count(*) < 100 then {STREAMS} end")
    done = project.run("night")
    assert done.returncode == FAILED
    assert "FAILED not_null_listening_daily_streams" in done.stderr
    (trouble,) = json.loads(told.read_text())["troubles"]
    assert trouble["owner"] == "Somebody"
    assert trouble["next"] == "./nightshift rows not_null_listening_daily_streams"
    assert trouble["readers"] == [{"name": "weekly_report", "owner": "reader@example.com"}]
    assert trouble["rows"] == [{"played_on": "2026-01-06", "plays": 120, "streams": None}], "the row that failed"
    assert (trouble["domain"], trouble["since"]) == ("business", str(json.loads(told.read_text())["night"]))
    assert "not_null_listening_daily_streams failed" in (project.home / "told.json.subject").read_text()
    assert "business is late since 2026-01-06 (its last good version is shown)" in done.stderr
    assert project.published("select max(played_on) = '2026-01-06' from core.fct_plays") == [(True,)]
    assert project.published("select max(played_on) = '2026-01-05' from business.listening_daily") == [(True,)]
    shown = project.run("rows", "not_null_listening")
    assert shown.returncode == DONE, shown.stderr
    assert "2026-01-06" in shown.stdout
    status = project.run("status", "--check")
    assert status.returncode == 2
    assert status.stdout.startswith("CRITICAL - late since 2026-01-06: business")
    assert "build     as of" in project.run("night").stdout, "a night that failed is tried again"


def test_a_night_that_failed_has_a_page_that_says_so(project):
    """The page each night leaves, and the one that is asked for, of a night before."""
    page = (project.home / "site/night.html").read_text()
    assert "Night of 2026-01-06" in page
    assert "not_null_listening_daily_streams" in page.partition("What did not end well")[2].partition("Timeline")[0]
    assert "Readers see an older version of: business." in page
    assert "<title>fct_plays: success, " in page
    assert ' is-bad" x="' in page
    assert "http" not in page.replace("https://www.w3.org", ""), "it loads nothing"
    ((run, _),) = project.recorded("runs", "run_id, step", "where logical_on = '2026-01-03' and step = 'night'")
    done = project.run("report", run, "--out", str(project.home / "earlier.html"))
    assert done.returncode == DONE, done.stderr
    earlier = (project.home / "earlier.html").read_text()
    assert "Night of 2026-01-03: well" in earlier
    assert "2026-01-06" not in earlier, "nights after it are not shown"
    assert project.run("report", "2026-01-04-20260105T000000").returncode == USAGE


def test_a_repaired_definition_brings_the_domain_back(project):
    project.edit("models/marts/business/listening_daily.sql", f"case when count(*) < 100 then {STREAMS} end", STREAMS)
    done = project.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.published("select max(played_on) = '2026-01-06' from business.listening_daily") == [(True,)]
    assert project.run("status", "--check").returncode == DONE
    assert "nightshift_check 0\n" in (project.home / "logs/nightshift.prom").read_text(), (
        "each night leaves its figures"
    )
    status = json.loads(project.run("status", "--json").stdout)
    assert status["last_night"]["on"] == "2026-01-06"
    assert {mart["mart"] for mart in status["published"]["marts"]} >= {"core.fct_plays", "business.listening_daily"}
    assert not any(mart["is_late"] for mart in status["published"]["marts"])


def test_readers_who_were_rolled_back_stay_there_until_somebody_publishes(project):
    before = project.current
    assert project.run("rollback", "2026-01-05-1").returncode == DONE
    assert project.current == "2026-01-05-1"
    done = project.run("night")
    assert "nothing new" in done.stdout
    assert "was rolled back" in done.stderr
    assert project.current != before
    assert project.run("status", "--check").stdout.startswith("WARNING - readers were rolled back")
    assert project.run("publish").returncode == DONE
    assert project.published("select max(played_on) = '2026-01-06' from core.fct_plays") == [(True,)]


def test_an_earlier_day_hides_what_arrived_since(project):
    done = project.run("night", "--on", "2026-01-03")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.published("select max(played_on) = '2026-01-03' from core.fct_plays") == [(True,)]
    assert project.current == "2026-01-03-2"


def test_a_second_night_is_told_who_is_running(project):
    with holding_the_night(project.home) as holder:
        for step in ("night", "build", "publish", "plan", "rollback"):
            done = project.run(step)
            assert done.returncode == LOCKED, step
            assert f"process {holder}" in done.stderr
        assert f"Running      `night` (process {holder})" in project.run("status").stdout


def test_documentation_killed_before_it_takes_its_place_leaves_the_page_that_is_there(project):
    page = project.home / "site/index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("the page of before")
    assert project.run("docs", fault="docs:before-replace").returncode == -signal.SIGKILL
    assert page.read_text() == "the page of before"
    assert project.run("docs").returncode == DONE
    assert "listening_daily" in page.read_text()


@pytest.mark.parametrize(("asked", "erased"), [({}, DONE), ({"r1": "p1"}, DONE), ({"r1": "p1"}, STOPPED)])
def test_who_asked_is_forgotten_between_landing_and_building(tmp_path, monkeypatch, asked, erased):
    called = []

    def call(arguments, lock):
        called.append(arguments)
        return {"vault": erased, "build": STOPPED}.get(arguments[0], DONE), 0

    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    monkeypatch.setattr(night, "_call", call)
    monkeypatch.setattr(night, "_commit", lambda *ignored: None)
    monkeypatch.setattr(night, "due", lambda day: asked)
    with night_lock("night") as lock:
        assert night._run(date(2026, 1, 1), lock, lambda: None, False) == STOPPED
    on = ["--on", "2026-01-01"]
    forget = [["vault", "erase", "--requests", *on]] if asked else []
    build = [] if erased == STOPPED else [["build", *on, "--no-unit-tests"]]
    assert called == [["land", *on], *forget, *build]


@pytest.fixture(scope="module")
def second_night(tmp_path_factory):
    """A project whose second night is due, and what it looks like when nothing happens to that night."""
    due = make(tmp_path_factory.mktemp("due") / "project")
    due.arrive("2026-01-01")
    assert due.run("night").returncode == DONE
    due.arrive("2026-01-02", tracks=[*TRACKS, ("t9", "a9")])  # a table that is made as a whole changes, too
    undisturbed = Project(tmp_path_factory.mktemp("undisturbed") / "project", due)
    assert undisturbed.run("night").returncode == DONE
    return due, undisturbed


@pytest.mark.nightly
@pytest.mark.parametrize("point", [
    "night:before-land", "night:before-build", "build:before-dbt", "build:chunk-written", "build:chunk-committed",
    "build:swap-written", "build:swap-committed", "build:inside-certification", "build:after-dbt",
    "night:before-publish", "publish:before-link", "night:before-record", "night:after-commit", "night:after-record",
])  # fmt: skip
def test_killed_anywhere_a_night_run_again_publishes_the_same(tmp_path, second_night, point):
    due, undisturbed = second_night
    killed = Project(tmp_path / "project", due)
    done = killed.run("night", fault=point)
    assert done.returncode in (-signal.SIGKILL, 5), f"{point} was not passed: {done.stdout}{done.stderr}"
    done = killed.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert killed.recorded("runs", "count(*) filter (step = 'night' and outcome = 'ok')", "group by all")[-1] == (1,)
    assert killed.hashes() == undisturbed.hashes()
    assert killed.current == undisturbed.current
    left = [path.name for path in (killed.home / "published").iterdir() if path.name.startswith(".")]
    assert not left
