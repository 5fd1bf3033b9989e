"""What ``business.duckdb`` hides: small counts of people, and whatever would give them away."""

from __future__ import annotations

import duckdb
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


@settings(max_examples=60, deadline=None)
@given(CELLS, st.booleans())
def test_no_small_count_is_shown_or_can_be_worked_out(cells, has_parts):
    found = shown(cells, RULE if has_parts else RULE | {"parts": [None]})
    for true, public in found:
        for count in RULE["counts"]:
            assert public[count] is None or public[count] == true[count], "what is shown is true"
            assert public[count] is None or public[count] == 0 or public[count] >= FEW
        if 0 < true["members"] < FEW:
            assert public["plays"] is None
        hidden_parts = [part for part in RULE["parts"][1:] if public[part] is None]
        assert not has_parts or public["members"] is None or len(hidden_parts) != 1, "the total less the other parts"
    groups = {(true["day"], true["country"]) for true, _ in found}
    for group in groups:
        rows = [pair for pair in found if (pair[0]["day"], pair[0]["country"]) == group]
        # Of a rule with parts, totals over the group are shown elsewhere of the total only.
        for count in RULE["counts"][:1] if has_parts else RULE["counts"]:
            hidden = [true[count] for true, public in rows if public[count] is None]
            others = [true[count] for true, public in rows if public[count]]
            if hidden and others:
                assert sum(hidden) >= FEW, f"a total of {group} less what is shown is fewer than {FEW} people"
                assert len(hidden) > 1, f"a total of {group} less what is shown is one hidden count"


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
