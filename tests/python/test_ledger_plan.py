"""The plan says what the next build will do, from the same queries, and writes nothing but itself."""

from __future__ import annotations

from ledger_harness import DAYS, plays_of

NEXT = "2026-01-07"
FCT_PLAYS = "models/marts/core/fct_plays.sql"
EVERYTHING = "select table_schema, table_name from information_schema.tables where table_schema <> 'ops' order by all"


def plan(ledger) -> dict[str, dict[str, str]]:
    """The reason for each stale day of each model."""
    written = (
        "select (select count(*) from ops.ledger), (select count(*) from ops.definitions), "
        "(select count(*) from ops.slices)"
    )
    before, tables, contents = ledger.query(written), ledger.query(EVERYTHING), ledger.contents()
    ledger.build(NIGHTSHIFT_PLAN="1")
    assert ledger.query(written) == before and ledger.query(EVERYTHING) == tables and ledger.contents() == contents
    found: dict[str, dict[str, str]] = {}
    for relation, day, reason in ledger.query(
        "select relation, coalesce(cast(day as varchar), 'whole'), reason from ops.plan order by 1, 2"
    ):
        found.setdefault(relation, {})[day] = reason
    return found


def planned_days(found: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    return {name: list(days) for name, days in found.items() if "definition" not in days.values()}


def covers(found: dict[str, dict[str, str]], rebuilt: dict[str, list[str]]) -> bool:
    return all(set(days) <= set(found.get(name, {})) for name, days in rebuilt.items())


def test_nothing_is_planned_when_nothing_is_new(ledger):
    assert plan(ledger) == {}


def test_one_more_day_is_planned_as_it_is_built(ledger):
    ledger.land(NEXT, plays_of(NEXT))
    found = plan(ledger)
    assert found["fct_plays"] == {NEXT: "new day"}
    assert found["listening_monthly"] == {"2026-01-01": "changed: fct_plays"}
    assert ledger.build() == planned_days(found)


def test_late_duplicates_are_planned_further_down_than_they_go(ledger):
    ledger.land(NEXT, plays_of("2026-01-02"))
    found = plan(ledger)
    assert found["fct_plays"] == {"2026-01-02": "changed: playback.plays"}
    assert found["listening_daily"] == {"2026-01-02": "changed: fct_plays"}
    assert found["plays_so_far"]["2026-01-03"] == "changed: self"
    rebuilt = ledger.build()
    assert rebuilt == {"fct_plays": ["2026-01-02"]} and covers(found, rebuilt)


def test_definitions_views_and_seeds_are_planned(ledger):
    ledger.edit(FCT_PLAYS, "where copy_number = 1", "where copy_number = 1 and account_id <> 'u3'")
    ledger.edit("models/staging/playback/stg_playback__tracks.sql", "artist_id,", "upper(artist_id) as artist_id,")
    ledger.edit("seeds/thresholds.csv", "30000", "31500")
    found = plan(ledger)
    assert found["fct_plays"] == dict.fromkeys(DAYS, "definition changed")
    assert found["stg_playback__tracks"] == found["thresholds"] == {"whole": "definition"}
    assert set(found["track_changes"].values()) == {"changed: stg_playback__tracks"}
    assert found["listening_daily"] == dict.fromkeys(DAYS, "changed: fct_plays, thresholds")
    assert found["dim_track"] == {"whole": "changed: track_changes"}
    assert found["artist_daily"] == dict.fromkeys(DAYS, "changed: dim_track, fct_plays")
    assert ledger.query("select * from seeds.thresholds") == [(30000,)], "a plan loads no seed"
    rebuilt = ledger.build()
    assert covers(found, rebuilt) and rebuilt["fct_plays"] == rebuilt["artist_daily"] == DAYS


def test_what_is_made_of_the_ledger_s_own_tables_is_planned(ledger):
    """dbt looks such a table up inside a transaction, which used to take the plan's word back with it."""
    ledger.write("models/ops.yml", "sources: [{name: ops, schema: ops, tables: [{name: visible_dumps}]}]")
    counted = "select table_name, count(*) as dumps from {{ source('ops', 'visible_dumps') }} group by table_name"
    ledger.write("models/marts/business/arrived.sql", "{{ config(materialized='whole') }} " + counted)
    assert ledger.build() == {"arrived": ["whole"]}
    ledger.land(NEXT, plays_of(NEXT))
    found = plan(ledger)
    assert found["arrived"] == {"whole": "changed: ops.visible_dumps"}
    assert ledger.build() == planned_days(found)


def test_a_vanished_day_is_planned(ledger):
    import shutil

    shutil.rmtree(ledger.home / "landing/playback/plays/dt=2026-01-06")
    found = plan(ledger)
    assert found["fct_plays"] == {"2026-01-06": "nothing of it is left"}
    assert found["listening_daily"] == {"2026-01-06": "nothing of it is left"}
    assert ledger.build() == planned_days(found)


def test_a_half_built_definition_is_planned_whole(ledger):
    ledger.edit("dbt_project.yml", "chunk_rows: 10000000", "chunk_rows: 8")
    ledger.edit(FCT_PLAYS, "where copy_number = 1", "where copy_number = 1 and account_id <> 'u3'")
    ledger.build_killed(r'insert into "warehouse"."core"."fct_plays__next"', 3)
    found = plan(ledger)
    assert found["fct_plays"] == dict.fromkeys(DAYS, "definition changed")
    assert set(found["listening_daily"]) == set(DAYS)
    ledger.edit(FCT_PLAYS, "account_id <> 'u3'", "account_id <> 'u2'")
    assert plan(ledger)["fct_plays"] == dict.fromkeys(DAYS, "definition changed"), (
        "what another attempt left does not count"
    )


def test_a_first_build_is_planned(ledger, built_ledger, tmp_path):
    import shutil

    fresh = type(ledger)(tmp_path / "fresh")
    fresh.manifest = built_ledger.manifest
    shutil.copytree(built_ledger.home / "landing", fresh.home / "landing", dirs_exist_ok=True)
    fresh.build(NIGHTSHIFT_PLAN="1")
    planned = dict(fresh.query("select relation, count(*) from ops.plan where reason = 'new day' group by 1"))
    assert planned["fct_plays"] == planned["listening_daily"] == planned["plays_so_far"] == 6
    assert fresh.query(EVERYTHING) == [("landing", f"playback__{name}") for name in ("plays", "skips", "tracks")]
