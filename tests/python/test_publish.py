"""Publishing: a night appears whole or not at all, costs what changed, and can be taken back."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from datetime import date, timedelta

import duckdb
import pytest
from fake_warehouse import FakeWarehouse

from scripts.console import DONE, FAILED, STOPPED, Stop
from scripts.files import files_below
from scripts.publish import NOTHING, publish, rollback
from scripts.warehouse import warehouse, warehouse_file

MARTS = {
    "core.dim_plan": {"materialized": "whole"},
    "core.fct_sales": {"publish": "facts"},
    "finance.journal": {},
    "royalties.statements": {},
    "business.revenue_daily": {},
}
POINTS = [
    "before-link",
    "before-record",
    *(pytest.param(point, marks=pytest.mark.nightly) for point in ("after-file", "after-facts", "before-rename")),
    *(pytest.param(point, marks=pytest.mark.nightly) for point in ("after-record", "before-remove")),
]


def rows(value, days=3):
    return [(f"2026-01-{day:02}", value, f"row of {day}") for day in range(1, days + 1)]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def made(home):
    return FakeWarehouse(home, MARTS)


def all_marts(value, days=3):
    return {key: rows(value, days) for key in MARTS}


def current(home):
    return (home / "published/current").resolve()


def query(path, sql):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def amounts(home, mart="finance.journal", file="marts.duckdb"):
    return {float(row[0]) for row in query(current(home) / file, f"select distinct amount from {mart}")}


def health(home):
    found = query(
        current(home) / "marts.duckdb",
        "select mart, is_late, cast(late_since as varchar), reason from operations.mart_health",
    )
    return {mart: (is_late, since, reason) for mart, is_late, since, reason in found}


def run(command=publish, *arguments):
    """The command as the shell would run it; returns its exit code."""
    return command.main(list(arguments), standalone_mode=False)


def test_everybody_s_file_hides_small_counts_and_what_is_for_analysts(home):
    rule = {"counts": ["amount"], "within": ["sold_on"], "hide": ["words"]}
    made = FakeWarehouse(
        home, {"business.few": {"few_people": rule}, "business.rows": {"audience": "analysts"}, "business.plain": {}}
    )
    day = [("2026-01-01", count, f"{count} people") for count in (2, 9, 30)]
    made.build("2026-01-01", {key: day for key in made.marts})
    assert run() == DONE
    everybody, analysts = current(home) / "business.duckdb", current(home) / "marts.duckdb"
    shown = query(everybody, "select cast(amount as integer), words from business.few order by all")
    assert shown == [(30, "30 people"), (None, None), (None, None)], "9 goes with 2, or their sum would tell"
    assert query(everybody, "select count(amount) from business.plain") == [(3,)]
    assert query(everybody, "select count(*) from duckdb_tables() where table_name = 'rows'") == [(0,)]
    for mart in made.marts:
        assert query(analysts, f"select count(amount), count(words) from {mart}") == [(3, 3)], "analysts see it all"
    assert run() == DONE
    assert current(home).name == "2026-01-01-1", "the same again is nothing new"


def test_what_passed_is_published_with_its_words_and_its_health(home, made):
    made.build("2026-01-03", all_marts(1))
    assert run() == DONE
    assert current(home).name == "2026-01-03-1"
    assert amounts(home) == {1.0}
    tables = dict(
        query(
            current(home) / "marts.duckdb",
            "select table_name, comment from duckdb_tables() where schema_name = 'finance'",
        )
    )
    assert tables == {"journal": "One row per journal."}
    comments = dict(
        query(
            current(home) / "finance.duckdb",
            "select column_name, comment from duckdb_columns() where table_name = 'statements'",
        )
    )
    assert comments == {"amount": "What it cost, in euro.", "sold_on": None, "words": "It's said."}
    assert health(home)["finance.journal"] == (False, None, None)
    assert health(home)["core.fct_sales"][0] is False, "facts are told of though they are no table here"
    assert query(
        current(home) / "marts.duckdb", "select count(*) from duckdb_tables() where table_name = 'fct_sales'"
    ) == [(0,)]
    parts = sorted(path.parent.name for path in (current(home) / "facts/fct_sales").rglob("*.parquet"))
    assert parts == ["sold_on=2026-01-01", "sold_on=2026-01-02", "sold_on=2026-01-03"]
    facts = query(
        current(home) / "marts.duckdb",
        f"select sold_on, amount from read_parquet('{current(home)}/facts/fct_sales/*/*.parquet')",
    )
    assert len(facts) == 3


def test_an_audiences_file_holds_its_domains_only_under_the_names_used_everywhere(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    business = {row[0] for row in query(current(home) / "business.duckdb", "select table_name from duckdb_tables()")}
    assert business == {"revenue_daily", "mart_health"}
    # opened by itself the file is a catalog of its schema's name
    assert amounts(home, "business.revenue_daily", "business.duckdb") == {1.0}
    assert amounts(home, "finance.journal", "finance.duckdb") == {1.0}
    assert amounts(home, "royalties.statements", "finance.duckdb") == {1.0}


def test_a_failed_domain_keeps_its_last_good_night_whole_and_is_marked_late(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-04", all_marts(2), failed={"business": "unique_revenue_daily: fail"})
    assert run() == FAILED
    assert amounts(home, "business.revenue_daily") == {1.0}
    assert amounts(home, "business.revenue_daily", "business.duckdb") == {1.0}
    assert amounts(home, "finance.journal") == {2.0}
    assert health(home)["business.revenue_daily"] == (True, "2026-01-04", "unique_revenue_daily: fail")
    assert query(current(home) / "business.duckdb", "select is_late from operations.mart_health") == [(True,)]

    made.build("2026-01-05", all_marts(3), failed={"business": "still"})
    assert run() == FAILED
    assert amounts(home, "business.revenue_daily") == {1.0}
    assert health(home)["business.revenue_daily"] == (True, "2026-01-04", "still"), (
        "late since the first night, not the last"
    )

    made.build("2026-01-06", all_marts(4))
    assert run() == DONE
    assert amounts(home, "business.revenue_daily") == {4.0}
    assert health(home)["business.revenue_daily"] == (False, None, None)


def test_facts_of_a_failed_domain_stay_whole_too(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-04", all_marts(2, days=4), failed={"core": "broken"})
    run()
    found = query(
        current(home) / "marts.duckdb",
        f"select sold_on, amount from read_parquet('{current(home)}/facts/fct_sales/*/*.parquet')",
    )
    assert {float(amount) for _, amount in found} == {1.0}
    assert len(found) == 3


def test_money_and_royalties_go_out_together_or_not_at_all(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-04", all_marts(2), failed={"royalties": "pool not paid out"})
    assert run() == FAILED
    assert amounts(home, "finance.journal") == {1.0}
    assert amounts(home, "royalties.statements") == {1.0}
    assert amounts(home, "business.revenue_daily") == {2.0}
    assert "royalties: pool not paid out" in health(home)["finance.journal"][2]


def test_a_domain_built_after_its_tests_is_not_shown(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-04", all_marts(2))
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute(
            "insert into ops.ledger select max(sequence) + 1, 'journal', 'journal', 'finance', date '2026-01-09', "
            "'l', 'i', 'empty', 0, 'r', now()::timestamp from ops.ledger"
        )
    assert run() == FAILED
    assert amounts(home, "finance.journal") == {1.0}


def test_a_clock_set_back_does_not_make_an_older_word_the_newest(home, made):
    made.build("2026-01-03", all_marts(1), failed={"finance": "unique_journal: fail"})
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("update ops.domain_checks set checked_at = checked_at + interval 1 hour")
    assert run() == FAILED
    made.build("2026-01-03", {})
    assert run() == DONE
    assert amounts(home, "finance.journal") == {1.0}


def test_a_domain_that_never_passed_is_told_of_and_not_shown(home, made):
    made.build("2026-01-03", all_marts(1), failed={"business": "never good"})
    assert run() == FAILED
    assert not (current(home) / "business.duckdb").exists()
    assert health(home)["business.revenue_daily"] == (True, "2026-01-03", "never good")


def test_only_what_changed_is_written(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    before = current(home)
    made.build(
        "2026-01-04", {"core.fct_sales": [*rows(1), ("2026-01-04", 7, "new")], "business.revenue_daily": rows(2)}
    )
    run()
    after = current(home)

    def same(path):
        return (before / path).stat().st_ino == (after / path).stat().st_ino

    assert same("finance.duckdb"), "none of its marts changed"
    assert not same("business.duckdb")
    assert not same("marts.duckdb")
    assert same("facts/fct_sales/sold_on=2026-01-02/part-0.parquet")
    assert (after / "facts/fct_sales/sold_on=2026-01-04/part-0.parquet").stat().st_nlink == 1
    assert dict(query(after / "marts.duckdb", "select mart, changed_run from operations.mart_health")) == {
        "core.dim_plan": "2026-01-03-1",
        "core.fct_sales": "2026-01-04-1",
        "finance.journal": "2026-01-03-1",
        "royalties.statements": "2026-01-03-1",
        "business.revenue_daily": "2026-01-04-1",
    }


def test_a_day_that_vanished_and_a_mart_that_was_dropped_are_not_shown_any_more(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("delete from core.fct_sales where sold_on = '2026-01-02'")
        connection.execute(
            "insert into ops.ledger select max(sequence) + 1, 'fct_sales', 'fct_sales', 'core', date '2026-01-02', "
            "'l', null, 'gone', 0, 'r', now()::timestamp from ops.ledger"
        )
    made.marts = {key: value for key, value in MARTS.items() if key != "finance.journal"}
    made.build("2026-01-04", {})
    run()
    assert sorted(path.name for path in (current(home) / "facts/fct_sales").iterdir()) == [
        "sold_on=2026-01-01",
        "sold_on=2026-01-03",
    ]
    assert query(
        current(home) / "marts.duckdb", "select count(*) from duckdb_tables() where table_name = 'journal'"
    ) == [(0,)]


def test_nothing_changed_makes_no_new_run(home, made, capsys):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-03", {})
    assert run() == DONE
    assert [path.name for path in (home / "published").iterdir() if path.is_dir() and not path.is_symlink()] == [
        "2026-01-03-1"
    ]
    made.build("2026-01-03", {"finance.journal": rows(2)})
    run()
    assert current(home).name == "2026-01-03-2"


def test_a_table_changed_behind_the_ledgers_back_is_not_published(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-04", {"business.revenue_daily": rows(2)})
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("update finance.journal set amount = 9 where sold_on = '2026-01-02'")
    with pytest.raises(Stop, match=r"finance\.journal read back .* nothing was published") as stopped:
        run()
    assert stopped.value.code == FAILED
    assert current(home).name == "2026-01-03-1"
    assert amounts(home) == {1.0}


def test_a_new_version_of_the_engine_hashes_otherwise_and_stops_nothing(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    record = current(home) / "_published.json"
    written = json.loads(record.read_text())
    for mart in written["marts"]:
        mart["hash"] = "of another version"
        mart["days"] = dict.fromkeys(mart["days"], "of another version")
    record.write_text(json.dumps({**written, "engine": "0.0.1"}))
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("update ops.ledger set output_hash = 'of another version'")
        connection.execute("insert into ops.engines select 'v99', max(sequence) + 1 from ops.ledger")
    made.build("2026-01-04", {"core.dim_plan": rows(2)}, failed={"business": "late, so carried over"})
    assert run() == FAILED
    assert amounts(home, "core.dim_plan") == {2.0}
    assert amounts(home, "finance.journal") == amounts(home, "business.revenue_daily") == {1.0}


def test_new_words_alone_are_published(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.marts = {**MARTS, "finance.journal": {"description": "One row per line of the journal."}}
    made.build("2026-01-04", {})
    run()
    found = query(current(home) / "finance.duckdb", "select comment from duckdb_tables() where table_name = 'journal'")
    assert found == [("One row per line of the journal.",)]


def published_hashes(home):
    """Everything a reader of the current run can find, by content."""
    found = {}
    for entry in files_below(current(home)):
        name = os.path.relpath(entry.path, current(home))
        if name.endswith(".duckdb"):
            with duckdb.connect(entry.path, read_only=True) as connection:
                for schema, table in connection.execute(
                    "select schema_name, table_name from duckdb_tables() order by all"
                ).fetchall():
                    found[name, schema, table] = connection.execute(f"from {schema}.{table} order by all").fetchall()
        elif name.endswith(".parquet"):
            found[name] = duckdb.sql(f"from read_parquet('{entry.path}') order by all").fetchall()
    return found


def in_a_process(fault, *arguments, **options):
    environment = {**os.environ, "NIGHTSHIFT_FAULT": fault or ""}
    return subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_and_run_again_it_publishes_what_it_would_have(tmp_path, monkeypatch, point):
    results = {}
    for name, fault in (("undisturbed", None), ("killed", f"publish:{point}")):
        home = tmp_path / name
        home.mkdir()
        monkeypatch.setenv("NIGHTSHIFT_HOME", str(home))
        made = FakeWarehouse(home, MARTS)
        made.build("2026-01-03", all_marts(1))
        run(publish, "--keep", "1")
        made.build("2026-01-04", all_marts(2, days=4), failed={"business": "bad"})
        if fault:
            done = in_a_process(fault, "publish", "--keep", "1")
            assert done.returncode == -signal.SIGKILL, f"{point} was not passed:\n{done.stdout}{done.stderr}"
            seen = amounts(home)
            assert seen in ({1.0}, {2.0})
            assert (current(home) / "_published.json").exists(), "readers see a whole run"
        assert in_a_process(None, "publish", "--keep", "1").returncode == FAILED
        with duckdb.connect(str(warehouse_file())) as connection:
            releases = connection.execute("select domain, sequence, run_id from ops.releases order by all").fetchall()
        results[name] = (current(home).name, published_hashes(home), releases)
        left = {path.name for path in (home / "published").iterdir()}
        assert left == {"current", "2026-01-04-1"}, "no leftovers"
    assert results["killed"] == results["undisturbed"]


def test_releases_of_another_warehouse_are_not_written_into_this_one(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    warehouse_file().unlink()
    made.build(
        "2026-01-04", all_marts(2), failed=dict.fromkeys(("core", "finance", "royalties", "business"), "not yet")
    )
    run()
    with duckdb.connect(str(warehouse_file())) as connection:
        assert connection.execute("select count(*) from ops.releases").fetchone() == (0,)


def test_rollback_moves_the_link_back_and_the_next_publication_goes_forward(home, made, capsys):
    for day, value in ((3, 1), (4, 2), (5, 3)):
        made.build(f"2026-01-0{day}", all_marts(value))
        run()
    (home / "exports/journal/2026-01-05-1").mkdir(parents=True)
    (home / "exports/journal/2026-01-04-1").mkdir(parents=True)
    for folder in ("2026-01-05-1-0123", "2026-01-05-10-4567", "2026-01-04-1-89ab"):
        (home / "exports/search" / folder).mkdir(parents=True)
    for table in ("sends", "closed_months", "decisions"):
        (home / f"landing/nightshift/{table}/dt=2026-01-05/0123").mkdir(parents=True)
    run(rollback)
    assert current(home).name == "2026-01-04-1"
    said = capsys.readouterr()
    assert "export journal of 2026-01-05-1" in said.err
    assert said.err.count("export search of") == 1, "the index of the run taken back, and no other"
    assert "2026-01-04-1; a backend" not in said.err
    for words in ("mails sent", "months closed", "payments decided"):
        assert f"not taken back: {words} after 2026-01-04 (1 day)" in said.err
    run(rollback, "2026-01-03-1")
    assert amounts(home) == {1.0}
    with pytest.raises(Stop, match="no run 2025-12-31-1; kept are"):
        run(rollback, "2025-12-31-1")

    made.build("2026-01-05", all_marts(4))
    run()
    assert current(home).name == "2026-01-05-2", "a run that was seen keeps its name"
    assert amounts(home) == {4.0}
    assert {path.name for path in (home / "published").iterdir() if path.is_dir() and not path.is_symlink()} == {
        "2026-01-03-1",
        "2026-01-04-1",
        "2026-01-05-1",
        "2026-01-05-2",
    }


@pytest.mark.parametrize("point", ["before-link", "after-link"])
def test_a_rollback_killed_on_the_way_can_be_asked_for_again(home, made, point):
    for day, value in ((3, 1), (4, 2)):
        made.build(f"2026-01-0{day}", all_marts(value))
        run()
    killed = in_a_process(f"rollback:{point}", "rollback", "2026-01-03-1")
    assert killed.returncode == -signal.SIGKILL
    assert amounts(home) in ({1.0}, {2.0})
    run(rollback, "2026-01-03-1")
    assert amounts(home) == {1.0}
    run()
    assert amounts(home) == {2.0}
    assert current(home).name == "2026-01-04-2"


def test_what_fails_after_a_rollback_is_carried_over_from_what_readers_see(home, made):
    for day, value in ((3, 1), (4, 2)):
        made.build(f"2026-01-0{day}", all_marts(value))
        run()
    run(rollback)
    made.build("2026-01-05", all_marts(3), failed={"business": "bad"})
    run()
    assert amounts(home, "business.revenue_daily") == {1.0}


def test_retention_keeps_the_newest_and_the_one_that_is_shown(home, made):
    for day in (3, 4, 5):
        made.build(f"2026-01-0{day}", all_marts(day))
        run()
    run(rollback, "2026-01-03-1")
    made.build("2026-01-06", all_marts(6))
    run(publish, "--keep", "2")
    kept = {path.name for path in (home / "published").iterdir() if path.is_dir() and not path.is_symlink()}
    assert kept == {"2026-01-05-1", "2026-01-06-1"}
    assert amounts(home) == {6.0}, "a hard link outlives the run it came from"


def test_a_full_disk_leaves_readers_what_they_have(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    made.build("2026-01-04", all_marts(2))

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    done = in_a_process(None, "publish", preexec_fn=no_room)
    assert done.returncode == STOPPED, done.stdout + done.stderr
    assert "could not be written" in done.stderr
    assert amounts(home) == {1.0}
    assert {path.name for path in (home / "published").iterdir()} == {"current", "2026-01-03-1"}
    assert run() == DONE
    assert amounts(home) == {2.0}


def test_two_thousand_readers_never_see_half_a_night(home, made):
    made.build("2026-01-01", all_marts(1))
    run()
    problems, opened, done = [], [], threading.Event()
    link = home / "published/current/marts.duckdb"
    tables = [key for key, about in MARTS.items() if about.get("publish") != "facts"]
    sql = (
        " union all ".join(f"select amount from {key}" for key in tables)
        + " union all select count(*) * 1000 from operations.mart_health"
    )

    def read():
        last = 0.0
        while len(opened) < 2000 or not done.is_set():
            try:
                seen = {float(row[0]) for row in query(link, sql)}
            except Exception as error:
                problems.append(repr(error))
                break
            opened.append(1)
            nights = seen - {1000.0 * len(MARTS)}
            if len(nights) != 1 or min(nights) < last:
                problems.append((seen, last))
                break
            last = min(nights)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    night = 1
    while (len(opened) < 2000 or night < 10) and not problems:
        night += 1
        made.build(str(date(2026, 1, 1) + timedelta(days=night)), all_marts(night))
        assert in_a_process(None, "publish", "--keep", "2").returncode == DONE
    done.set()
    for reader in readers:
        reader.join()
    assert not problems
    assert len(opened) >= 2000
    assert night >= 10


def test_the_record_says_what_is_published(home, made):
    made.build("2026-01-03", all_marts(1))
    run()
    record = json.loads((current(home) / "_published.json").read_text())
    assert record["run_id"] == "2026-01-03-1"
    assert record["previous"] is None
    facts = next(mart for mart in record["marts"] if mart["name"] == "fct_sales")
    assert list(facts["days"]) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_the_night_s_file_has_the_newest_format_and_what_readers_open_an_older_one(home, made):
    with warehouse():
        pass
    made.build("2026-01-03", all_marts(1))
    run()

    def made_for(file):
        with duckdb.connect(str(file), read_only=True) as connection:
            tags = "select tags['storage_version'] from duckdb_databases() where database_name = current_database()"
            return connection.execute(tags).fetchone()[0]

    assert made_for(warehouse_file()) > made_for(current(home) / "marts.duckdb") == "v1.0.0+"
    assert {made_for(file) for file in current(home).glob("*.duckdb")} == {"v1.0.0+"}


def test_a_mart_without_rows_has_the_hash_of_nothing_that_a_replay_asks_for(home, made):
    made.build("2026-01-03", {**all_marts(1), "finance.journal": []})
    run()
    record = json.loads((current(home) / "_published.json").read_text())
    contents = {mart["name"]: mart["content_hash"] for mart in record["marts"]}
    assert contents["journal"] == NOTHING
    assert contents["statements"] is None  # this warehouse has no portable hashes: an empty mart needs none
