"""Staging, core and business on Spark: every row as DuckDB has it after three nights, with late plays and ties."""

from __future__ import annotations

import shutil

import pytest
from sample_world import Nights
from spark_models import SparkModels, compiled_for_spark

from scripts.simulate import write_days
from scripts.simulator.settings import Settings, Target

SMALL = Settings(seed=7, days=16, members=120, artists=100, tracks=300, plays_per_day=200, hourly_days=1)
NIGHTS = (9, 12, 15)
FOLDERS = ("models/staging", "models/intermediate/core", "models/intermediate/business", "models/marts/core",
           "models/marts/business")  # fmt: skip


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_every_mart_is_on_spark_what_three_nights_made_of_it_on_duckdb(tmp_path, monkeypatch):
    pytest.importorskip("dbt.adapters.spark", reason="the dependency group `spark` is not installed")
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTSHIFT_PSEUDONYM_SEED", "test")
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY", "22" * 32)
    nights = Nights(tmp_path, SMALL)
    write_days(SMALL, Target(tmp_path / "inbox", tmp_path / "truth"), range(SMALL.days), workers=1)
    for last in NIGHTS:
        nights.arrive(last)
        nights.build("--exclude-resource-type", "test")
    assert nights.query("select count(*) > 0 from core.fct_plays where received_at >= played_on + 2") == [(True,)]
    manifest = compiled_for_spark(tmp_path, ("+models/marts/core", "+models/marts/business"))
    spark = SparkModels(manifest, tmp_path / "dev/warehouse.duckdb", tmp_path)
    # The hour's marts are enabled on two of DuckDB's targets alone, and so are the words about them.
    names = ", ".join(f"'{node['alias']}'" for node in manifest["nodes"].values() if node["resource_type"] == "model")
    common = {"data_dictionary": f"mart_name in ({names})"}
    try:
        portable = {
            n["original_file_path"] for n in spark.nodes.values() if n["original_file_path"].startswith(FOLDERS)
        }
        different, compared = {}, 0
        for name, node in sorted(spark.nodes.items()):
            if node["original_file_path"] not in portable:
                continue
            spark.make(name, portable)
            if node["config"]["materialized"] != "view":
                compared += 1
                if found := spark.differences(name, common.get(name, "true")):
                    different[name] = found
        assert different == {}
        assert compared > 60
    finally:
        spark.stop()
