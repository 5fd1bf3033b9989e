"""The repository's models as plain SQL on Spark, over what has landed in a DuckDB warehouse: for comparing the engines.

A model is SQL over all history, so Spark can make each from its compiled text: staging views over the landed rows, then
every model above them as a table. What DuckDB's warehouse holds came about night by night, in narrowed pieces; if the
rows are the same, both the dialect and the narrowing are right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

SELF_READ = "__made"
ROOT = Path(__file__).resolve().parent.parent.parent


def compiled_for_spark(home: Path, select: Iterable[str]) -> dict[str, Any]:
    """dbt's manifest with these models compiled for Spark."""
    target = home / "target-spark"
    command = [str(Path(sys.executable).with_name("dbt")), "compile", "--target", "spark", "--profiles-dir", str(ROOT)]
    command += ["--target-path", str(target), "--select", *select]
    env = {**os.environ, "NIGHTSHIFT_HOME": str(home), "DBT_LOG_PATH": str(home / "logs")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    return json.loads((target / "manifest.json").read_text())


class SparkModels:
    """A Spark session that makes models from the landing of a DuckDB warehouse."""

    def __init__(self, manifest: dict[str, Any], warehouse: Path, folder: Path) -> None:
        from pyspark.sql import SparkSession

        self.nodes = {
            node["name"]: node
            for node in manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed") and (node["resource_type"] == "seed" or node.get("compiled"))
        }
        self.sources = {source["identifier"]: source for source in manifest["sources"].values()}
        self.folder = folder
        self.duckdb = duckdb.connect(str(warehouse), read_only=True)
        self.duckdb.execute("set TimeZone = 'UTC'")
        settings = {
            "spark.sql.warehouse.dir": str(folder / "spark-warehouse"),
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "1",
            "spark.default.parallelism": "1",
            "spark.ui.enabled": "false",
            "spark.driver.memory": "1500m",
            "spark.log.level": "ERROR",
        }
        builder = SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.spark = builder.getOrCreate()
        self.made: set[str] = set()
        self.schemas: set[str] = set()

    def stop(self) -> None:
        """End the session."""
        self.spark.stop()
        self.duckdb.close()

    def make(self, name: str, only: Iterable[str]) -> None:
        """A model from its SQL; one not among ``only``, a seed or a landed table as DuckDB's warehouse has it."""
        node = self.nodes[name]
        relation = f"{node['schema']}.{node['alias']}"
        if relation in self.made:
            return
        self.made.add(relation)
        self._schema(node["schema"])
        if node["resource_type"] == "seed" or node["original_file_path"] not in only:
            self._copy(relation)
            return
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith("source."):
                source = next(s for s in self.sources.values() if s["unique_id"] == parent)
                self._copy(f"{source['schema']}.{source['identifier']}")
            else:
                self.make(parent.split(".")[-1], only)
        if "self" in node["config"].get("reads", {}):
            # Of what is built on itself, day by day, the rows that DuckDB has must come out of themselves again
            self._copy(relation)
            relation += SELF_READ
        is_view = node["config"]["materialized"] == "view"
        kind = "view" if is_view else "table"
        self.spark.sql(f"create {kind} {relation} {'' if is_view else 'using parquet '}as {node['compiled_code']}")

    def _schema(self, name: str) -> None:
        if name not in self.schemas:
            self.schemas.add(name)
            self.spark.sql(f"create schema {name}")

    def _copy(self, relation: str) -> None:
        """What DuckDB sees under this name, as a Spark table."""
        schema = relation.split(".")[0]
        file = self.folder / f"{relation}.parquet"
        if not file.exists():
            self._schema(schema)
            self.duckdb.execute(f"copy (from {relation}) to '{file}' (format parquet)")
            self.spark.sql(f"create table {relation} using parquet location '{file}'")

    def columns(self, relation: str) -> list[str]:
        """Its columns but those of lineage."""
        described = self.duckdb.execute(f"select * from {relation} limit 0").description
        return sorted(column[0] for column in described if not column[0].startswith("_"))

    def differences(self, name: str, where: str = "true") -> list[str]:
        """The first rows of a model that only one of the engines has, of those ``where`` both are to have them."""
        node = self.nodes[name]
        relation = f"{node['schema']}.{node['alias']}"
        columns = ", ".join(self.columns(relation))
        made = relation + (SELF_READ if "self" in node["config"].get("reads", {}) else "")
        wanted = f"select {columns} from {{}} where {where}".format
        here = sorted(str(tuple(row)) for row in self.spark.sql(wanted(made)).collect())
        there = sorted(str(row) for row in self.duckdb.execute(wanted(relation)).fetchall())
        if here == there:
            return []
        ours, theirs = set(here), set(there)
        return [columns, f"{len(here)} on Spark, {len(there)} on DuckDB"] + [
            f"{engine}: {row}"
            for engine, rows in (("Spark", ours - theirs), ("DuckDB", theirs - ours))
            for row in sorted(rows)[:3]
        ]
