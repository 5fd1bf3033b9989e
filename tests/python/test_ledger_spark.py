"""The same models on Spark: nights with late plays, ties and corrected snapshots, row for row what DuckDB has."""

from __future__ import annotations

import shutil

import pytest
from ledger_harness import QUIET, UNTESTED, Ledger, inside, plays_of

from scripts.spark import list_manifests

MODELS = {
    "core": ["fct_plays", "track_changes", "dim_track"],
    "business": ["listening_daily", "listening_monthly", "listeners_weekly", "artist_daily", "plays_so_far"],
}
TIES = [("tie", "u1", "t1", 40_000, "2026-01-02"), ("tie", "u2", "t2", 40_000, "2026-01-02")]


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_three_nights_on_spark_are_three_nights_on_duckdb(tmp_path):
    pytest.importorskip("dbt.adapters.spark", reason="the dependency group `spark` is not installed")
    ledger = Ledger(tmp_path / "project")
    duckdb_says, spark_says = [], []
    try:
        for land in (first_night, second_night, third_night):
            land(ledger)
            duckdb_says.append(ledger.build())
            spark_says.append(build_on_spark(ledger))
            assert spark_says[-1] == duckdb_says[-1]
            assert spark_rows(ledger) == duckdb_rows(ledger)
        assert build_on_spark(ledger) == ledger.build() == {}
        ledger.edit("models/marts/core/fct_plays.sql", "copy_number = 1", "copy_number = 1 and account_id <> 'u3'")
        assert build_on_spark(ledger) == ledger.build() != {}
        assert spark_rows(ledger) == duckdb_rows(ledger)
    finally:
        stop_spark()


def first_night(ledger: Ledger) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        ledger.land(day, plays_of(day))
        ledger.land(day, [("t1", "a1"), ("t2", "a2")], "tracks")


def second_night(ledger: Ledger) -> None:
    """Late plays, of which two are copies that differ; a track changes."""
    ledger.land("2026-01-04", [*plays_of("2026-01-04"), *TIES, *plays_of("2026-01-03")])
    ledger.land("2026-01-04", [("t1", "a1"), ("t2", "a3")], "tracks")


def third_night(ledger: Ledger) -> None:
    """A corrected dump of plays, a corrected snapshot, a day that is missing, a table that ships for the first time."""
    plays = next((ledger.home / "landing/playback/plays/dt=2026-01-01").iterdir()).name
    tracks = next((ledger.home / "landing/playback/tracks/dt=2026-01-02").iterdir()).name
    ledger.land("2026-01-06", plays_of("2026-01-01")[:2], supersedes=[plays], covers_on="2026-01-01")
    ledger.land("2026-01-06", [("t1", "a7")], "tracks", supersedes=[tracks], covers_on="2026-01-02")
    ledger.land("2026-01-06", plays_of("2026-01-06"))


def build_on_spark(ledger: Ledger) -> dict[str, list[str]]:
    """``dbt build --target spark``; the days each model wrote, as ``Ledger.build`` says it."""
    from dbt.cli.main import dbtRunner

    list_manifests(ledger.home)
    with inside(ledger.root, ledger.environment({})):
        before = spark_sql("select coalesce(max(sequence), 0) from ops.ledger")[0][0] if session() else 0
        done = dbtRunner().invoke(["build", "--target", "spark", "--target-path", "target-spark", *UNTESTED, *QUIET])
        bad = {r.node.name: r.message for r in getattr(done.result, "results", []) if r.status != "success"}
        assert done.success, f"{done.exception} {bad}"[:4000]
        rows = spark_sql(
            "select distinct model, coalesce(cast(day as string), 'whole') from ops.ledger "
            f"where sequence > {before} and model = relation and output_hash not in ('created', 'started') "
            "order by 1, 2"
        )
    result: dict[str, list[str]] = {}
    for model, day in rows:
        result.setdefault(model, []).append(day)
    return result


def spark_rows(ledger: Ledger) -> dict[str, list[str]]:
    found = {}
    for schema, names in MODELS.items():
        for name in names:
            columns = ", ".join(sorted(column for column in columns_of(ledger, name) if not column.startswith("_")))
            found[name] = sorted(str(tuple(row)) for row in spark_sql(f"select {columns} from {schema}.{name}"))
    return found


def duckdb_rows(ledger: Ledger) -> dict[str, list[str]]:
    found = {}
    for schema, names in MODELS.items():
        for name in names:
            columns = ", ".join(sorted(column for column in columns_of(ledger, name) if not column.startswith("_")))
            found[name] = sorted(str(row) for row in ledger.query(f"select {columns} from {schema}.{name}"))
    return found


def columns_of(ledger: Ledger, name: str) -> list[str]:
    return [row[0] for row in ledger.query(f"select column_name from duckdb_columns() where table_name = '{name}'")]


def session():
    """The session that dbt opened, in whichever thread (``getActiveSession`` knows the current thread's alone)."""
    from pyspark.sql import SparkSession

    return SparkSession._instantiatedSession


def spark_sql(query: str) -> list:
    return session().sql(query).collect()


def stop_spark() -> None:
    """Ends Java with the session: its working folder and its list of tables are those of the first one's project."""
    from pyspark import SparkContext

    if session() is not None:
        session().stop()
        SparkContext._gateway.shutdown()
        SparkContext._gateway.proc.stdin.close()
        SparkContext._gateway.proc.wait()
        SparkContext._gateway = SparkContext._jvm = None
