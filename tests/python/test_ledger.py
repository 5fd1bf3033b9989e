"""What is rebuilt after each kind of change: exactly the days that are made of something else than before."""

from __future__ import annotations

import pytest
from ledger_harness import DAYS, plays_of

NEXT = "2026-01-07"
FCT_PLAYS = "models/marts/core/fct_plays.sql"
LISTENING = "models/marts/business/listening_daily.sql"
STAGING = "models/staging/playback/stg_playback__plays.sql"
SEED = "seeds/thresholds.csv"


def onwards(day: str, last: str = DAYS[-1], count: int = 7) -> list[str]:
    """The days from one on, at most as many, up to the last known one."""
    return [f"2026-01-{d:02}" for d in range(int(day[-2:]), min(int(day[-2:]) + count - 1, int(last[-2:])) + 1)]


def night(day: str, last: str = DAYS[-1]) -> dict[str, list[str]]:
    """Rebuilt when a day's plays changed: the day, the week looking back on it, its month, all sums after it."""
    return {
        "artist_daily": [day],
        "fct_plays": [day],
        "listeners_weekly": onwards(day, last),
        "listening_daily": [day],
        "listening_monthly": [day[:8] + "01"],
        "plays_so_far": onwards(day, last, 99),
    }


def test_first_build_makes_everything(built_ledger):
    assert built_ledger.rebuilt(0) == {
        "artist_daily": DAYS,
        "dim_track": ["whole"],
        "fct_plays": DAYS,
        "listeners_weekly": DAYS,
        "listening_daily": DAYS,
        "listening_monthly": ["2026-01-01"],
        "plays_so_far": DAYS,
        "track_changes": ["2026-01-01", "2026-01-02", "2026-01-04"],
    }
    rows = built_ledger.query("select artist_id, count(*) from business.artist_daily group by 1 order by 1")
    assert rows == [("a1", 6), ("a2", 3), ("a3", 3)]
    assert built_ledger.query("select max(plays_so_far) from business.plays_so_far") == [(24,)]


def test_nothing_new_rebuilds_nothing(ledger):
    assert ledger.build() == {}


def test_one_more_day(ledger):
    ledger.land(NEXT, plays_of(NEXT))
    assert ledger.build() == night(NEXT, NEXT)


def test_a_comment_or_white_space_changes_nothing(ledger):
    ledger.edit(FCT_PLAYS, "with copies as (", "-- once each\nwith   copies  /* of plays, it's said */ as (")
    ledger.edit(STAGING, "select", "/* a view */ select")
    assert ledger.build() == {}


@pytest.mark.parametrize("literal", ["'--x'", "'/* x */'", "'it''s -- x'"])
def test_a_literal_that_looks_like_a_comment_is_no_comment(ledger, literal):
    ledger.edit(LISTENING, "count(*) as plays,", f"count(*) as plays, {literal.replace('x', 'a')} as note,")
    assert ledger.build("--select", "listening_daily") == {"listening_daily": DAYS}
    ledger.edit(LISTENING, literal.replace("x", "a"), literal.replace("x", "b"))
    assert ledger.build("--select", "listening_daily") == {"listening_daily": DAYS}
    assert ledger.query("select distinct note from business.listening_daily") == [
        (literal[1:-1].replace("x", "b").replace("''", "'"),)
    ]


def test_a_refactoring_rebuilds_itself_and_nothing_below(ledger):
    ledger.edit(FCT_PLAYS, "where copy_number = 1", "where copy_number < 2")
    assert ledger.build() == {"fct_plays": DAYS}


def test_a_changed_definition_rebuilds_its_days_and_what_changes_below(ledger):
    ledger.edit(
        FCT_PLAYS,
        "where copy_number = 1",
        "where copy_number = 1 and not (played_on = date '2026-01-03' and account_id = 'u2')",
    )
    expected = night("2026-01-03")
    assert ledger.build() == {**expected, "fct_plays": DAYS}
    assert ledger.query("select count(*) from core.fct_plays") == [(23,)]


def test_a_changed_mart_touches_no_other(ledger):
    ledger.edit(LISTENING, "then 1 else 0", "then 2 else 0")
    assert ledger.build() == {"listening_daily": DAYS}


def test_late_duplicates_stop_where_the_day_comes_out_the_same(ledger):
    ledger.land(NEXT, plays_of("2026-01-02"))
    assert ledger.build() == {"fct_plays": ["2026-01-02"]}


def test_late_news_rebuilds_its_day_alone(ledger):
    ledger.land(NEXT, [("late", "u9", "t1", 60_000, "2026-01-02"), *plays_of("2026-01-04")])
    expected = night("2026-01-02")
    expected["fct_plays"] = ["2026-01-02", "2026-01-04"]
    assert ledger.build() == expected


def test_a_changed_view_counts_as_a_change_of_those_who_read_it(ledger):
    ledger.edit(STAGING, "ms_played,", "ms_played + 0 as ms_played,")
    assert ledger.build() == {"fct_plays": DAYS}


def test_a_view_built_alone_is_not_forgotten(ledger):
    """The view changes while only it is built; the model that reads it learns of it at its own next build."""
    ledger.edit(STAGING, "ms_played,", "ms_played + 1 as ms_played,")
    assert ledger.build("--select", "stg_playback__plays") == {}
    assert ledger.build("--select", "fct_plays") == {"fct_plays": DAYS}
    assert ledger.query("select sum(ms_played) from core.fct_plays") == [(6 * (4 * 29_001 + 12_000),)]


def test_a_view_below_a_view_counts_too(ledger):
    ledger.write(
        "models/marts/core/streams.sql",
        "{{ config(materialized='view') }} select * from {{ ref('fct_plays') }} where ms_played >= 30000",
    )
    ledger.write(
        "models/marts/core/streams_again.sql", "{{ config(materialized='view') }} select * from {{ ref('streams') }}"
    )
    ledger.write(
        "models/marts/core/streams_daily.sql",
        "{{ config(day='played_on', reads={'streams_again': 'day'}) }} select played_on, count(*) as streams "
        "from {{ ref('streams_again') }} where {{ stale_days('played_on') }} group by played_on",
    )
    assert ledger.build("--select", "+streams_daily") == {"streams_daily": DAYS}
    ledger.land(NEXT, plays_of(NEXT))
    assert ledger.build("--select", "+streams_daily") == {"fct_plays": [NEXT], "streams_daily": [NEXT]}
    ledger.edit("models/marts/core/streams.sql", "30000", "31000")
    assert ledger.build("--select", "+streams_daily") == {"streams_daily": [*DAYS, NEXT]}
    ledger.edit("models/marts/core/streams.sql", "materialized='view'", "materialized='ephemeral'")
    ledger.edit("models/marts/core/streams.sql", "31000", "33000")
    assert ledger.build("--select", "+streams_daily") == {"streams_daily": [*DAYS, NEXT]}
    assert ledger.query("select distinct streams from core.streams_daily") == [(2,)]


def test_a_changed_seed_counts_as_a_change_of_those_who_read_it(ledger):
    ledger.edit(SEED, "30000", "31500")
    assert ledger.build() == {"listening_daily": DAYS}
    assert ledger.query("select distinct streams from business.listening_daily") == [(2,)]
    assert ledger.build() == {}
    ledger.write(SEED, "stream_ms,note\n31500,half a minute and a bit\n")
    assert ledger.build() == {"listening_daily": DAYS}, "a column more"
    assert ledger.query("select note from seeds.thresholds") == [("half a minute and a bit",)]


def test_a_seed_with_validity_ranges_touches_the_days_it_is_about(ledger):
    ledger.write("seeds/rates.csv", "rate,valid_from,valid_to\n1,2026-01-01,2026-01-04\n2,2026-01-04,\n")
    ledger.write(
        "models/marts/business/rated_daily.sql",
        "{{ config(day='played_on', reads={'fct_plays': 'day', 'rates': 'sliced'}) }} select plays.played_on, "
        "sum(rates.rate) as rated from {{ ref('fct_plays') }} as plays inner join {{ ref('rates') }} as rates on "
        "plays.played_on >= rates.valid_from and (plays.played_on < rates.valid_to or rates.valid_to is null) "
        "where {{ stale_days('plays.played_on') }} group by plays.played_on",
    )
    assert ledger.build("--select", "rates", "rated_daily") == {"rated_daily": DAYS}
    ledger.edit("seeds/rates.csv", "2,2026-01-04,", "2,2026-01-04,2026-01-06\n3,2026-01-06,")
    assert ledger.build("--select", "rates", "rated_daily") == {"rated_daily": ["2026-01-06"]}
    assert ledger.query("select rated from business.rated_daily order by played_on") == [
        (4,),
        (4,),
        (4,),
        (8,),
        (8,),
        (12,),
    ]


def test_a_macro_counts_as_it_is_rendered(ledger):
    macros = "{% macro at_least() %}30000{% endmacro %}"
    ledger.write("macros/at_least.sql", macros)
    ledger.edit("dbt_project.yml", "macro-paths: [", "macro-paths: [macros, ")
    ledger.edit(LISTENING, "(select min(stream_ms) from {{ ref('thresholds') }})", "{{ at_least() }}")
    assert ledger.build("--select", "listening_daily") == {"listening_daily": DAYS}
    ledger.write("macros/at_least.sql", "{% macro at_least() %}{# thirty seconds #}30000{% endmacro %}")
    assert ledger.build("--select", "listening_daily") == {}
    ledger.write("macros/at_least.sql", "{% macro at_least() %}31000{% endmacro %}")
    assert ledger.build("--select", "listening_daily") == {"listening_daily": DAYS}


def test_a_column_added_removed_and_retyped(ledger):
    ledger.edit(FCT_PLAYS, "select play_id, account_id", "select play_id, 'x' as source, account_id")
    assert ledger.build() == {**whole_history(), "fct_plays": DAYS}
    ledger.edit(FCT_PLAYS, "select play_id, 'x' as source, account_id", "select play_id, account_id")
    assert ledger.build("--select", "fct_plays") == {"fct_plays": DAYS}
    columns = (
        "select column_name, data_type from information_schema.columns "
        "where table_name = 'artist_daily' and column_name = 'plays'"
    )
    assert ledger.query(columns) == [("plays", "BIGINT")]
    ledger.edit("models/marts/business/artist_daily.sql", "count(*) as plays", "cast(count(*) as integer) as plays")
    assert ledger.build("--select", "artist_daily") == {"artist_daily": DAYS}
    assert ledger.query(columns) == [("plays", "INTEGER")]


def whole_history() -> dict[str, list[str]]:
    """All models below fct_plays that have every day of the base."""
    return {
        **{name: DAYS for name in ("artist_daily", "listeners_weekly", "listening_daily", "plays_so_far")},
        "listening_monthly": ["2026-01-01"],
    }


def test_a_type_that_changes_upstream_changes_the_columns_below(ledger):
    """The same SQL over an input of another type: the table below gets the type that a fresh build would give it."""
    ledger.write(
        "models/marts/business/longest_daily.sql",
        "{{ config(day='played_on', reads={'fct_plays': 'day'}) }} select played_on, max(ms_played) as longest "
        "from {{ ref('fct_plays') }} where {{ stale_days('played_on') }} group by played_on",
    )
    ledger.build("--select", "longest_daily")
    ledger.edit(
        FCT_PLAYS,
        "track_id, ms_played, played_on, _dump_id\nfrom copies",
        "track_id, cast(ms_played as decimal(18, 3)) as ms_played, played_on, _dump_id\nfrom copies",
    )
    assert ledger.build("--select", "fct_plays", "longest_daily") == {"fct_plays": DAYS, "longest_daily": DAYS}
    assert ledger.query("select distinct typeof(longest) from business.longest_daily") == [("DECIMAL(18,3)",)]


def test_a_landed_column_retyped_in_the_yaml(ledger):
    from ledger_harness import TYPES

    types = {**TYPES, "plays": {**TYPES["plays"], "ms_played": "double"}}
    ledger.write_sources(types)
    assert ledger.build("--select", "stg_playback__plays", "fct_plays") == {"fct_plays": DAYS}
    assert ledger.query("select distinct typeof(ms_played) from core.fct_plays") == [("DOUBLE",)]
    types["plays"]["unused"] = "varchar"
    ledger.write_sources(types)
    assert ledger.build("--select", "stg_playback__plays", "fct_plays") == {}, "a new column that nobody names"


def test_a_dropped_table_is_made_again(ledger):
    ledger.execute("drop table core.fct_plays; drop table core.dim_track")
    assert ledger.build() == {"fct_plays": DAYS, "dim_track": ["whole"]}


def test_a_landed_table_without_dumps(ledger):
    ledger.write(
        "models/marts/core/fct_skips.sql",
        "{{ config(day='skipped_on', reads={'playback.skips': 'day'}) }} select play_id, _event_on as skipped_on "
        "from {{ source('playback', 'skips') }} where {{ stale_days('_event_on') }}",
    )
    assert ledger.build("--select", "fct_skips") == {}
    assert ledger.query("select count(*) from core.fct_skips") == [(0,)]
    ledger.land(NEXT, [("2026-01-06#1", 500, "2026-01-06")], "skips")
    assert ledger.build("--select", "fct_skips") == {"fct_skips": ["2026-01-06"]}


def test_a_clock_set_back_does_not_matter(ledger):
    ledger.execute("update ops.ledger set recorded_at = timestamp '2099-01-01 00:00:00'")
    ledger.land(NEXT, [("late", "u9", "t1", 60_000, "2026-01-06")])
    assert ledger.build() == night("2026-01-06")
    assert ledger.build() == {}


def test_two_threads_record_the_same(ledger, built_ledger, tmp_path):
    fresh = type(ledger)(tmp_path / "threads")
    fresh.manifest = built_ledger.manifest
    for name in ("landing",):
        import shutil

        shutil.copytree(built_ledger.home / name, fresh.home / name, dirs_exist_ok=True)
    fresh.build("--threads", "4")
    assert fresh.contents() == built_ledger.contents()


def test_the_ledger_is_only_appended_to(ledger):
    """Whatever happens, rows that were written stay as they were."""
    before = ledger.query("select * from ops.ledger order by all")
    ledger.land(NEXT, plays_of(NEXT)[:2])
    ledger.edit(LISTENING, "count(*) as plays", "count(*) + 0 as plays")
    ledger.build()
    ledger.execute("drop table core.dim_track")
    ledger.build()
    after = ledger.query(f"select * from ops.ledger where sequence <= {max(row[0] for row in before)} order by all")
    assert after == before


def test_all_macros_only_append_to_the_ledger():
    import re

    from ledger_harness import ROOT

    for file in (ROOT / "macros").rglob("*.sql"):
        assert not re.search(
            r"(update|delete from|truncate|overwrite\s+(table\s+)?|replace table)\s*ops\.(ledger|definitions|slices)\b",
            file.read_text(),
        ), file


def test_an_analyst_limits_the_days_that_are_built(ledger):
    """`days` keeps a build to the newest days; what is older stays, and is caught up by the next build without it."""
    ledger.land(NEXT, [*plays_of(NEXT), ("late", "u9", "t1", 60_000, "2026-01-02")])
    assert ledger.build("--vars", "{days: 2}")["fct_plays"] == [NEXT]
    assert ledger.query("select count(*) from core.fct_plays") == [(28,)]
    assert ledger.build()["fct_plays"] == ["2026-01-02"]
    assert ledger.query("select count(*) from core.fct_plays") == [(29,)]
    assert ledger.query("select max(plays_so_far) from business.plays_so_far") == [(29,)]


def test_chunks_are_sized_by_rows(ledger):
    ledger.edit(FCT_PLAYS, "where copy_number = 1", "where copy_number < 2")
    before = ledger.last_sequence()
    ledger.build("--vars", "{chunk_rows: 8}", "--select", "fct_plays")
    chunks = ledger.query(
        f"select count(*) from ops.ledger where relation = 'fct_plays__next' and day is not null and sequence > "
        f"{before} group by sequence order by sequence"
    )
    assert chunks == [(2,), (2,), (2,)]
