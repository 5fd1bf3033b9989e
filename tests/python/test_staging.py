"""Staging: its text follows the backends' YAML, every row goes one way, and what is wrong stops what is built on it."""

from __future__ import annotations

import re
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from compiled import BACKENDS, Models, manifest
from hypothesis import given, settings
from hypothesis import strategies as st
from landing_writer import write_dump
from ledger_harness import ROOT, Ledger

TABLES = {table.label: table for backend in BACKENDS.values() for table in backend.tables.values()}
LINEAGE = ["_arrived_on", "_dump_id", "_source_file", "_source_line"]
BUILD = [
    "build",
    "--exclude-resource-type",
    "unit_test",
    "--select",
    "stg_billing__payments",
    "stg_billing__plans",
    "stg_billing__prices",
    "takings",
    "fct_quarantine",
]
TAKINGS = """
select attempted_on, currency, sum(amount) as amount
from {{ ref('stg_billing__payments') }}
group by attempted_on, currency
"""


def staged_columns(table) -> list[tuple[str, str]]:
    """Names and types that the staging view of a table should have: the convention, spelled once more."""
    columns = [(c.name, c.landed_type) for c in table.columns if c.landed]
    if table.kind == "snapshot":
        columns.append(("snapshot_on", "date"))
    elif table.clock:
        columns += [("played_at", "timestamp"), ("played_on", "date")]
    elif table.column(table.event_at).type == "timestamp":
        columns.append((table.event_at.removesuffix("_at") + "_on", "date"))
    types = {c.name: c.type for c in table.landed}
    return columns + [(name, types[name]) for name in LINEAGE]


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


@pytest.mark.parametrize("label", TABLES)
def test_a_staging_view_follows_the_yaml_of_its_backend(models, label):
    table = TABLES[label]
    node = manifest()["nodes"][f"model.nightshift.stg_{table.identifier}"]
    assert node["config"]["materialized"] == "view"
    assert node["depends_on"]["nodes"] == [f"source.nightshift.{label}"], (
        "a staging view reads its table and nothing else"
    )
    assert [(c["name"], c["data_type"]) for c in node["columns"].values()] == staged_columns(table)
    assert all(column["description"] for column in node["columns"].values())
    assert node["description"].startswith("One row per ")
    described = models.connection.execute(f"describe {node['compiled_code']}").fetchall()
    assert [(row[0], row[1].lower()) for row in described] == staged_columns(table)
    text = (ROOT / node["original_file_path"]).read_text()
    backend, name = label.split(".")
    ending = (
        f"from {{{{ source('{backend}', '{name}') }}}}\nwhere {{{{ broken_rule('{backend}', '{name}') }}}} is null\n"
    )
    assert text.endswith(ending), "only rows that break a rule stay out"
    select = text.removesuffix(ending)
    assert re.fullmatch(r"select\n(    \w+( as \w+)?,\n)*    \w+\n", select), "columns, and nothing computed"


def test_each_staging_view_is_held_to_its_contract():
    tested = {n["attached_node"] for n in manifest()["nodes"].values() if n["name"].startswith("keeps_its_contract")}
    assert tested == {f"model.nightshift.stg_{table.identifier}" for table in TABLES.values()}


def test_each_rule_has_a_unit_test():
    tested = {test["model"] for test in manifest()["unit_tests"].values()}
    assert {f"stg_{table.identifier}" for table in TABLES.values() if table.rules} <= tested


VALUES = {
    "varchar": st.sampled_from(["a", "paid", "open", "succeeded", "proration", "subscription", "merge", ""]),
    "boolean": st.booleans(),
    "integer": st.integers(-2, 2),
    "bigint": st.integers(-2, 2),
    "date": st.dates(date(2026, 1, 1), date(2026, 1, 3)),
    "timestamp": st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 1, 0, 0, 2)),
}
RULED = [label for label, table in TABLES.items() if table.rules]


def value_of(column):
    """Values near the borders of rules, or none at all."""
    amount = st.decimals(-1, 2, places=min(column.scale or 0, 2)).map(lambda number: Decimal(number))
    known = VALUES.get(column.landed_type, amount)
    return st.none() | known


@pytest.mark.parametrize("label", RULED)
def test_every_row_is_staged_or_breaks_a_rule(models, label):
    table = TABLES[label]
    view = models.nodes[f"stg_{table.identifier}"]["compiled_code"]
    rules = " ".join(f"when {condition} then '{name}'" for name, condition in table.rules.items())
    row = st.fixed_dictionaries({c.name: value_of(c) for c in table.landed if not c.name.startswith("_")})

    @settings(max_examples=15, deadline=None)
    @given(st.lists(row, min_size=1, max_size=12))
    def check(rows):
        models.clear()
        event = (
            {table.event_at: "2026-01-01", "_event_at": "2026-01-01"}
            if table.event_at
            else {"_covers_on": "2026-01-01"}
        )
        models.insert(label, [{**row, **event} for row in rows])
        staged = models.connection.execute(f"select _source_line from ({view})").fetchall()
        broken = models.connection.execute(
            f"select _source_line from landing.{table.identifier} where case {rules} end is not null"
        ).fetchall()
        lines = [(line,) for line in range(1, len(rows) + 1)]
        assert sorted(staged + broken) == lines

    check()


# The whole of it, in a project of its own: billing's real staging views, a table built on one, and fct_quarantine.


class Staging(Ledger):
    """A copy of what billing needs of the project, with its own landing and warehouse."""

    def __init__(self, root: Path, base: Staging | None = None):
        self.root, self.home = root, root / "var"
        self.manifest = base.manifest if base else None
        if base:
            shutil.copytree(base.root, root, dirs_exist_ok=True)
            return
        for file in ("dbt_project.yml", "profiles.yml", "models/columns.md", "models/groups.yml"):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, root / file)
        for folder in ("macros", "tests/generic", "models/staging/billing"):
            shutil.copytree(ROOT / folder, root / folder)
        (root / "models/marts/operations").mkdir(parents=True)
        for file in ("fct_quarantine.sql", "fct_quarantine.yml", "_operations__sources.yml"):
            shutil.copy(ROOT / "models/marts/operations" / file, root / "models/marts/operations")
        for folder in ("landing", "dev", "warehouse", "spill"):
            (self.home / folder).mkdir(parents=True)
        self.write("models/intermediate/takings.sql", "{{ config(materialized='whole') }}" + TAKINGS)

    def ship(self, arrived_on: str, rows: list[dict], table: str = "billing.payments", **more) -> str:
        """Lands a dump."""
        return write_dump(self.home / "landing", table, arrived_on, rows, **more)

    def takings(self) -> Decimal:
        """What the table built on payments says."""
        return self.query("select sum(amount) from intermediate.takings")[0][0]

    def quarantine(self) -> list[tuple]:
        """What fct_quarantine says."""
        return self.query(
            "select table_name, cast(arrived_on as varchar), layer, reason, rows_quarantined, rows_arrived "
            "from operations.fct_quarantine order by all"
        )

    def broken_promises(self) -> list[tuple]:
        """Builds, expecting a contract not kept; the failing rows of the tests, and what was not built for it."""
        results = self.dbt(*BUILD, expect=False)
        failed = [result for result in results.values() if result.status == "fail"]
        skipped = {name for name, result in results.items() if result.status == "skipped"}
        assert failed and all(result.node.name.startswith("keeps_its_contract") for result in failed)
        rows = [row for result in failed for row in self.query(result.node.compiled_code)]
        assert ("takings" in skipped) == any("payments" in result.node.name for result in failed), (
            "only what is built on it waits"
        )
        assert results["fct_quarantine"].status == "success", "what is in quarantine is to be seen all the same"
        return sorted((dump_id, sentence, expected, found) for _, dump_id, sentence, expected, found in rows)


def pays(number: int, amount: str = "10.00", **more) -> dict:
    """A payment."""
    row = {
        "payment_id": f"p{number}",
        "invoice_id": f"i{number}",
        "account_id": "a",
        "amount": amount,
        "currency": "EUR",
        "result": "succeeded",
        "attempted_at": "2026-01-05 10:00:00",
        "updated_at": "2026-01-05 10:00:00",
    }
    return {**row, **more}


@pytest.fixture(scope="module")
def built_staging(tmp_path_factory) -> Staging:
    """A day of 300 payments of which two break rules and one could not be read."""
    base = Staging(tmp_path_factory.mktemp("staging") / "base")
    rows = [pays(i) for i in range(300)] + [pays(301, "-10.00"), pays(302, result="odd")]
    base.ship("2026-01-05", rows, refused={"amount: not a number": 1}, declared={"rows": 303})
    base.ship("2026-01-05", [{"plan_code": "free"}, {"plan_code": "family"}], "billing.plans")
    base.parse()
    base.dbt(*BUILD)
    return base


@pytest.fixture
def staging(built_staging, tmp_path) -> Staging:
    return Staging(tmp_path / "project", built_staging)


def test_what_breaks_a_rule_is_kept_out_and_counted(staging):
    assert staging.takings() == 3000
    assert staging.quarantine() == [
        ("payments", "2026-01-05", "door", "amount: not a number", 1, 303),
        ("payments", "2026-01-05", "staging", "negative_amount", 1, 303),
        ("payments", "2026-01-05", "staging", "unknown_result", 1, 303),
    ]


def test_a_dump_is_counted_once(staging):
    counts = "select (select count(*) from ops.sifted), (select count(*) from ops.staged)"
    before, sequence = staging.query(counts), staging.last_sequence()
    staging.dbt(*BUILD)
    assert staging.query(counts) == before
    assert staging.rebuilt(sequence) == {}, "nothing new, nothing rebuilt"


def test_a_view_that_somebody_dropped_is_made_again(staging):
    staging.execute("drop view staging.stg_billing__plans")
    staging.dbt(*BUILD)
    views = "select view_name from duckdb_views() where schema_name = 'staging' and view_name like '%plans'"
    assert staging.query(views) == [("stg_billing__plans",)]


def test_too_much_in_quarantine_stops_what_is_built_on_it_until_a_corrected_dump_comes(staging):
    bad = staging.ship("2026-01-06", [pays(i) for i in range(400, 494)] + [pays(i, "-1.00") for i in range(494, 500)])
    staging.ship("2026-01-06", [pays(500)])
    assert staging.broken_promises() == [(None, "no more rows are quarantined than allowed", 5, 6)]
    assert staging.takings() == 3000, "as it was"
    assert ("payments", "2026-01-06", "staging", "negative_amount", 6, 101) in staging.quarantine()
    staging.ship("2026-01-07", [pays(i) for i in range(400, 500)], covers_on="2026-01-06", supersedes=[bad])
    staging.dbt(*BUILD)
    assert staging.takings() == 4010
    assert len(staging.quarantine()) == 3, "the dump that was replaced is in nobody's way"


def test_a_handful_on_a_thin_day_of_a_log_stops_nothing_and_in_a_snapshot_it_does(staging):
    staging.ship("2026-01-06", [pays(400), *(pays(i, "-1.00") for i in range(401, 406))])
    prices = [
        {"plan_code": code, "country": "DE", "valid_from": "2026-01-01", "amount": amount}
        for code, amount in (("a", 1), ("b", -1))
    ]
    staging.ship("2026-01-06", prices, "billing.prices")
    assert staging.broken_promises() == [(None, "no more rows are quarantined than allowed", 0, 1)]
    assert staging.takings() == 3010


def test_lines_refused_at_the_door_count_against_the_threshold(staging):
    staging.ship("2026-01-06", [pays(i) for i in range(400, 500)], refused={"not UTF-8": 4, "NUL byte": 3})
    assert staging.broken_promises() == [(None, "no more rows are quarantined than allowed", 5, 7)]


def test_what_the_source_declared_and_did_not_ship_stops_it_unless_people_accept_the_dump(staging):
    dump_id = staging.ship("2026-01-06", [pays(400)], declared={"rows": 2, "amount": "20.00"})
    assert staging.broken_promises() == [
        (dump_id, "the amount that the source declared came to the door", 20, 10),
        (dump_id, "the rows that the source declared came to the door", 2, 1),
    ]
    path = staging.root / "models/staging/billing/_billing__sources.yml"
    sources = yaml.safe_load(path.read_text())
    payments = next(table for table in sources["sources"][0]["tables"] if table["name"] == "payments")
    payments["config"]["meta"]["accepted"] = [dump_id]
    staging.write(path.relative_to(staging.root), yaml.dump(sources))
    staging.dbt(*BUILD)
    assert staging.takings() == 3010


def test_a_staging_view_that_loses_rows_is_found_out(staging):
    staging.edit("models/staging/billing/stg_billing__payments.sql", "is null\n", "is null and payment_id <> 'p7'\n")
    (dump_id, *rows), (_, *amount) = staging.broken_promises()
    assert rows == ["the amount that landed are staged or quarantined", 3000, 2990]
    assert amount == ["the rows that landed are staged or quarantined", 302, 301]
    assert dump_id


def test_a_key_that_stands_twice_in_a_snapshot_stops_it(staging):
    dump_id = staging.ship("2026-01-06", [{"plan_code": "free"}, {"plan_code": "free"}], "billing.plans")
    assert staging.broken_promises() == [(dump_id, "a snapshot holds each key once", 2, 1)]


def test_a_changed_rule_is_in_force_for_all_of_history(staging):
    staging.edit(
        "macros/rules/billing.sql", '"negative_amount": "amount < 0",\n      "unknown_result"', '"unknown_result"'
    )
    path = "models/staging/billing/_billing__sources.yml"
    text = (staging.root / path).read_text()
    payments = text.index("- name: payments")
    changed = text[:payments] + text[payments:].replace("              negative_amount: amount < 0\n", "", 1)
    staging.write(path, changed)
    staging.dbt(*BUILD)
    assert staging.takings() == 2990, "the negative payment is let in"
    assert [row[3] for row in staging.quarantine()] == ["amount: not a number", "unknown_result"]
