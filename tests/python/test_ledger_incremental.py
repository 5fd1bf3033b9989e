"""Built night by night or all at once, in any chunks: the same rows, the same hashes, the same reasons."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_harness import DAYS, Ledger, plays_of
from ledger_histories import NIGHTS, history, land_night

LISTENING = "models/marts/business/listening_daily.sql"
REFACTORED = ("count(*) as plays,", "count(play_id) as plays,")


def project(root, base: Ledger) -> Ledger:
    """A project without landing and warehouse, read already."""
    fresh = Ledger(root)
    fresh.manifest = base.manifest
    return fresh


def built_at_once(root, base: Ledger, landed: Ledger, *options: str) -> Ledger:
    """What a warehouse has that is built from the landing alone."""
    fresh = project(root, base)
    shutil.copytree(landed.home / "landing", fresh.home / "landing", dirs_exist_ok=True)
    if landed.manifest is None:
        shutil.copytree(landed.root / "models", fresh.root / "models", dirs_exist_ok=True)
        fresh.manifest = None
    fresh.build(*options)
    return fresh


def differences(one: Ledger, other: Ledger) -> dict[str, list]:
    """Per table what differs: columns, or the first rows and recorded days that only one of them has."""
    found = {}
    mine, theirs = one.contents(), other.contents()
    assert mine.keys() == theirs.keys()
    for table in mine:
        if mine[table] != theirs[table]:
            found[table] = [
                sorted(set(map(str, mine[table][part])) ^ set(map(str, theirs[table][part])))[:6] for part in range(3)
            ]
    return found


def test_incremental_is_full(built_ledger, tmp_path):
    """240 histories at once, each on days of its own: four nights and a changed definition against one fresh build."""
    ledger = project(tmp_path / "nightly", built_ledger)
    histories = [history(Random(f"histories:{case}"), case) for case in range(240)]
    landed: list[dict] = [{} for _ in histories]
    for night in range(NIGHTS):
        for case, dumps in enumerate(histories):
            land_night(ledger, dumps, night, landed[case])
        if night == 2:
            ledger.edit(LISTENING, *REFACTORED)
        ledger.build("--vars", f"{{chunk_rows: {(100_000, 40, 100_000, 7)[night]}}}")
        if night == 3:
            assert ledger.build() == {}, "a second look finds nothing stale"
    assert len(ledger.query("select distinct day from ops.fresh where relation = 'fct_plays'")) > 240
    fresh = built_at_once(tmp_path / "at_once", built_ledger, ledger, "--vars", "{chunk_rows: 300}")
    assert differences(ledger, fresh) == {}


@pytest.mark.nightly
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), splits=st.lists(st.booleans(), min_size=NIGHTS, max_size=NIGHTS))
def test_incremental_is_full_for_one_history(built_ledger, tmp_path_factory, random, splits):
    """The same for one history at a time, which shrinks when it fails; nights may be left out."""
    folder = tmp_path_factory.mktemp("history")
    ledger = project(folder / "nightly", built_ledger)
    dumps, landed = history(random, 0), {}
    for night in range(NIGHTS):
        land_night(ledger, dumps, night, landed)
        if splits[night] or night == NIGHTS - 1:
            ledger.build()
    assert differences(ledger, built_at_once(folder / "at_once", built_ledger, ledger)) == {}
    shutil.rmtree(folder)


def test_narrowed_is_full(built_ledger):
    """Each model's SQL over all history, as compiled, gives the rows that lie in its table, built day by day."""
    import duckdb

    by_day = [
        node
        for node in built_ledger.manifest.nodes.values()
        if node.resource_type == "model" and node.config.materialized in ("by_day", "whole")
    ]
    assert len(by_day) == 8
    compiled = built_ledger.dbt("compile", "--select", *[node.name for node in by_day])
    from ledger_harness import inside

    with (
        inside(built_ledger.root, built_ledger.environment({})),
        duckdb.connect("var/dev/warehouse.duckdb", read_only=True) as connection,
    ):
        for node in by_day:
            sql = compiled[node.name].node.compiled_code
            columns = connection.execute(f"select * from {node.schema}.{node.name} limit 0").description
            names = ", ".join(column[0] for column in columns)
            assert connection.execute(
                f"select count(*) from (select {names} from ({sql}) except all select {names} from "
                f"{node.schema}.{node.name})"
            ).fetchone() == (0,), node.name
            assert connection.execute(
                f"select count(*) from (select {names} from {node.schema}.{node.name} except all select {names} "
                f"from ({sql}))"
            ).fetchone() == (0,), node.name


def test_rows_scanned_on_an_ordinary_night(ledger, tmp_path):
    """A night reads the files that arrived, and of tables the row groups its days lie in, however long history is.

    A scan of some days touches the row groups they lie in with the rest of their chunk, which is written in no order.
    Where a row group ends is up to how many threads write it: with one, it is the same in every run.
    """
    a_day, a_chunk, a_row_group, short, long = 12_000, 60_000, 122_880, 12, 90
    one_thread = {"NIGHTSHIFT_THREADS": "1"}
    scanned = {}
    for length in (short, long):
        grown = Ledger(tmp_path / f"{length}", ledger)
        shutil.rmtree(grown.home / "landing/playback/plays")
        days = [str(date(2025, 10, 1) + timedelta(days=number)) for number in range(length + 1)]
        for day in days[:-1]:
            grown.land(day, plays_of(day, a_day))
        grown.build("--vars", f"{{chunk_rows: {a_chunk}}}", "--select", *MODELS, **one_thread)
        grown.land(days[-1], plays_of(days[-1], a_day))
        scanned[length] = rows_scanned(grown, "--select", *MODELS, **one_thread)
    assert scanned[short]["fct_plays"] == scanned[long]["fct_plays"] == a_day
    of_small_tables = 1_000
    for name, scans_of_days in SCANS.items():
        row_groups = sum(-(-(days * a_day + a_chunk) // a_row_group) + 1 for days in scans_of_days)
        allowed = row_groups * a_row_group + of_small_tables
        assert scanned[long][name] <= allowed < 0.6 * long * a_day, (name, scanned)


# How many days of fct_plays each scan in a model needs on a night that brought one
SCANS = {"listening_daily": [1], "artist_daily": [1], "plays_so_far": [1], "listeners_weekly": [1, 7]}
MODELS = ["fct_plays", "listening_daily", "artist_daily", "plays_so_far", "listeners_weekly"]


def rows_scanned(ledger: Ledger, *options: str, **environment: str) -> dict[str, int]:
    """Builds under DuckDB's profiler: per model, rows in the files it reads and rows that scans of tables touch."""
    import json

    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    execute = DuckDBCursorWrapper.execute
    found: dict[str, int] = {}

    def profiled(self, sql, bindings=None):
        import re

        target = re.search(r'insert into "warehouse"\."\w+"\."(\w+)" by name (.*?);\ninsert into ops', sql, re.S)
        if target:
            before, after = sql[: target.start(2)].rsplit("insert into", 1)[0], target.group(2)
            execute(self, before.rstrip().rstrip(";"))
            plan = self._cursor.execute(f"explain (analyze, format json) {after}").fetchall()[0][1]
            files = (
                "select coalesce(sum(num_rows), 0) from parquet_file_metadata(getvariable('landed__playback__plays'))"
            )
            in_files = self._cursor.execute(files).fetchone()[0] if "landed__playback__plays" in before else 0
            found[target.group(1)] = found.get(target.group(1), 0) + in_files + sum(_scans(json.loads(plan)))
        return execute(self, sql, bindings)

    DuckDBCursorWrapper.execute = profiled
    try:
        ledger.build("--threads", "1", *options, **environment)
    finally:
        DuckDBCursorWrapper.execute = execute
    return found


def _scans(node: dict) -> list[int]:
    is_table = node.get("operator_name", node.get("operator_type", "")).strip() in ("SEQ_SCAN", "TABLE_SCAN")
    rows = [node["operator_rows_scanned"]] if is_table else []
    return rows + [count for child in node.get("children", []) for count in _scans(child)]


def test_the_base_of_these_tests_has_its_days(built_ledger):
    assert built_ledger.query("select count(distinct played_on) from core.fct_plays") == [(len(DAYS),)]
