"""What is refused instead of built wrong: broken contracts, reads that cannot be honoured, tests that failed."""

from __future__ import annotations

import pytest
from ledger_harness import DAYS, plays_of

NEXT = "2026-01-07"
LISTENING = "models/marts/business/listening_daily.sql"
SO_FAR = "models/marts/business/plays_so_far.sql"


def message(results, name: str) -> str:
    return str(results[name].message)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("today.plays +", "'x' || today.plays +", "plays_so_far"),
        ("today.played_on,\n", "today.played_on, 1 as extra,\n", "extra"),
        (
            "today.played_on,\n    today.plays + coalesce(before.plays_so_far, 0) as plays_so_far",
            "today.played_on",
            "plays_so_far",
        ),
    ],
    ids=["another type", "a column too many", "a column missing"],
)
def test_an_enforced_contract_refuses(ledger, old, new, said):
    ledger.edit(SO_FAR, old, new)
    ledger.land(NEXT, plays_of(NEXT))
    results = ledger.dbt(
        "build", "--select", "fct_plays", "plays_so_far", "--exclude-resource-type", "test", expect=False
    )
    assert "contract" in message(results, "plays_so_far") and said in message(results, "plays_so_far")
    assert str(results["fct_plays"].status) == "success"
    assert ledger.query("select max(plays_so_far), count(*) from business.plays_so_far") == [(24, 6)], (
        "the last good one stands"
    )


def test_a_contract_is_kept_also_when_only_the_input_changed(ledger):
    """The model is the same; the type of a column upstream is not."""
    ledger.write(
        "models/marts/business/longest.yml",
        "models: [{name: longest, columns: [{name: played_on, data_type: date}, {name: longest, data_type: bigint}]}]",
    )
    ledger.write(
        "models/marts/business/longest.sql",
        "{{ config(day='played_on', reads={'fct_plays': 'day'}, contract={'enforced': true}) }} select "
        "played_on, max(ms_played) as longest from {{ ref('fct_plays') }} where {{ stale_days('played_on') }} "
        "group by played_on",
    )
    assert ledger.build("--select", "longest") == {"longest": DAYS}
    ledger.edit(
        "models/marts/core/fct_plays.sql",
        "ms_played, played_on, _dump_id\nfrom",
        "ms_played + 0.5 as ms_played, played_on, _dump_id\nfrom",
    )
    results = ledger.dbt("build", "--select", "fct_plays", "longest", expect=False)
    assert "contract" in message(results, "longest")


BY_DAY = (
    "{{ config(day='played_on'%s) }} select played_on, count(*) as n from {{ ref('fct_plays') }} "
    "where {{ stale_days('played_on'%s) }} group by played_on"
)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (BY_DAY % ("", ""), "no input is read by day"),
        (BY_DAY % (", reads={'fct_play': 'day'}", ""), "which it does not read; it reads fct_plays"),
        (BY_DAY % (", reads={'fct_plays': 'daily'}", ""), "say one of day"),
        (BY_DAY % (", reads={'fct_plays': 0}", ""), "say one of day"),
        (
            BY_DAY % (", reads={'fct_plays': 'day'}", ", lookback=3"),
            "looks back 3 periods on played_on, but its reads say 1",
        ),
        (BY_DAY % (", reads={'fct_plays': 'day', 'self': 'previous'}", ""), "enforce its contract"),
        (BY_DAY.replace("fct_plays", "dim_track") % (", reads={'dim_track': 'day'}", ""), "dim_track has no days"),
        (
            BY_DAY.replace("fct_plays", "listening_monthly") % (", reads={'listening_monthly': 'day'}", ""),
            "listening_monthly is by month",
        ),
        (
            BY_DAY.replace("where", "cross join (select max(plays) from {{ ref('listening_daily') }}) as most where")
            % (", reads={'fct_plays': 'day', 'listening_daily': 'sliced'}", ""),
            "has no valid_from and valid_to",
        ),
        (
            BY_DAY.replace("where", "cross join {{ ref('dim_track') }} where")
            % (", reads={'fct_plays': 'day', 'dim_track': 'latest'}", ""),
            "only a landed table is read 'latest'",
        ),
        (
            "{{ config(materialized='whole', reads={'fct_plays': 'day'}) }} select count(*) as n from {{ "
            "ref('fct_plays') }}",
            "a whole table reads fct_plays 'whole'",
        ),
    ],
)
def test_ways_of_reading_that_cannot_be_honoured(ledger, sql, said):
    ledger.write("models/marts/core/odd.sql", sql)
    results = ledger.dbt("build", "--select", "odd", expect=False)
    assert said in message(results, "odd")


def test_a_failed_test_is_asked_again_until_it_passes(ledger):
    """The days that failed are tested again although nothing is stale; what is below waits, and so does its release."""
    release(ledger)
    ledger.land(NEXT, [*plays_of(NEXT), ("bad", "u9", "t1", None, NEXT)])
    ledger.edit(
        "models/marts/business/plays_so_far.yml",
        "  - name: listening_daily\n",
        "  - {name: fct_plays, columns: [{name: ms_played, data_tests: [not_null]}]}\n  - name: listening_daily\n",
    )
    for _ in range(2):
        results = ledger.dbt("build", expect=False)
        assert str(results["not_null_fct_plays_ms_played"].status) == "fail"
        assert str(results["listening_daily"].status) == "skipped"
        assert domains(ledger) == {"core": False, "business": False, "playback": True, "seeds": True}
    assert ledger.query("select count(*) from business.listening_daily") == [(6,)]
    ledger.land("2026-01-08", plays_of(NEXT), supersedes=[dump for dump in dumps(ledger, NEXT)], covers_on=NEXT)
    assert ledger.build(tests=True)["listening_daily"] == [NEXT]
    assert all(domains(ledger).values())


def test_tests_look_at_the_days_changed_since_the_last_publication(ledger):
    """A fault in an old, published day is not looked for every night; on demand it is."""
    release(ledger)
    ledger.execute("insert into business.listening_daily values (date '2026-01-02', null, 0)")
    ledger.land(NEXT, plays_of(NEXT))
    ledger.build(tests=True)
    ledger.dbt("build", "--select", "listening_daily", expect=False, NIGHTSHIFT_TEST_ALL="1")
    ledger.execute("insert into business.listening_daily values (date '2026-01-07', null, 0)")
    ledger.dbt("build", "--select", "listening_daily", expect=False)
    release(ledger)
    ledger.dbt("build", "--select", "listening_daily")


def test_a_domain_is_certified_only_when_all_of_it_ran(ledger):
    assert all(domains(ledger).values())
    ledger.build("--select", "fct_plays", tests=True)
    failures = ledger.query(
        "select failures from ops.domain_checks where domain = 'business' order by checked_at desc limit 1"
    )
    assert "listening_daily: did not run" in failures[0][0]
    ledger.write("models/marts/core/passed_through.sql", "{{ config(materialized='ephemeral') }} select 1 as one")
    ledger.build(tests=True)
    assert all(domains(ledger).values()), "an ephemeral model is nothing that could run"


def test_show_compile_docs_and_unit_tests_work_as_on_any_model(ledger):
    shown = ledger.dbt("show", "--select", "listening_daily", "--limit", "50")["listening_daily"].agate_table
    assert len(shown.rows) == 6
    compiled = ledger.dbt("compile", "--select", "plays_so_far")["plays_so_far"].node.compiled_code
    assert next(row[1] for row in sorted(ledger.query(compiled.replace('"warehouse".', "")))) == 4
    ledger.dbt("docs", "generate", "--no-compile")
    assert (
        str(
            ledger.dbt("test", "--select", "listening_daily,test_type:unit")[
                "a_stream_is_at_least_thirty_seconds"
            ].status
        )
        == "pass"
    )


def test_comments_follow_the_yaml(ledger):
    """Descriptions reach the database also when no day is stale."""
    comments = "select comment from duckdb_columns() where table_name = 'listening_daily' and column_name = 'plays'"
    ledger.edit(
        "dbt_project.yml",
        "    +materialized: by_day\n",
        "    +materialized: by_day\n    +persist_docs: {relation: true, columns: true}\n",
    )
    ledger.edit(
        "models/marts/business/plays_so_far.yml",
        "      - name: plays\n        data_tests",
        "      - name: plays\n        description: Number of plays.\n        data_tests",
    )
    assert ledger.build("--select", "listening_daily") == {}
    assert ledger.query(comments) == [("Number of plays.",)]


def release(ledger) -> None:
    """What publish does once a night is out."""
    ledger.execute(
        "insert into ops.releases select domain, max(sequence), 'r', current_timestamp from ops.ledger group by domain"
    )


def domains(ledger) -> dict[str, bool]:
    """The newest certificate of each domain."""
    return dict(
        ledger.query(
            "select distinct on (domain) domain, passed from ops.domain_checks order by domain, checked_at desc"
        )
    )


def dumps(ledger, day: str) -> list[str]:
    return [folder.name for folder in (ledger.home / f"landing/playback/plays/dt={day}").iterdir()]
