"""Two warehouses compared: rows, cells, sums and promises, on tables small enough to count by hand."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from scripts.comparing.contracts import contract_changes
from scripts.comparing.differences import Sum, compare, keys_by_name, keys_of
from scripts.comparing.telling import as_markdown, as_page, as_text

LEDGER = (
    "create schema ops; create table ops.fresh (relation varchar, day date, output_hash varchar); create schema core;"
)
BEFORE = """
    create table core.sales as
    select * from (values
        ('a', date '2026-01-01', 1.50::decimal(18, 2), 0.1::double, 'same'),
        ('b', date '2026-01-01', 2.00, 0.2, 'changes'),
        ('c', date '2026-01-02', 3.25, 0.3, 'goes'),
        ('d', date '2026-01-02', 4.00, 0.7, 'moves to another day'),
        ('e', date '2026-01-03', 5.00, 0.5, 'stands twice'),
        ('e', date '2026-01-03', 5.00, 0.5, 'stands twice')
    ) as rows (sale_id, sold_on, amount, share, note)
"""
AFTER = """
    create table core.sales as
    select * from (values
        ('f', date '2026-01-03', 6.10::decimal(18, 2), 0.6::double, 'comes'),
        ('e', date '2026-01-03', 5.00, 0.5, 'stands twice'),
        ('d', date '2026-01-01', 4.00, 0.7, 'moves to another day'),
        ('b', date '2026-01-01', 2.10, 0.2, 'changes'),
        ('a', date '2026-01-01', 1.50, 0.1 + 1e-16, 'same')
    ) as rows (sale_id, sold_on, amount, share, note)
"""


def mart(**more):
    plain = {
        "schema": "core",
        "name": "sales",
        "owner": "Sales",
        "domain": "core",
        "day": None,
        "materialized": "whole",
    }
    return {**plain, **more}


@pytest.fixture
def sides(tmp_path):
    """Makes the two files, each of what it is told."""

    def make(before: str, after: str):
        for side, sql in (("before", before), ("after", after)):
            (tmp_path / side).mkdir()
            with duckdb.connect(str(tmp_path / side / "warehouse.duckdb")) as connection:
                connection.execute(LEDGER + sql)
        return tmp_path / "before/warehouse.duckdb", tmp_path / "after/warehouse.duckdb"

    return make


def test_rows_are_matched_by_their_key_and_duplicates_count(sides):
    (found,) = compare(*sides(BEFORE, AFTER), [mart()], {"sales": ["sale_id"]})
    assert (found.added, found.removed, found.changed) == (1, 2, 2)
    assert (found.rows_before, found.rows_after) == (6, 5)
    assert found.changed_cells == {"sold_on": 1, "amount": 1}
    assert found.sums == [
        Sum("amount", Decimal("20.75"), Decimal("18.70")),
        Sum("share", Decimal("2.3"), Decimal("2.1")),
    ], "cent by cent, and binary fractions without their last digits"
    shown = {(example.kind, example.key["sale_id"]): example.cells for example in found.examples}
    assert set(shown) == {("changed", "b"), ("changed", "d"), ("added", "f"), ("removed", "c"), ("removed", "e")}
    assert shown["changed", "b"] == {"amount": (Decimal("2.00"), Decimal("2.10"))}


def test_a_view_that_spells_out_its_catalog_is_read_where_it_has_its_name(sides):
    view = "create view core.sold as select sale_id, amount from warehouse.core.sales;"
    marts = [mart(name="sold", materialized="view"), mart(), mart(name="gone", materialized="view")]
    both = sides(f"{BEFORE}; {view} create view core.gone as select 1 as one", f"{AFTER}; {view}")
    found = compare(*both, marts, {"sold": ["sale_id"]})
    assert [(d.mart, d.added, d.removed, d.changed) for d in found] == [
        ("core.sold", 1, 2, 1),
        ("core.sales", 3, 4, 0),
        ("core.gone", 0, 1, 0),
    ]


def test_without_a_key_a_row_is_there_or_not(sides):
    (found,) = compare(*sides(BEFORE, AFTER), [mart()], {})
    assert (found.added, found.removed, found.changed) == (3, 4, 0)
    assert "no key is promised" in "\n".join(as_text([found]))


def test_only_days_that_the_ledgers_tell_apart_are_read(sides):
    def ledger(*hashes):
        rows = ", ".join(f"('sales', date '2026-01-0{day}', '{output}')" for day, output in enumerate(hashes, 1))
        return f"; insert into ops.fresh values {rows}"

    before, after = sides(BEFORE + ledger("x", "y", "z"), AFTER + ledger("x", "other", "z"))
    (found,) = compare(before, after, [mart(day="sold_on")], {"sales": ["sale_id"]})
    assert found.days == ["2026-01-02"]
    assert (found.added, found.removed, found.changed) == (0, 2, 0)
    same_ledger, same_ledger_again = before, before
    assert compare(same_ledger, same_ledger_again, [mart(day="sold_on")], {"sales": ["sale_id"]}) == []


def test_columns_that_come_go_or_widen_are_told_and_make_no_row_differ(sides):
    before = (
        "create table core.sales as select 'a' as sale_id, 1.50::decimal(18, 2) as amount, 1 as gone, now() as _dump_id"
    )
    after = (
        "create table core.sales as select 'a' as sale_id, 1.50::decimal(18, 4) as amount, 2 as come, now() as _dump_id"
    )
    (found,) = compare(*sides(before, after), [mart()], {"sales": ["sale_id"]})
    assert (found.added, found.removed, found.changed) == (0, 0, 0)
    assert found.columns_added == {"come": "integer"} and found.columns_removed == {"gone": "integer"}
    assert found.columns_retyped == {"amount": ("decimal(18,2)", "decimal(18,4)")}


def test_marts_that_come_and_go_are_told_whole(sides):
    (found,) = compare(*sides("create table core.x as select 1 as n", AFTER), [mart()], {})
    assert (found.rows_before, found.rows_after, found.added) == (None, 5, 5)
    assert "new, 5 rows" in "\n".join(as_text([found]))


def test_the_same_is_told_as_text_markdown_and_page(sides):
    found = compare(*sides(BEFORE, AFTER.replace("'changes'", "'<b>|x'")), [mart()], {"sales": ["sale_id"]})
    text, markdown = "\n".join(as_text(found)), "\n".join(as_markdown(found))
    page = as_page("What differs", ["a note"], found)
    assert "1 added, 2 removed, 2 changed of 6 → 5 rows" in text
    assert "changed sale_id=b amount 2.00 → 2.10, note changes → <b>|x" in text
    assert "| amount | 1 | 20.75 | 18.70 | -2.05 |" in markdown and "<b>\\|x" in markdown
    assert "&lt;b&gt;|x" in page and "<b>|x" not in page and "20.75" in page


COLUMNS = {"sale_id": "varchar", "amount": "decimal(18, 2)", "pieces": "integer"}


def manifest(columns=COLUMNS, key=("sale_id",), not_null=(), model="sales", enforced=True, access="public"):
    node_id = f"model.x.{model}"
    nodes = {
        node_id: {
            "unique_id": node_id, "resource_type": "model", "name": model, "alias": model, "schema": "core",
            "fqn": ["x", "marts", "core", model], "access": access, "description": "",
            "config": {"contract": {"enforced": enforced}, "group": "core", "meta": {}},
            "columns": {name: {"data_type": kind, "description": ""} for name, kind in columns.items()},
        },
        "test.x.grain": {
            "resource_type": "test", "attached_node": node_id, "config": {"enabled": True}, "column_name": None,
            "test_metadata": {"name": "grain", "kwargs": {"columns": list(key)}},
        },
        "model.x.margin": {
            "unique_id": "model.x.margin", "resource_type": "model", "name": "margin", "alias": "margin",
            "schema": "finance", "fqn": ["x", "marts", "finance", "margin"], "access": "protected", "description": "",
            "columns": {},
            "config": {"contract": {"enforced": True}, "group": "finance", "meta": {}},
        },
    }  # fmt: skip
    for column in not_null:
        nodes[f"test.x.not_null_{column}"] = {
            "resource_type": "test", "attached_node": node_id, "config": {"enabled": True}, "column_name": column,
            "test_metadata": {"name": "not_null", "kwargs": {"column_name": column}},
        }  # fmt: skip
    report = {"name": "report", "type": "dashboard", "owner": {"name": "Analysts"}}
    groups = {"finance": {"name": "finance", "owner": {"name": "Finance"}}}
    children = {node_id: ["model.x.margin"], "model.x.margin": ["exposure.x.report"]}
    return {"nodes": nodes, "exposures": {"exposure.x.report": report}, "groups": groups, "child_map": children}


@pytest.mark.parametrize(
    ("after", "text", "is_breaking"),
    [
        ({"columns": {"sale_id": "varchar", "amount": "decimal(18, 2)"}}, "column pieces is gone", True),
        ({"columns": {**COLUMNS, "pieces": "varchar"}}, "column pieces is varchar, was integer", True),
        ({"columns": {**COLUMNS, "pieces": "bigint"}}, "column pieces is bigint, was integer", False),
        (
            {"columns": {**COLUMNS, "amount": "decimal(18,4)"}},
            "column amount is decimal(18,4), was decimal(18,2)",
            True,
        ),
        (
            {"columns": {**COLUMNS, "amount": "decimal(20,4)"}},
            "column amount is decimal(20,4), was decimal(18,2)",
            False,
        ),
        ({"columns": {**COLUMNS, "tax": "integer"}}, "column tax integer is new", False),
        ({"key": ("sale_id", "pieces")}, "its key is sale_id, pieces, was sale_id", True),
        ({"enforced": False}, "its contract is no longer enforced", True),
        ({"access": "protected"}, "other domains may no longer read it", True),
        ({"not_null": ()}, "column amount is no longer tested to be not null", True),
        ({"model": "sold"}, "the model is gone", True),
    ],
)
def test_a_promise_is_broken_for_those_who_read_it(after, text, is_breaking):
    changes = contract_changes(manifest(not_null=["amount"]), manifest(**{"not_null": ["amount"], **after}))
    found = {change.text: change for change in changes}
    assert found[text].is_breaking == is_breaking
    readers = ("dashboard report (Analysts)", "model margin (Finance)")
    assert found[text].readers == (readers if is_breaking else ())


def test_the_key_is_the_shortest_that_is_promised():
    assert keys_of(manifest(key=("a", "b")))["model.x.sales"] == ["a", "b"]
    assert contract_changes(manifest(), manifest()) == []
    switched_off = manifest()
    del switched_off["nodes"]["model.x.sales"]
    assert keys_by_name(switched_off) == {}, "its tests are in the manifest all the same"
