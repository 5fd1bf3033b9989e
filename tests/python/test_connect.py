"""The snippets of ``docs/connect.md``, run as a reader would paste them, over marts of a test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from compiled import target

ROOT = Path(__file__).resolve().parent.parent.parent
SECTIONS = re.split(r"^## ", (ROOT / "docs/connect.md").read_text(), flags=re.M)[1:]
SNIPPETS = [
    (section.split("\n", 1)[0], language, snippet)
    for section in SECTIONS
    for language, snippet in re.findall(r"```(python|sh)\n(.*?)```", section, re.S)
]
WEEKLY = """
    select date '2026-01-05' as week, 'DE' as country, 5 as streams, cast(1.5 as decimal(18, 2)) as net_revenue_eur
"""
MARTS = f"""
    create schema business; create schema core; create schema operations;
    create table core.fct_listener_sketches as
        select date '2026-01-05' as played_on, 'DE' as country, '0cc' as sketch_bucket, 4 as sketch_rank;
    create table business.executive_summary_daily as select date '2026-01-06' as day, 5 as streams;
    create table business.executive_summary_weekly as {WEEKLY};
    create table business.artist_monthly as select 'Somebody' as artist_name, 5 as streams;
    create table business.revenue_eur_daily as
        select date '2026-01-05' as revenue_on, 'DE' as country, 'individual' as plan_code,
            cast(0.1 as decimal(18, 2)) as net_revenue_eur
        union all select date '2026-01-06', 'DE', 'individual', cast(0.2 as decimal(18, 2));
    create table business.discovery_daily as
        select date '2026-01-05' as played_on, 'DE' as country, 'individual' as plan_code, 'radio' as context,
            cast(7 as bigint) as streams;
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
    with duckdb.connect(str(run / "business.duckdb")) as connection:
        connection.execute(f"create table executive_summary_weekly as {WEEKLY}")
    (folder / "var/target").mkdir()
    shutil.copy(target() / "semantic_manifest.json", folder / "var/target")
    for file in run.glob("*.duckdb"):
        file.chmod(0o444)
    for part in ("nightshift", ".venv", "scripts"):
        (folder / part).symlink_to(ROOT / part)
    return folder


def test_there_is_a_snippet_for_each_tool():
    assert [(name, language) for name, language, _ in SNIPPETS] == [
        ("DuckDB", "python"),
        ("pandas", "python"),
        ("Polars", "python"),
        ("Arrow, and facts as Parquet", "python"),
        ("SQLAlchemy", "python"),
        ("ADBC", "python"),
        ("CSV, for a spreadsheet or R", "sh"),
        ("CSV, for a spreadsheet or R", "python"),
        ("Different people over any days", "python"),
    ]


@pytest.mark.parametrize(("name", "snippet"), [(name, text) for name, language, text in SNIPPETS if language != "sh"])
def test_a_snippet_runs(published, name, snippet):
    done = subprocess.run([sys.executable, "-c", snippet], cwd=published, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_file_for_a_spreadsheet_is_exact(published):
    """Metrics of two marts, as the shell's snippet asks for them."""
    (snippet,) = (snippet for _, language, snippet in SNIPPETS if language == "sh")
    env = {**os.environ, "NIGHTSHIFT_HOME": str(published / "var")}
    subprocess.run(["sh", "-ec", snippet], cwd=published, check=True, env=env)
    rows = (published / "net_revenue.csv").read_text().splitlines()
    assert rows == ["month,country,net_revenue,streams", "2026-01-01,DE,0.30,7"]
