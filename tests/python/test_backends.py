"""The backends' YAML: what is refused, in which words, and that dbt's sources follow it."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from scripts import sources
from scripts.backends import ContractError, load, load_all
from scripts.home import PROJECT

BILLING = """
backend: billing
description: Invoices.
owner: {name: Billing team, email: billing@example.com}
tables:
  invoices:
    kind: log
    description: One row per version of an invoice.
    files: "invoices*.csv.gz"
    format: csv
    key: [invoice_id]
    version: updated_at
    event_at: issued_at
    control_totals: [amount]
    renamed: {total: amount}
    rules: {negative_amount: amount < 0}
    columns:
      invoice_id: {type: varchar, description: The invoice.}
      account_id: {type: varchar, person: true}
      email: {type: varchar, personal: vault}
      email_hash: {type: varchar, personal: hash, of: email, normalise: email}
      issued_at: {type: timestamp}
      updated_at: {type: timestamp}
      amount: {type: "decimal(18, 2)", currency: currency}
      currency: {type: varchar}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "backends").mkdir()
    (tmp_path / "backends" / "billing.yml").write_text(BILLING)
    return tmp_path


def test_a_backend_is_read(project):
    table = load(project / "backends" / "billing.yml").tables["invoices"]
    assert [c.name for c in table.columns if c.required] == ["invoice_id", "issued_at"]
    assert table.column("amount").type == "decimal(18,2)"
    assert [c.name for c in table.vaulted] == ["email"]
    assert "email" not in [c.name for c in table.landed]
    assert [c.name for c in table.landed][-7:] == [
        "_event_at", "_event_on", "_covers_on", "_arrived_on", "_dump_id", "_source_file", "_source_line",
    ]  # fmt: skip
    assert "email_hash" not in [c.name for c in table.shipped]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: log", "kind: logs", "billing.yml invoices: kind 'logs' is none of snapshot, log, commitment"),
        ("event_at: issued_at", "", "billing.yml invoices: a log needs event_at"),
        ("version: updated_at", "version: changed_at", "billing.yml invoices: version names column 'changed_at'"),
        ("person: true", "person: yep", "billing.yml invoices account_id: person must be true or false, is 'yep'"),
        ("person: true", "persn: true", "billing.yml invoices account_id: unknown key 'persn'"),
        ('"decimal(18, 2)"', "money", "billing.yml invoices amount: type 'money' is none of"),
        ('"decimal(18, 2)"', '"decimal(39,2)"', "billing.yml invoices amount: type 'decimal(39,2)': a decimal has"),
        ('"decimal(18, 2)"', "double", "billing.yml invoices: control_totals: amount must be a decimal"),
        ("currency: currency", "currency: curency", "column amount: currency names column 'curency'"),
        ("backend: billing", "backend: biling", "file and backend must have the same name"),
        ("      currency: {", "      amount: {", "'amount' stands twice"),
        ("      currency: {", "      off: {", "key False is no text"),
        ("{total: amount}", "{total: sum}", "renamed: total names column 'sum'"),
        ('files: "invoices*.csv.gz"', "", "needs files"),
        ("person: true", "personal: vault", "none with person: true"),
        ("owner: {name: Billing team, ", "owner: {", "billing.yml owner: name is missing"),
        ("tables:\n", "tables: [\n", "not YAML"),
    ],
)
def test_what_is_wrong_is_named(project, old, new, said):
    path = project / "backends" / "billing.yml"
    assert old in BILLING
    path.write_text(BILLING.replace(old, new))
    with pytest.raises(ContractError) as error:
        load(path)
    assert said in str(error.value)
    assert error.value.code == 2


def test_sources_follow_the_yaml(project):
    generated = [project / "models/staging/billing/_billing__sources.yml", project / "macros/rules/billing.sql"]
    assert sources.outdated(project) == generated
    run = CliRunner().invoke(sources.sources, ["--check", "--project", str(project)])
    assert run.exception.code == 4, "missing: out of date"
    sources.write(project)
    assert sources.outdated(project) == []
    source = yaml.safe_load((project / "models/staging/billing/_billing__sources.yml").read_text())["sources"][0]
    table = source["tables"][0]
    assert (source["schema"], table["identifier"]) == ("landing", "billing__invoices")
    meta = table["config"]["meta"]
    assert meta["rules"] == {"negative_amount": "amount < 0"}
    assert meta["freshness"] == {"warn_after_days": 2, "error_after_days": 7}
    columns = {c["name"]: c for c in table["columns"]}
    assert columns["amount"]["data_type"] == "decimal(18,2)"
    assert columns["account_id"]["config"]["meta"] == {"personal": "pseudonym"}
    assert "email" not in columns
    assert columns["_dump_id"]["data_type"] == "varchar"
    path = project / "backends" / "billing.yml"
    path.write_text(BILLING.replace("The invoice.", "The bill."))
    assert len(sources.outdated(project)) == 1
    path.write_text(BILLING.replace("amount < 0", "amount <= 0"))
    assert sources.outdated(project) == generated
    sources.write(project)
    assert '"negative_amount": "amount <= 0"' in generated[1].read_text()
    path.unlink()
    assert sorted(sources.outdated(project)) == sorted(generated), "a backend that is gone leaves nothing behind"


def test_the_repositorys_own_sources_are_up_to_date():
    for project in (PROJECT, PROJECT / "examples" / "chinook"):
        load_all(project / "backends")
        assert sources.outdated(project) == [], "run ./nightshift sources"
