"""How well the rules do on a habit that nobody had seen: limits set without it and on other days, each in turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from scripts.console import USAGE, Stop, progress
from scripts.models import streams

# The limit of each rule that is set, from the most sensitive value to the most careful one.
KNOBS = {
    "just_paid": ("short_share", (0.6, 0.7, 0.8, 0.9)),
    "in_step": ("share", (0.2, 0.3, 0.4, 0.6, 0.8)),
    "no_sleep": ("hours", (8, 10, 12, 14, 18)),
    "everywhere": ("networks", (6, 8, 10, 15, 25)),
    "same_place": ("share", (0.5, 0.6, 0.7, 0.8, 0.9)),
    "pushed_track": ("repeated_share", (0.5, 0.65, 0.8, 0.9)),
}
# A rule without plays to judge is switched off by a limit that nothing reaches.
OFF = {
    "just_paid": "streams", "in_step": "streams", "no_sleep": "hours", "everywhere": "networks",
    "same_place": "accounts", "pushed_track": "accounts",
}  # fmt: skip
WRONG_OF_RIGHT, WRONG_OF_HONEST = 0.005, 0.00005


def leave_one_out(connection: duckdb.DuckDBPyConnection, models: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each habit: its recall on the later half of the days by limits set on the earlier half without it."""
    habits = [row[0] for row in connection.execute(
        "select habit from truth where is_artificial and habit <> '' group by habit order by habit"
    ).fetchall()]  # fmt: skip
    if not habits:
        raise Stop("--leave-one-out needs a truth with a column habit", USAGE)
    (middle,) = connection.execute(
        "select min(played_on) + cast((max(played_on) - min(played_on)) // 2 as integer) from core.fct_plays"
    ).fetchone()
    connection.execute(
        f"create or replace table streams as select play_id, played_on <= date '{middle}' as is_early, habit, "
        "is_artificial from core.fct_plays inner join truth using (play_id) where ms_played >= 30000"
    )
    connection.execute("create or replace table flagged (rule varchar, value double, play_id varchar)")
    usual = streams.read_rules()
    off = {(rule, threshold): 1e12 for rule, threshold in OFF.items()}
    tried = [(rule, knob, value) for rule, (knob, values) in KNOBS.items() for value in values]
    for rule, knob, value in progress(tried, "limits", len(tried)):
        alone = {**usual, **off, (rule, OFF[rule]): usual[rule, OFF[rule]], (rule, knob): float(value)}
        streams.judge_plays(connection, models, alone)
        connection.execute(
            f"insert into flagged select '{rule}', {value}, play_id from intermediate.{streams.VERDICTS} "
            "semi join streams using (play_id)"
        )
    return [_without(connection, habit) for habit in habits]


def _without(connection: duckdb.DuckDBPyConnection, habit: str) -> dict[str, Any]:
    """Set the limits on the early days as if this habit did not exist; measure on the later ones."""
    found = connection.execute(
        "select rule, value, count(*) filter (where is_artificial and habit <> $habit), "
        "count(*) filter (where not is_artificial) "
        "from flagged inner join streams using (play_id) where is_early group by all",
        {"habit": habit},
    ).fetchall()
    hits = {(rule, value): (right, wrong) for rule, value, right, wrong in found}
    (honest,) = connection.execute("select count(*) from streams where is_early and not is_artificial").fetchone()
    limits = {}
    for rule, (_, values) in KNOBS.items():
        allowed = [
            value
            for value in values
            if hits.get((rule, value), (0, 0))[1]
            <= max(WRONG_OF_RIGHT * hits.get((rule, value), (0, 0))[0], WRONG_OF_HONEST * honest)
        ]
        if allowed:
            limits[rule] = allowed[0]
    chosen = " or ".join(f"(rule = '{rule}' and value = {value})" for rule, value in limits.items()) or "false"
    of_habit, caught, judged, right = connection.execute(
        f"with judged as (select distinct play_id from flagged where {chosen}) "
        "select count(*) filter (where habit = $habit and is_artificial), "
        "count(judged.play_id) filter (where habit = $habit and is_artificial), "
        "count(judged.play_id), count(judged.play_id) filter (where is_artificial) "
        "from streams left join judged using (play_id) where not is_early",
        {"habit": habit},
    ).fetchone()
    return {
        "habit": habit,
        "streams": of_habit,
        "recall": caught / of_habit if of_habit else None,
        "precision": right / judged if judged else None,
        "limits": limits,
    }
