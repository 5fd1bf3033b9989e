"""The content hash that engines agree on: by hand, by DuckDB, by Spark; blind to order, not to anything else."""

from __future__ import annotations

import hashlib
import shutil

import pytest
from ledger_harness import Ledger, plays_of
from test_ledger_spark import build_on_spark, session, spark_sql, stop_spark

# Every type a published column has, with the values at which engines' texts part ways.
ROWS = """
select cast(1 as bigint) as id, 'text' as a_text, true as a_boolean, cast(0.05 as decimal(18, 2)) as money,
    cast(0.00000000001 as decimal(28, 11)) as fine, cast(0.1 as double) as a_double, date '2026-01-02' as a_day,
    cast('2026-01-02 03:04:05.678' as timestamp) as a_moment, 'x' as _dump_id
union all
select 2, 'naïve, ½ 東京 |-:', false, cast(-9.90 as decimal(18, 2)), cast(0 as decimal(28, 11)),
    cast(-0.0 as double), date '1969-12-31', cast('1969-12-31 23:59:59' as timestamp), 'y'
union all
select 3, '', cast(null as boolean), cast(null as decimal(18, 2)), cast(12345678.5 as decimal(28, 11)),
    cast(123456789.125 as double), cast(null as date), cast(null as timestamp), 'z'
union all
select 4, cast(null as varchar(10)), true, cast(0 as decimal(18, 2)), cast(-1 as decimal(28, 11)),
    cast(null as double), date '2026-01-02', cast('2026-01-02 00:00:00' as timestamp), null
"""
MODEL = "{{ config(materialized='whole') }}\n" + ROWS
FILE = "models/marts/business/every_type.sql"
HASHED = "select relation, {hash} from ops.contents where relation in ('every_type', 'fct_plays') group by relation"
DAYS = ("2026-01-01", "2026-01-02")
# By the description in macros/dialect/content_hash.sql, in order of name: a_boolean … money.
SHAPE = "a_boolean boolean,a_day date,a_double double,a_moment timestamp,a_text text,fine decimal(28,11),id integer,money decimal(18,2)"  # noqa: E501
TEXTS = [
    "true|2026-01-02|1.000000000e-01|1767323045678000|4:text|0.00000000001|1|0.05",
    "false|1969-12-31|0.000000000e+00|-1000000|15:naïve, ½ 東京 |-:|0.00000000000|2|-9.90",
    "-|-|1.234567891e+08|-|0:|12345678.50000000000|3|-",
    "true|2026-01-02|-|1767312000000000|-|-1.00000000000|4|0.00",
]


def by_hand(texts: list[str]) -> str:
    sums = [0, 0]
    for text in texts:
        digits = hashlib.md5(text.encode()).hexdigest()
        sums[0] += int(digits[:15], 16)
        sums[1] += int(digits[15:30], 16)
    shape = hashlib.md5(SHAPE.encode()).hexdigest()
    return hashlib.md5(f"{shape}:{sums[0]}:{sums[1]}:{len(texts)}".encode()).hexdigest()


@pytest.fixture
def project(tmp_path) -> Ledger:
    made = Ledger(tmp_path / "project")
    made.write(FILE, MODEL)
    for day in DAYS:
        made.land(day, plays_of(day))
        made.land(day, [("t1", "a1"), ("t2", "a2")], "tracks")
    return made


def hash_sql(project: Ledger) -> str:
    """The macro's text, rendered by dbt."""
    (compiled,) = project.dbt("compile", "--inline", "{{ content_hash_of_sums() }}").values()
    return compiled.node.compiled_code


def hashes(project: Ledger) -> dict[str, str]:
    return dict(project.query(HASHED.format(hash=hash_sql(project))))


def test_what_duckdb_says_is_what_the_description_says_and_changes_with_every_value(project):
    project.build()
    first = hashes(project)
    assert first["every_type"] == by_hand(TEXTS)
    project.edit(FILE, "select 3, ''", "select 3, ' '")
    project.build("--select", "every_type")
    newest = "(select * from ops.contents where output_hash in (select output_hash from ops.fresh)) as contents"
    changed = HASHED.format(hash=hash_sql(project)).replace("ops.contents", newest)
    assert dict(project.query(changed))["every_type"] == by_hand(
        [*TEXTS[:2], TEXTS[2].replace("|0:|", "|1: |"), TEXTS[3]]
    )


def test_only_new_days_are_hashed_and_days_add_up_to_the_whole(project):
    project.build()
    count = "select count(*) from ops.contents where relation = 'fct_plays'"
    assert project.query(count) == [(len(DAYS),)]
    project.land("2026-01-03", plays_of("2026-01-03"))
    project.build()
    assert project.query(count) == [(len(DAYS) + 1,)]
    split = hashes(project)["fct_plays"]
    at_once = Ledger(project.root.parent / "at_once", project)
    (at_once.home / "dev/warehouse.duckdb").unlink(missing_ok=True)
    shutil.copytree(project.home / "landing", at_once.home / "landing", dirs_exist_ok=True)
    at_once.build()
    assert hashes(at_once)["fct_plays"] == split


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_says_the_same(project):
    pytest.importorskip("dbt.adapters.spark", reason="the dependency group `spark` is not installed")
    try:
        project.build()
        build_on_spark(project)
        assert session() is not None
        sql = HASHED.format(hash=hash_sql(project)).replace("as TEXT", "as string")
        assert dict(map(tuple, spark_sql(sql))) == hashes(project)
    finally:
        stop_spark()
