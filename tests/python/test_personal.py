"""Nothing personal reaches a mart that everybody may open, whatever it is called on the way there."""

from __future__ import annotations

import copy

import duckdb
import pytest
from column_lineage import column_origins
from compiled import manifest

# How many people there are, added up over the buckets of a sketch: a count, though no lineage can tell.
ESTIMATES = {("reach_monthly", "listeners_approx"), ("reach_monthly", "listeners_12_months_approx")}


def marts():
    """All marts by name, but those of the newsroom, whose readers are counted before they are landed."""
    return {
        node["name"]: node
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts" and node["fqn"][2] != "news"
    }


def personal(models, changed=None):
    """Of the models' columns those whose values can tell of somebody, with what they come from."""
    known = manifest()
    if changed:
        known = copy.deepcopy(known)
        for name, (old, new) in changed.items():
            node = known["nodes"][f"model.nightshift.{name}"]
            assert old in node["compiled_code"]
            node["compiled_code"] = node["compiled_code"].replace(old, new)
    origins = column_origins(known, models)
    return {
        (name, column): found
        for name in models
        for column, found in origins[name].items()
        if found and (name, column) not in ESTIMATES
    }


@pytest.fixture(scope="module")
def everywhere():
    return personal(marts())


def test_no_public_mart_shows_who_somebody_is(everywhere):
    public = {
        name
        for name, mart in marts().items()
        if mart["config"]["group"] == "business" and mart["config"]["meta"].get("audience", "everybody") == "everybody"
    }
    assert len(public) > 12
    assert {place: sorted(found) for place, found in everywhere.items() if place[0] in public} == {}


def test_the_dictionary_says_which_columns_are_personal(everywhere):
    """By the lineage: a new name for an old pseudonym is found here, not by a reader."""
    words = marts()["data_dictionary"]["compiled_code"]
    told = set(duckdb.sql(f"select mart_name, column_name from ({words}) where is_personal").fetchall())
    assert {place for place in told if place[0] in marts()} == set(everywhere)


def test_the_dictionary_says_what_every_number_is_counted_in():
    words = marts()["data_dictionary"]["compiled_code"]
    numbers = "data_type in ('bigint', 'integer', 'smallint', 'double') or data_type like 'decimal%'"
    found = dict(duckdb.sql(f"select mart_name || '.' || column_name, unit from ({words}) where {numbers}").fetchall())
    assert [column for column, unit in found.items() if not unit] == []
    assert found["dim_rights_holder.payout_threshold"] == "the currency in the column currency"
    assert found["dim_price.tax_rate"] == "share" and found["dim_exchange_rate.units_per_euro"] == "number"


@pytest.mark.parametrize(
    ("column", "shows"),
    [
        ("max(account_id) as somebody", True),
        ("min(lower(concat('x', account_id))) as first_of_them", True),
        ("max(case when plan_code = 'free' then account_id end) as one", True),
        ("max(md5(account_id)) as fingerprint", True),
        ("count(distinct account_id) as listeners", False),
        ("max(case when account_id is null then 1 else 0 end) as has_unknown", False),
        ("count(*) filter (where account_id > 'm') as some", False),
    ],
)
def test_a_pseudonym_is_found_under_any_name_and_a_count_is_none(column, shows):
    tagged = {name: {"name": name, "config": {"meta": {}}} for name in ("plan_code", "account_id")}
    tagged["account_id"]["config"]["meta"] = {"personal": "pseudonym"}
    source = {"source_name": "playback", "name": "plays", "schema": "landing", "identifier": "plays", "columns": tagged}
    model = {
        "resource_type": "model", "name": "listening", "schema": "business", "alias": "listening",
        "compiled_code": f"with heard as (select * from landing.plays) select plan_code, {column} from heard",
    }  # fmt: skip
    found = column_origins({"sources": {"plays": source}, "nodes": {"listening": model}}, ["listening"])["listening"]
    assert not found.pop("plan_code") and bool(*found.values()) is shows


def test_what_was_renamed_further_up_is_found():
    """In one branch of a union: the mart's own SQL says nothing of a person, its column is called country."""
    renamed = {
        "int_business__country_days": ("searched_on as day, country,", "searched_on as day, account_id as country,")
    }
    found = personal(["executive_summary_weekly"], renamed)
    assert {place: sorted(origins) for place, origins in found.items()} == {
        ("executive_summary_weekly", "country"): ["playback.searches.account_id"]
    }
