"""A build that dies anywhere goes on where it stopped, and readers never see half of it."""

from __future__ import annotations

import pytest
from ledger_harness import DAYS, plays_of

FCT_PLAYS = "models/marts/core/fct_plays.sql"
NEXT = "2026-01-07"
CHANGE = ("where copy_number = 1", "where copy_number = 1 and account_id <> 'u3'")


def small_chunks(ledger, rows: int = 8) -> None:
    ledger.edit("dbt_project.yml", "chunk_rows: 10000000", f"chunk_rows: {rows}")


def plays(ledger) -> int:
    return ledger.query("select count(*) from core.fct_plays")[0][0]


def shadow_days(ledger) -> int:
    return ledger.query("select count(*) from ops.fresh where relation = 'fct_plays__next' and day is not null")[0][0]


def test_killed_in_the_middle_of_a_chunk(ledger):
    """Before its commit a chunk is undone, after it it stays."""
    small_chunks(ledger, 18)
    ledger.land(NEXT, [row for day in (*DAYS[:3], NEXT) for row in plays_of(day, 5)])
    expected = {name: rows for name, rows in _built_elsewhere(ledger).items()}
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays"', 2)
    assert plays(ledger) == 26, "the first chunk, two days, is there; the second is not"
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays"', 1, "after")
    assert plays(ledger) == 26, "what was written but not committed is not there"
    rebuilt = ledger.build()
    assert rebuilt["fct_plays"] == ["2026-01-03", NEXT], "the first chunk is not built again"
    assert ledger.contents() == expected


def test_killed_between_a_commit_and_the_next_chunk_of_a_shadow(ledger):
    small_chunks(ledger)
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays__next"', 2)
    assert (plays(ledger), shadow_days(ledger)) == (24, 2), "readers have the old table, whole"
    before = ledger.last_sequence()
    assert ledger.build()["fct_plays"] == DAYS
    rebuilt = ledger.query(
        f"select count(distinct day) from ops.ledger where relation = 'fct_plays__next' and sequence > {before}"
    )
    assert rebuilt == [(4,)], "only the days that were missing"
    assert plays(ledger) == 18
    assert ledger.query(
        "select count(*) from information_schema.tables where table_name like '%\\_\\_next' escape '\\'"
    ) == [(0,)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_during_the_swap(ledger, when):
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.build_killed('rename to "fct_plays"', 1, when)
    assert plays(ledger) == 24, "before the commit the old table is there, whole"
    assert ledger.query("select count(distinct logic_hash) from ops.fresh where relation = 'fct_plays'") == [(1,)]
    assert ledger.build()["fct_plays"] == DAYS
    assert plays(ledger) == 18
    assert ledger.build() == {}


def test_killed_right_after_the_swap(ledger):
    """Everything below is still to be built, and is."""
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.build_killed(r"fct_plays \(comments\)", 1)
    assert plays(ledger) == 18
    rebuilt = ledger.build()
    assert rebuilt["listening_daily"] == DAYS
    assert ledger.query("select sum(plays) from business.listening_daily") == [(18,)]


def test_a_definition_set_back_after_a_kill(ledger):
    small_chunks(ledger)
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays__next"', 2)
    ledger.edit(FCT_PLAYS, *reversed(CHANGE))
    assert ledger.build() == {}, "the table of the old definition never stopped being good"
    assert ledger.query("select count(*) from information_schema.tables where table_name = 'fct_plays__next'") == [(0,)]
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.land(NEXT, plays_of("2026-01-01")[:1])
    assert ledger.build()["fct_plays"] == DAYS, "a shadow left by another attempt is not taken for this one"
    assert plays(ledger) == 18


def test_a_third_definition_after_a_kill_does_not_go_on_with_the_second(ledger):
    small_chunks(ledger)
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays__next"', 3)
    ledger.edit(FCT_PLAYS, "account_id <> 'u3'", "account_id = 'u3'")
    assert ledger.build()["fct_plays"] == DAYS
    assert plays(ledger) == 6


def test_new_data_after_a_kill_reaches_the_days_already_in_the_shadow(ledger):
    small_chunks(ledger)
    ledger.edit(FCT_PLAYS, *CHANGE)
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays__next"', 3)
    ledger.land(NEXT, [("late", "u9", "t1", 60_000, "2026-01-01")])
    ledger.build()
    assert plays(ledger) == 19


def test_killed_while_a_whole_table_is_replaced(ledger):
    ledger.land(NEXT, [("t1", "a8"), ("t2", "a9")], "tracks")
    ledger.build_killed('rename to "dim_track"', 1)
    assert ledger.query("select count(*) from core.dim_track where valid_to is null") == [(2,)]
    assert ledger.query("select count(*) from core.dim_track where artist_id = 'a9'") == [(0,)]
    assert ledger.build()["dim_track"] == ["whole"]
    assert ledger.query("select count(*) from core.dim_track where artist_id = 'a9'") == [(1,)]


def test_killed_after_a_view_was_made_and_before_its_readers(ledger):
    ledger.edit("models/staging/playback/stg_playback__plays.sql", "ms_played,", "ms_played + 1 as ms_played,")
    ledger.build_killed('delete from "warehouse"."core"."fct_plays"', 1)
    assert ledger.build()["fct_plays"] == DAYS


@pytest.mark.parametrize(
    ("statement", "when"),
    [
        ('COPY "warehouse"."seeds"."thresholds"', "after"),
        (r"insert into ops.definitions[^;]*'thresholds', '[0-9a-f]{32}'", "before"),
    ],
    ids=["build:seed-loaded", "before it is recorded"],
)
def test_a_seed_set_back_after_a_kill(ledger, statement, when):
    """The table holds, or may hold, what the new file says; the old file is loaded again although it is known."""
    ledger.edit("seeds/thresholds.csv", "30000", "31500")
    ledger.build_killed(statement, 1, when)
    ledger.edit("seeds/thresholds.csv", "31500", "30000")
    assert ledger.build() == {}
    assert ledger.query("select * from seeds.thresholds") == [(30000,)]
    assert ledger.query("select distinct streams from business.listening_daily") == [(3,)]


def test_a_model_that_fails_leaves_the_others_intact(ledger):
    """An aborted transaction is rolled back and does not reach the next model on the same thread."""
    ledger.write(
        "models/marts/core/a_failing.sql",
        "{{ config(day='played_on', reads={'stg_playback__plays': 'day'}) }} select played_on, cast(account_id "
        "as integer) as n from {{ ref('stg_playback__plays') }} where {{ stale_days('played_on') }}",
    )
    ledger.land(NEXT, plays_of(NEXT))
    rebuilt = ledger.build("--threads", "1", expect=False)
    assert rebuilt["fct_plays"] == rebuilt["listening_daily"] == [NEXT]
    assert "a_failing" not in rebuilt
    assert ledger.query("select count(*) from core.fct_plays") == [(28,)]
    assert ledger.query("select count(*) from ops.ledger where relation = 'a_failing' and day is not null") == [(0,)]


def test_a_chunk_that_fails_keeps_the_ones_before_it(ledger):
    small_chunks(ledger)
    ledger.edit(
        FCT_PLAYS,
        "where copy_number = 1",
        "where copy_number = 1 and (played_on < date '2026-01-05' or cast(account_id as integer) > 0)",
    )
    ledger.build("--select", "fct_plays", expect=False)
    assert (plays(ledger), shadow_days(ledger)) == (24, 4)


def _built_elsewhere(ledger):
    """What the same landing gives a project that is never killed."""
    other = type(ledger)(ledger.root.parent / "unharmed", ledger)
    other.build()
    return other.contents()
