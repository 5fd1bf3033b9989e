"""What ``business.duckdb`` hides: small counts of people, and whatever would give them away."""

from __future__ import annotations

import duckdb
import pytest
from compiled import manifest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.few_people import FEW, cover_sums, decided, hidden_by, shown

MEMORY = duckdb.connect(config={"threads": 1})
COLUMNS = ["day", "country", "plan", "members", "active", "in_trial", "paused", "plays"]
RULE = {
    "counts": ["members", "active", "in_trial", "paused"],
    "within": ["day", "country"],
    "hide": ["plays"],
    "parts": ["members", "active", "in_trial", "paused"],
}
# Numbers of no people: a word's place, months, tracks, articles, and what advertisers paid in a country.
OF_NOBODY = {
    ("data_dictionary", "column_position"), ("retention_monthly", "months_since"), ("artist_monthly", "releases_heard"),
    ("artist_monthly", "tracks_heard"), ("release_monthly", "tracks_heard"), ("revenue_daily", "advertising_amount"),
    ("revenue_eur_daily", "advertising_revenue_eur"), ("story_gaps_monthly", "articles"),
    ("story_gaps_monthly", "articles_not_shown"), ("story_gaps_monthly", "articles_not_opened"),
}  # fmt: skip
CELLS = st.lists(
    st.tuples(
        st.integers(1, 2), st.sampled_from(["DE", "FR"]), st.integers(1, 5), st.integers(0, 12), st.integers(0, 6),
        st.integers(0, 3), st.integers(0, 40),
    ),
    min_size=1, max_size=14, unique_by=lambda cell: cell[:3],
)  # fmt: skip


def rows_for_everybody(table: str, columns: list[str], rule: dict) -> list[tuple]:
    """As publishing makes them: what is hidden by the mart's own rule, and what its rows add up to."""
    MEMORY.execute(f"create or replace temp table cells as {decided(table, columns, rule)}")
    cover_sums(MEMORY, {"cells": rule}, {"cells": "cells"})
    return MEMORY.execute(shown("cells", columns, rule)).fetchall()


def seen(cells: list[tuple], rule: dict | None = None) -> list[tuple[dict, dict]]:
    """Each row as it is and as everybody sees it."""
    rows = [(day, country, plan, a + t + p, a, t, p, plays) for day, country, plan, a, t, p, plays in cells]
    table = f"(values {', '.join(map(str, rows))}) as cells({', '.join(COLUMNS)})"
    public = rows_for_everybody(table, COLUMNS, rule or RULE)
    keyed = {row[:3]: row for row in public}
    assert len(keyed) == len(rows), "hiding a count never loses a row"
    return [(dict(zip(COLUMNS, row, strict=True)), dict(zip(COLUMNS, keyed[row[:3]], strict=True))) for row in rows]


def attacked(found: list[tuple[dict, dict]], rule: dict) -> None:
    """Tries to work out what is hidden from what is shown, and from the totals of each group."""
    first, *parts = rule.get("parts") or [rule["counts"][0]]
    for true, public in found:
        for count in rule["counts"]:
            assert public[count] is None or public[count] == true[count], "what is shown is true"
            assert public[count] is None or public[count] == 0 or public[count] >= FEW
        for measure, count in hidden_by(rule).items():
            assert public[measure] is None or not 0 < true[count] < FEW
        hidden_parts = [part for part in parts if public[part] is None]
        assert public[first] is None or len(hidden_parts) != 1, "the total less the other parts"
    groups = {tuple(true[column] for column in rule["within"]) for true, _ in found}
    for group in groups:
        rows = [pair for pair in found if tuple(pair[0][column] for column in rule["within"]) == group]
        # Of a rule with parts, totals over the group are shown elsewhere of the total only.
        for count in rule["counts"][:1] if parts else rule["counts"]:
            hidden = [true[count] for true, public in rows if public[count] is None]
            others = [true[count] for true, public in rows if public[count]]
            if hidden and others:
                people = max(hidden) if count in rule.get("again", []) else sum(hidden)
                assert people >= FEW, f"a total of {group} less what is shown is fewer than {FEW} people"
                assert len(hidden) > 1, f"a total of {group} less what is shown is one hidden count"


@settings(max_examples=60, deadline=None)
@given(CELLS, st.booleans())
def test_no_small_count_is_shown_or_can_be_worked_out(cells, has_parts):
    rule = RULE if has_parts else {key: words for key, words in RULE.items() if key != "parts"}
    attacked(seen(cells, rule), rule)


def open_to_everybody() -> dict[str, dict]:
    """The marts of business.duckdb by name."""
    return {
        node["name"]: node
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"]["group"] == "business"
        and node["fqn"][1] == "marts"
        and node["config"]["meta"].get("audience", "everybody") == "everybody"
    }


OPEN = {name for name, mart in open_to_everybody().items() if mart["config"]["meta"].get("few_people")}


def test_every_number_of_every_table_falls_under_a_rule():
    """A new column with a number is hidden with the people it is of, or stands here with its reason."""
    bare = set()
    for name, mart in open_to_everybody().items():
        rule = mart["config"]["meta"].get("few_people", {})
        covered = {column for of in ("counts", "parts", "within") for column in rule.get(of, [])}
        covered |= hidden_by(rule).keys() if rule else set()
        for column in mart["columns"].values():
            is_number = column["data_type"].startswith(("bigint", "integer", "decimal", "double"))
            if is_number and column["name"] not in covered:
                bare.add((name, column["name"]))
    assert bare == set(OF_NOBODY)


@pytest.mark.parametrize("name", sorted(OPEN))
@settings(max_examples=20, deadline=None)
@given(drawn=st.data())
def test_no_table_gives_small_counts_away(name, drawn):
    """By its own rule, whatever the numbers: each table attacked by differencing within its groups."""
    mart = open_to_everybody()[name]
    columns, rule = list(mart["columns"]), mart["config"]["meta"]["few_people"]
    counts, hide, (total, *parts) = rule["counts"], hidden_by(rule), rule.get("parts", [None])
    rows = []
    for place in range(drawn.draw(st.integers(1, 9))):
        row = dict.fromkeys(columns, str(place)) | dict.fromkeys(rule["within"], drawn.draw(st.sampled_from("ab")))
        row |= {column: drawn.draw(st.integers(0, 9)) for column in [*counts, *hide]}
        if total:
            row[total] = sum(row[part] for part in parts)
        rows.append(row)
    values = ", ".join(str(tuple([place, *row.values()])) for place, row in enumerate(rows))
    words = ", ".join(f'"{column}"' for column in ["place", *columns])
    table = f"(select * from (values {values}) as cells({words}))"
    public = rows_for_everybody(table, ["place", *columns], rule)
    assert len(public) == len(rows)
    found = {row[0]: dict(zip(columns, row[1:], strict=True)) for row in public}
    attacked([(row, found[place]) for place, row in enumerate(rows)], rule)


def test_where_nobody_is_few_nothing_is_hidden():
    found = seen([(1, "DE", 1, 20, 5, 0, 7), (1, "DE", 2, 9, 0, 6, 3)])
    assert all(true == public for true, public in found)


def test_a_single_small_count_takes_the_smallest_other_with_it():
    (_, small), (_, next_one), (_, biggest) = seen(
        [(1, "DE", 1, 2, 0, 0, 7), (1, "DE", 2, 9, 0, 0, 3), (1, "DE", 3, 30, 0, 0, 3)]
    )
    assert (small["members"], small["plays"]) == (None, None)
    assert (next_one["members"], next_one["plays"]) == (None, None)
    assert (biggest["members"], biggest["plays"]) == (30, 3)


WEEKS = {"counts": ["people"], "within": ["week"], "hide": {"people": ["plays"]}}
DAYS = {"counts": ["people"], "again": ["people"], "within": ["day"], "hide": ["plays"]}


def two_tables(weeks: list[tuple], days: list[tuple], told: dict) -> tuple[list, list]:
    """What everybody sees of (week, people, plays) and (day, part, people, plays), the week's plays being the days'."""
    rules = {"weeks": WEEKS | {"sums": [told]}, "days": DAYS}
    columns = {"weeks": ["week", "people", "plays"], "days": ["day", "part", "people", "plays"]}
    for name, rows in (("weeks", weeks), ("days", days)):
        source = f"(select * from (values {', '.join(map(str, rows))}) as rows_of_it({', '.join(columns[name])}))"
        MEMORY.execute(f"create or replace temp table {name} as {decided(source, columns[name], rules[name])}")
    cover_sums(MEMORY, rules, {"weeks": "weeks", "days": "days"})
    return tuple(MEMORY.execute(f"{shown(name, columns[name], rules[name])} order by 1").fetchall() for name in rules)


OF_DAYS = {"count": "people", "of": "days", "of_counts": ["people"], "by": {"week": "day // 7"}}


def test_a_total_in_another_table_is_hidden_where_it_gives_a_small_count_away():
    weeks, days = two_tables([(0, 9, 90), (1, 8, 80)], [(1, "a", 9, 60), (2, "a", 3, 30), (8, "a", 8, 80)], OF_DAYS)
    assert weeks == [(0, None, None), (1, 8, 80)]
    assert days == [(1, "a", 9, 60), (2, "a", None, None), (8, "a", 8, 80)]


def test_few_people_of_many_days_are_few_people_still():
    """Three of Tuesday and three of Wednesday are perhaps the same three."""
    weeks, _ = two_tables([(0, 9, 90)], [(1, "a", 9, 60), (2, "a", 3, 10), (3, "a", 3, 20)], OF_DAYS)
    assert weeks == [(0, None, None)]


def test_a_hidden_total_that_the_days_give_away_takes_the_smallest_of_them_along():
    """And then nothing more: either side hides something."""
    weeks, days = two_tables(
        [(0, 4, 90), (1, 9, 80)], [(1, "a", 9, 60), (2, "a", 6, 30), (8, "a", 9, 50), (9, "a", 8, 30)], OF_DAYS
    )
    assert weeks == [(0, None, None), (1, 9, 80)]
    assert days == [(1, "a", 9, 60), (2, "a", None, None), (8, "a", 9, 50), (9, "a", 8, 30)]


def test_every_sum_speaks_of_what_is_there():
    marts = open_to_everybody()
    told = [
        (name, rule)
        for name, mart in marts.items()
        for rule in mart["config"]["meta"].get("few_people", {}).get("sums", [])
    ]
    assert len(told) > 40
    for name, rule in told:
        here, there = (marts[mart]["config"]["meta"]["few_people"]["counts"] for mart in (name, rule["of"]))
        assert rule["count"] in here and set(rule["of_counts"]) <= set(there), (name, rule)
