"""The project's own rules: each is seen to be broken by a model that breaks it, and the project keeps them all."""

from __future__ import annotations

import copy

import pytest
from click.testing import CliRunner
from compiled import manifest

from scripts import rules
from scripts.pages import Page, pages
from scripts.rules import RULES, exported, findings, unexcused

MODEL = {
    "resource_type": "model", "name": "fct_things", "unique_id": "model.nightshift.fct_things",
    "fqn": ["nightshift", "marts", "core", "fct_things"],
    "original_file_path": "models/marts/core/fct_things.sql", "description": "One row per thing.",
    "raw_code": "select 1",
    "config": {"group": "core", "contract": {"enforced": True}, "access": "public", "meta": {}},
    "columns": {"price_amount": {"name": "price_amount", "description": "Price.", "data_type": "decimal(18,2)"}},
    "depends_on": {"nodes": ["model.nightshift.stg_shop__things"]},
}  # fmt: skip
STAGING = {
    **copy.deepcopy(MODEL), "name": "stg_shop__things", "unique_id": "model.nightshift.stg_shop__things",
    "fqn": ["nightshift", "staging", "shop", "stg_shop__things"],
    "depends_on": {"nodes": ["source.nightshift.shop.things"]},
}  # fmt: skip
OTHER = {
    **copy.deepcopy(MODEL), "name": "secret", "unique_id": "model.nightshift.secret",
    "fqn": ["nightshift", "marts", "risk", "secret"],
    "config": {**MODEL["config"], "access": "protected"},
}  # fmt: skip


def project(**changes):
    """The manifest of a project that keeps all rules, but for what is changed in its fact (and staging view)."""
    nodes = {n["unique_id"]: copy.deepcopy(n) for n in (MODEL, STAGING, OTHER)}
    nodes["model.nightshift.stg_shop__things"]["depends_on"]["nodes"] = changes.pop(
        "staging_reads", ["source.nightshift.shop.things"]
    )
    tests = changes.pop("tests", ["grain"])
    for key, value in changes.items():
        nodes["model.nightshift.fct_things"][key] = value
    for model in ("fct_things", "secret"):
        for test in tests if model == "fct_things" else ["grain"]:
            nodes[f"test.{test}_{model}"] = {
                "resource_type": "test", "attached_node": f"model.nightshift.{model}", "test_metadata": {"name": test},
            }  # fmt: skip
    return {
        "nodes": nodes,
        "sources": {
            "source.nightshift.shop.things": {
                "resource_type": "source",
                "name": "things",
                "source_name": "shop",
                "unique_id": "source.nightshift.shop.things",
            }
        },
        "exposures": {},
        "metrics": {},
        "groups": {"group.core": {"name": "core", "owner": {"name": "Data platform"}}},
        "unit_tests": {"one": {"model": changes.get("unit_tested", "fct_things")}, "two": {"model": "secret"}},
    }


BREAKS = {
    "a_model_lies_in_a_layer_and_a_domain": {"fqn": ["nightshift", "fct_things"]},
    "a_name_says_its_role": {"name": "things"},
    "only_staging_reads_a_landed_table": {"depends_on": {"nodes": ["source.nightshift.shop.things"]}},
    "a_domain_reads_core_itself_and_what_is_public": {"depends_on": {"nodes": ["model.nightshift.secret"]}},
    "nothing_is_read_by_name": {"raw_code": "select * from core.fct_plays where a is distinct from b.c"},
    "a_join_to_spans_is_hashed": {
        "raw_code": "select 1 from a left join b on d >= b.valid_from and (d < b.valid_to or b.valid_to is null)"
    },
    "a_model_can_be_read_at_once": {"raw_code": "\n".join(["select 1"] * 121)},
    "a_description_says_the_grain": {"description": "Things."},
    "a_mart_has_an_owner": {"config": {**MODEL["config"], "group": "nobody"}},
    "a_mart_keeps_a_contract": {"columns": {"name": {"name": "name", "description": "", "data_type": "varchar"}}},
    "a_mart_is_tested_on_its_grain": {"tests": ["not_null"]},
    "a_mart_has_a_unit_test": {"unit_tested": "another"},
    "money_is_exact": {
        "columns": {"price_amount": {"name": "price_amount", "description": "Price.", "data_type": "double"}}
    },
    "a_business_mart_says_what_it_is_for": {"fqn": ["nightshift", "marts", "business", "fct_things"]},
    "business_marts_join_backends": {"fqn": ["nightshift", "marts", "business", "fct_things"]},
    "who_reads_the_marts_is_known": {
        "name": "audience_things", "original_file_path": "campaigns/things/audience_things.sql",
    },
}  # fmt: skip
SUMS = [
    'data.read("select sum(streams) as streams from core.fct_things")',
    'data.read("select streams / 2 as half from core.fct_things")',
    'data.read("select cast(streams as double) as streams from core.fct_things")',
    'data.read("select plan from core.fct_things group by plan")',
    'data.read("select a.plan from core.fct_things as a inner join core.secret as b on a.id = b.id")',
    'data.read(f"select {column} from core.fct_things")',
    'data.ask(["streams"])["streams"] / 2',
    'data.ask(["streams"])["streams"].sum()',
    "data.ask([name])",
]


def test_a_project_that_keeps_the_rules_breaks_none():
    assert findings(project()) == []


@pytest.mark.parametrize("text", SUMS)
def test_a_page_that_computes_is_found(text):
    known = 'data.ask(["streams"], ["day"])\ndata.read("select * from core.fct_things where streams > 1 limit 3")\n'
    assert list(Page("one", known).problems()) == []
    found = findings(project(), [Page("one", known + text)])
    assert [f.name for f in found if f.rule == "a_page_computes_nothing"] == ["page_one"], found


def test_what_is_read_has_an_exposure_that_says_so():
    found = project()
    page = Page("one", 'data.read("select * from core.fct_things")')
    told = {"name": "page_one", "owner": {"email": "a@example.com"}, "depends_on": {"nodes": []}}
    for nodes, problem in {
        (): "has no exposure",
        ("model.nightshift.secret",): "fct_things, secret too many or missing",
        ("model.nightshift.fct_things",): None,
    }.items():
        found["exposures"] = {"exposure.page_one": told | {"depends_on": {"nodes": list(nodes)}}}
        problems = [f.problem for f in findings(found, [page])]
        assert problems == [] if problem is None else problem in problems[0]
    assert "page_one" in [f.name for f in findings(found)], "a page that is gone"
    assert [f.name for f in findings(found, [page], {"lists"})] == ["export_lists"]


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES if rule.__name__ in BREAKS])
def test_each_rule_finds_who_breaks_it(rule):
    broken = {finding.rule for finding in findings(project(**BREAKS[rule]))}
    assert rule in broken


def test_a_staging_view_reads_one_landed_table_alone():
    (found,) = findings(project(staging_reads=["source.nightshift.shop.things", "model.nightshift.secret"]))[:1]
    assert (found.rule, found.name) == ("only_staging_reads_a_landed_table", "stg_shop__things")


def test_an_inner_join_may_say_or():
    """Only a join that keeps rows without a partner cannot be hashed with it."""
    code = "select 1 from a left join c on c.i = a.i inner join b on (d < b.valid_to or b.valid_to is null)"
    assert findings(project(raw_code=code)) == []


def test_what_to_do_about_a_broken_rule_is_said(monkeypatch):
    monkeypatch.setattr(rules, "parsed", lambda: project(unit_tested="another"))
    monkeypatch.setattr(rules, "unexcused", lambda found: found)
    monkeypatch.setattr(rules, "pages", list)
    monkeypatch.setattr(rules, "exported", set)
    result = CliRunner().invoke(rules.rules)
    assert "fct_things: has no unit test (a_mart_has_a_unit_test)" in result.output
    assert str(result.exception).startswith("1 broken rule: repair the model")
    assert 'seeds/rule_exceptions.csv: a_mart_has_a_unit_test,fct_things,"why' in str(result.exception)


@pytest.mark.parametrize("gone", ["questions", "freshness", "caveats"])
def test_a_business_mart_is_missed_each_of_its_words(gone):
    meta = {"questions": ["Who?", "What?", "When?"], "freshness": "every night", "caveats": "none known"}

    def problems(said):
        fqn = ["nightshift", "marts", "business", "fct_things"]
        found = findings(project(fqn=fqn, config={**MODEL["config"], "meta": said}))
        return [f.problem for f in found if f.rule == "a_business_mart_says_what_it_is_for"]

    assert problems(meta) == []
    missed = problems({word: said for word, said in meta.items() if word != gone})
    assert len(missed) == 1 and gone in missed[0]
    assert len(problems(meta | {"questions": ["Who?", "What?"]})) == 1


def test_every_rule_is_seen_to_be_broken():
    assert {rule.__name__ for rule in RULES} == {*BREAKS, "a_page_computes_nothing"}


def test_this_project_keeps_the_rules():
    assert len(pages()) >= 8 and len(exported()) >= 5
    assert unexcused(findings(manifest(), pages(), exported())) == []


def test_an_exception_has_a_reason_and_goes_when_it_is_no_longer_needed(tmp_path):
    exceptions = tmp_path / "exceptions.csv"
    found = findings(project(description="Things."))
    exceptions.write_text("rule,name,reason\na_description_says_the_grain,fct_things,because\n")
    assert unexcused(found, exceptions) == []
    exceptions.write_text("rule,name,reason\na_description_says_the_grain,fct_things,\n")
    assert len(unexcused(found, exceptions)) == 1
    exceptions.write_text("rule,name,reason\nmoney_is_exact,fct_things,once\nno_such_rule,fct_things,why\n")
    assert [f.rule for f in unexcused([], exceptions)] == ["exceptions", "exceptions"]
    exceptions.write_text("rule,name,reason\na_description_says_the_grain,core/*,because\n")
    assert unexcused(found, exceptions) == []
