"""The snippets of ``docs/connect.md``, run as a reader would paste them, over marts of a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SNIPPETS = re.findall(r"## ([^\n]+)\n(?:(?!## ).)*?```python\n(.*?)```", (ROOT / "docs/connect.md").read_text(), re.S)
MARTS = """
    create schema business; create schema operations;
    create table business.executive_summary_daily as select date '2026-01-01' as day, 5 as streams;
    create table business.executive_summary_weekly as
        select date '2026-01-05' as week, 'DE' as country, 5 as streams, cast(1.5 as decimal(18, 2)) as net_revenue_eur;
    create table business.artist_monthly as select 'Somebody' as artist_name, 5 as streams;
    create table operations.mart_health as select 'business.artist_monthly' as mart, 1 as row_count;
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("connect")
    run = folder / "var/published/2026-01-01-1"
    (run / "facts/fct_plays").mkdir(parents=True)
    (folder / "var/published/current").symlink_to(run.name)
    with duckdb.connect(str(run / "marts.duckdb")) as connection:
        connection.execute(MARTS)
        connection.execute(
            f"copy (select 'p' as play_id, date '2026-01-01' as played_on) to '{run}/facts/fct_plays' "
            "(format parquet, partition_by (played_on))"
        )
    (run / "marts.duckdb").chmod(0o444)
    return folder


def test_there_is_a_snippet_for_each_tool():
    assert [name for name, _ in SNIPPETS] == ["DuckDB", "pandas", "Polars", "Arrow, and facts as Parquet", "SQLAlchemy"]


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS)
def test_a_snippet_runs(published, name, snippet):
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=published, capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
