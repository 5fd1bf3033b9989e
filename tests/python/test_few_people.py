"""What ``business.duckdb`` hides: small counts of people, and whatever would give them away."""

from __future__ import annotations

import duckdb
import pytest
from compiled import manifest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.few_people import FEW, rows_for_everybody

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


def shown(cells: list[tuple], rule: dict | None = None) -> list[tuple[dict, dict]]:
    """Each row as it is and as everybody sees it."""
    rows = [(day, country, plan, a + t + p, a, t, p, plays) for day, country, plan, a, t, p, plays in cells]
    table = f"(values {', '.join(map(str, rows))}) as cells({', '.join(COLUMNS)})"
    public = duckdb.sql(rows_for_everybody(table, COLUMNS, rule or RULE)).fetchall()
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
        if 0 < true[rule["counts"][0]] < FEW:
            assert all(public[measure] is None for measure in rule.get("hide", []))
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
                assert sum(hidden) >= FEW, f"a total of {group} less what is shown is fewer than {FEW} people"
                assert len(hidden) > 1, f"a total of {group} less what is shown is one hidden count"


@settings(max_examples=60, deadline=None)
@given(CELLS, st.booleans())
def test_no_small_count_is_shown_or_can_be_worked_out(cells, has_parts):
    rule = RULE if has_parts else {key: words for key, words in RULE.items() if key != "parts"}
    attacked(shown(cells, rule), rule)


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
        covered = {column for of in ("counts", "hide", "parts", "within") for column in rule.get(of, [])}
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
    counts, hide, (total, *parts) = rule["counts"], rule.get("hide", []), rule.get("parts", [None])
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
    public = duckdb.sql(rows_for_everybody(table, ["place", *columns], rule)).fetchall()
    assert len(public) == len(rows)
    found = {row[0]: dict(zip(columns, row[1:], strict=True)) for row in public}
    attacked([(row, found[place]) for place, row in enumerate(rows)], rule)


def test_where_nobody_is_few_nothing_is_hidden():
    found = shown([(1, "DE", 1, 20, 5, 0, 7), (1, "DE", 2, 9, 0, 6, 3)])
    assert all(true == public for true, public in found)


def test_a_single_small_count_takes_the_smallest_other_with_it():
    (_, small), (_, next_one), (_, biggest) = shown(
        [(1, "DE", 1, 2, 0, 0, 7), (1, "DE", 2, 9, 0, 0, 3), (1, "DE", 3, 30, 0, 0, 3)]
    )
    assert (small["members"], small["plays"]) == (None, None)
    assert (next_one["members"], next_one["plays"]) == (None, None)
    assert (biggest["members"], biggest["plays"]) == (30, 3)


def test_a_mart_without_the_rule_is_shown_as_it_is():
    assert rows_for_everybody("business.x", ["a"], None) == "select * from business.x"
