"""What the days follow when dumps come late, again, corrected, hidden, not at all, or are taken back."""

from __future__ import annotations

import shutil

from ledger_harness import DAYS, Ledger, plays_of
from test_ledger import night, onwards

NEXT = "2026-01-07"


def plays_on(ledger: Ledger, day: str) -> int:
    return ledger.query(f"select count(*) from core.fct_plays where played_on = date '{day}'")[0][0]


def dump_of(ledger: Ledger, day: str, table: str = "plays") -> str:
    return next((ledger.home / f"landing/playback/{table}/dt={day}").iterdir()).name


def test_a_corrected_dump_takes_the_place_of_the_first(ledger):
    ledger.land(NEXT, plays_of("2026-01-03")[:3], supersedes=[dump_of(ledger, "2026-01-03")], covers_on="2026-01-03")
    assert ledger.build() == night("2026-01-03")
    assert plays_on(ledger, "2026-01-03") == 3


def test_hidden_by_the_day_a_correction_has_not_happened_yet(ledger):
    ledger.land(NEXT, plays_of("2026-01-03")[:3], supersedes=[dump_of(ledger, "2026-01-03")], covers_on="2026-01-03")
    ledger.land(NEXT, plays_of(NEXT))
    ledger.execute("insert into ops.settings values (date '2026-01-06')")
    assert ledger.build() == {}, "nothing of what arrived on the 7th is seen"
    ledger.execute("delete from ops.settings")
    rebuilt = ledger.build()
    assert rebuilt["fct_plays"] == ["2026-01-03", NEXT]
    ledger.execute("insert into ops.settings values (date '2026-01-06')")
    rebuilt = ledger.build()
    assert rebuilt["fct_plays"] == ["2026-01-03", NEXT], "the 3rd as it was, the 7th gone"
    assert (plays_on(ledger, "2026-01-03"), plays_on(ledger, NEXT)) == (4, 0)
    ledger.execute("delete from ops.settings")
    ledger.build()
    assert (plays_on(ledger, "2026-01-03"), plays_on(ledger, NEXT)) == (3, 4)


def test_hiding_does_not_show_a_superseded_dump_of_another_day(ledger):
    """What a view over a landed table shows is what the build saw, hidden and superseded dumps left out."""
    ledger.land(NEXT, plays_of("2026-01-03")[:1], supersedes=[dump_of(ledger, "2026-01-03")], covers_on="2026-01-03")
    ledger.build()
    show = ledger.dbt("show", "--inline", "select count(*) as n from {{ source('playback', 'plays') }}")
    assert next(iter(show.values())).agate_table.rows[0][0] == 21


def test_a_dump_that_returns(ledger):
    """A, then B, then A again: the same dump id is there twice, and the second one counts from its own arrival on."""
    first = dump_of(ledger, "2026-01-03")
    second = ledger.land(NEXT, plays_of("2026-01-03")[:3], supersedes=[first], covers_on="2026-01-03")
    ledger.build()
    again = ledger.land("2026-01-08", plays_of("2026-01-03"), supersedes=[second], covers_on="2026-01-03")
    assert again == first
    assert ledger.build() == night("2026-01-03")
    assert plays_on(ledger, "2026-01-03") == 4
    ledger.land("2026-01-09", plays_of("2026-01-03")[:2], supersedes=[again], covers_on="2026-01-03")
    ledger.build()
    assert plays_on(ledger, "2026-01-03") == 2


def test_a_dump_that_returns_before_anybody_looked(ledger):
    """The same dumps hold the day, but one of them came at another time, which may decide between copies."""
    second = ledger.land(
        NEXT, plays_of("2026-01-03")[:3], supersedes=[dump_of(ledger, "2026-01-03")], covers_on="2026-01-03"
    )
    ledger.land("2026-01-08", plays_of("2026-01-03"), supersedes=[second], covers_on="2026-01-03")
    assert ledger.build() == {"fct_plays": ["2026-01-03"]}
    assert ledger.query("select max(arrived_on) from ops.visible_dumps") == [(_date("2026-01-08"),)]


def test_a_missing_day_arrives_later(ledger):
    ledger.land("2026-01-08", plays_of("2026-01-08"))
    assert ledger.build()["fct_plays"] == ["2026-01-08"]
    assert ledger.query("select plays_so_far from business.plays_so_far where played_on = date '2026-01-08'") == [
        (4,)
    ], "yesterday is missing"
    ledger.land("2026-01-09", plays_of(NEXT), covers_on=NEXT)
    rebuilt = ledger.build()
    assert rebuilt["fct_plays"] == [NEXT]
    assert rebuilt["plays_so_far"] == [NEXT, "2026-01-08"]
    assert rebuilt["listeners_weekly"] == [NEXT, "2026-01-08"]
    assert ledger.query("select plays_so_far from business.plays_so_far where played_on = date '2026-01-08'") == [(32,)]


def test_a_missing_snapshot_arrives_later(ledger):
    """The snapshot of the 3rd comes on the 7th: its own changes and those of the snapshot after it are found again."""
    ledger.land(NEXT, [("t1", "a1"), ("t2", "a3")], "tracks", covers_on="2026-01-03")
    rebuilt = ledger.build()
    assert rebuilt == {
        "track_changes": ["2026-01-03", "2026-01-04"],
        "dim_track": ["whole"],
        "artist_daily": ["2026-01-03"],
    }
    assert ledger.query("select valid_from, artist_id from core.dim_track where track_id = 't2' order by 1") == [
        (_date("2026-01-01"), "a2"),
        (_date("2026-01-03"), "a3"),
    ]


def test_a_change_that_closes_a_range_leaves_the_days_before_alone(ledger):
    ledger.land("2026-01-06", [("t1", "a9"), ("t2", "a3")], "tracks")
    assert ledger.build() == {"track_changes": ["2026-01-06"], "dim_track": ["whole"], "artist_daily": ["2026-01-06"]}


def test_a_day_that_vanished_leaves_a_tombstone(ledger):
    shutil.rmtree(ledger.home / "landing/playback/plays/dt=2026-01-06")
    rebuilt = ledger.build()
    assert rebuilt == {
        **{
            name: ["2026-01-06"]
            for name in ("artist_daily", "fct_plays", "listeners_weekly", "listening_daily", "plays_so_far")
        },
        "listening_monthly": ["2026-01-01"],
    }
    for table in ("core.fct_plays", "business.listening_daily", "business.artist_daily", "business.plays_so_far"):
        assert ledger.query(f"select count(*) from {table} where played_on = date '2026-01-06'") == [(0,)], table
    assert ledger.query(
        "select output_hash from ops.fresh where relation = 'fct_plays' and day = date '2026-01-06'"
    ) == [("gone",)]
    assert ledger.query("select distinct output_hash from ops.fresh where day = date '2026-01-06'") == [("gone",)]
    assert ledger.build() == {}
    ledger.land("2026-01-06", plays_of("2026-01-06"))
    assert ledger.build()["fct_plays"] == ["2026-01-06"], "and comes back"
    assert plays_on(ledger, "2026-01-06") == 4


def test_an_emptied_day_stays_known_but_empty(ledger):
    """All rows of a day are kept out by the model: the day is recorded as empty, not rebuilt every night."""
    ledger.edit(
        "models/marts/core/fct_plays.sql",
        "where copy_number = 1",
        "where copy_number = 1 and played_on <> date '2026-01-06'",
    )
    rebuilt = ledger.build()
    assert rebuilt["listening_daily"] == ["2026-01-06"]
    assert ledger.query(
        "select output_hash, row_count from ops.fresh where relation = 'fct_plays' and day = date '2026-01-06'"
    ) == [("empty", 0)]
    assert ledger.query("select count(*) from business.listening_daily where played_on = date '2026-01-06'") == [(0,)]
    assert ledger.build() == {}


def test_an_empty_snapshot_counts_as_a_missing_one(ledger):
    """The one after it is compared with the last that had rows, whatever is narrowed to which files."""
    ledger.land("2026-01-05", [], "tracks")
    assert ledger.build() == {}
    ledger.land("2026-01-06", [("t1", "a1"), ("t2", "a3")], "tracks")
    assert ledger.build() == {"track_changes": ["2026-01-06"]}
    assert ledger.query("select count(*) from core.track_changes where changed_on = date '2026-01-06'") == [(0,)]


def test_event_days_after_the_newest_arrival_count(ledger):
    """A device with its clock ahead: rows of days that have not come yet are in the tables, as in the landing."""
    ledger.land("2026-01-06", [("ahead", "u9", "t1", 60_000, "2026-01-09")])
    rebuilt = ledger.build()
    assert rebuilt["fct_plays"] == rebuilt["listening_daily"] == ["2026-01-09"]
    assert rebuilt["listeners_weekly"] == ["2026-01-09"], "no days are made up between the newest arrival and it"


def test_the_oldest_and_the_last_day_of_the_calendar(ledger):
    ledger.land(NEXT, [("old", "u9", "t1", 60_000, "0001-01-01"), ("last", "u9", "t1", 60_000, "9999-12-31")])
    rebuilt = ledger.build()
    assert rebuilt["fct_plays"] == ["0001-01-01", "9999-12-31"]
    assert ledger.query("select sum(plays) from business.listening_monthly") == [(26,)]


def test_reading_one_table_by_two_ways(ledger):
    """A table that is read by day and, through a view, whole: what is read whole is not narrowed to the stale days."""
    ledger.write(
        "models/marts/core/plays_of_all_time.sql",
        "{{ config(materialized='view') }} select account_id, count(*) as plays from {{ source('playback', "
        "'plays') }} group by account_id",
    )
    ledger.write(
        "models/marts/core/share_daily.sql",
        "{{ config(day='played_on', reads={'stg_playback__plays': 'day'}) }} select plays.played_on, "
        "plays.account_id, max(everything.plays) as ever from {{ ref('stg_playback__plays') }} as plays inner "
        "join {{ ref('plays_of_all_time') }} as everything on everything.account_id = plays.account_id where {{ "
        "stale_days('plays.played_on') }} group by plays.played_on, plays.account_id",
    )
    ledger.build("--select", "plays_of_all_time", "share_daily", "--vars", "{chunk_rows: 4}")
    assert ledger.query("select distinct ever from core.share_daily") == [(6,)]
    ledger.land(NEXT, plays_of(NEXT))
    assert ledger.build("--select", "share_daily") == {"share_daily": [*DAYS, NEXT]}
    assert ledger.query("select distinct ever from core.share_daily") == [(7,)]


def test_the_newest_dump_alone(ledger):
    ledger.write(
        "models/marts/core/tracks_now.sql",
        "{{ config(materialized='whole', reads={'playback.tracks': 'latest'}) }} select track_id, artist_id from "
        "{{ source('playback', 'tracks') }}",
    )
    assert ledger.build("--select", "tracks_now") == {"tracks_now": ["whole"]}
    assert ledger.query("select artist_id from core.tracks_now order by 1") == [("a1",), ("a3",)]
    ledger.land(NEXT, [("t1", "a1")], "tracks", covers_on="2026-01-03")
    assert ledger.build("--select", "tracks_now") == {}, "an older day that comes late is not the newest"
    ledger.land(NEXT, [("t1", "a7")], "tracks")
    assert ledger.build("--select", "tracks_now") == {"tracks_now": ["whole"]}
    assert ledger.query("select artist_id from core.tracks_now") == [("a7",)]


def test_late_data_for_every_way_of_reading(ledger):
    """One late play and one late snapshot on the same night; each model's days, and the result of a fresh build."""
    ledger.land(NEXT, [("late", "u9", "t2", 60_000, "2025-12-31"), *plays_of(NEXT)])
    ledger.land(NEXT, [("t1", "a1"), ("t2", "a5")], "tracks", covers_on="2026-01-03")
    rebuilt = ledger.build()
    assert rebuilt == {
        "artist_daily": ["2025-12-31", "2026-01-03", NEXT],
        "dim_track": ["whole"],
        "fct_plays": ["2025-12-31", NEXT],
        "listeners_weekly": ["2025-12-31", *onwards("2026-01-01"), NEXT],
        "listening_daily": ["2025-12-31", NEXT],
        "listening_monthly": ["2025-12-01", "2026-01-01"],
        "plays_so_far": ["2025-12-31", *DAYS, NEXT],
        "track_changes": ["2026-01-03", "2026-01-04"],
    }
    assert ledger.query("select plays_so_far from business.plays_so_far order by played_on") == [
        (n,) for n in (1, 5, 9, 13, 17, 21, 25, 29)
    ]


def test_what_lands_during_a_build_waits_for_the_next(ledger):
    """The views over the landing show what the run saw when it began."""
    ledger.build()
    ledger.land(NEXT, plays_of(NEXT))
    show = ledger.dbt("show", "--inline", "select count(*) as n from {{ ref('stg_playback__plays') }}")
    assert next(iter(show.values())).agate_table.rows[0][0] == 24


def _date(text: str):
    from datetime import date

    return date.fromisoformat(text)
