# ruff: noqa: E501 (rows of tables read better in one line)
"""The money of an appeal: what a robot's plays would have earned is paid when they turn out to be a person's.

The plays of the worked example (docs/royalties.md) and eight more of R4 that the rules judge, as they land, through the
rules, the judgements and what counts as a stream to the lines of statements. Pool: 13.00. Without the eight there are 11
streams, with them 19: R1 6/19, R2 3/19, R3 1/19, R4 9/19, so H1 4.2079, H2 2.4632, H3 0.7868, H4 5.5421; the two
cents left over go to the largest remainders, H1 and H3.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from royalty_world import MONTH, Royalties, example

FEBRUARY = dt.date(2026, 2, 1)
DAY = dt.date(2026, 1, 10)
RULES = (
    "streaming_rules", "stg_playback__plays", "fct_plays", "int_risk__unbroken_listening", "int_risk__account_listening",
    "int_risk__network_listening",
    "int_risk__place_listening", "int_risk__track_listening", "int_risk__pushed_tracks", "int_risk__suspicious_plays",
)  # fmt: skip
JUDGED = (
    "stg_nightshift__judgements", "artificial_plays", "int_plays_counted", "stg_support__streaming_appeals",
    "int_risk__appealed_days", "judgements_due", "int_royalties__daily_streams",
)  # fmt: skip
WITHOUT = {"h1": "6.32", "h2": "4.26", "h3": "1.36", "h4": "1.06"}
WITH = {"h1": "4.21", "h2": "2.46", "h3": "0.79", "h4": "5.54"}


class Label(Royalties):
    """Royalties of plays that land, with what is judged of them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = example()
        at = dt.datetime.combine(DAY, dt.time(9))
        plays = [(who, what, 180_000) for _, who, *_, what, n in self.world.streams for _ in range(n)]
        plays += [("dora", "r4", 31_000 + 700 * n) for n in range(8)]
        self.insert("playback.plays", [
            {"play_id": f"p{n}", "account_id": who, "track_id": what, "ms_played": ms, "country": "FR", "device_id": who,
             "network_prefix": who, "started_at": at + dt.timedelta(minutes=4 * n), "sent_at": at,
             "received_at": at, "_event_at": at + dt.timedelta(minutes=4 * n)}
            for n, (who, what, ms) in enumerate(plays)
        ])  # fmt: skip
        plans = ", ".join(
            f"('{who}', 'FR', 'individual', 'active', date '2020-01-01', cast(null as date))"
            for who in ("ana", "ben", "cleo", "dora")
        )
        self.connection.execute(
            f"create table core.dim_member_plan_history as from (values {plans}) as plans (account_id, billing_country, plan_code, state, valid_from, valid_to)"
        )
        tracks = [(*row, None, None, "band" if row[0] == "r4" else "others", None) for row in self.world.tracks]
        self.connection.executemany(f"insert into core.dim_track values ({', '.join('?' * 9)})", tracks)
        self.connection.execute(
            "create view core.dim_track_history as select *, date '2020-01-01' as valid_from, cast(null as date) as valid_to from core.dim_track"
        )
        self.connection.execute(
            "create or replace table seeds.streaming_rules as select rule, threshold, value from read_csv('seeds/streaming_rules.csv')"
        )
        self.build(RULES[1:])

    def build(self, names: tuple[str, ...]) -> None:
        """Some models, in this order."""
        for name in names:
            node = self.nodes[name]
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            if not (kind == "view" and name in self.made):
                self.connection.execute(
                    f'create or replace {kind} {node["schema"]}."{name}" as {node["compiled_code"]}'
                )
                self.made.add(name)

    def night(self) -> None:
        """Everything from the verdicts on."""
        self.build(JUDGED)
        streams = self.rows(
            "select played_on, account_id, territory, plan_code, is_trial, track_id, streams from intermediate.int_royalties__daily_streams"
        )
        tracks = self.rows("select * from core.dim_track")
        self.make(replace(self.world, streams=streams))
        self.connection.execute("truncate core.dim_track")
        self.connection.executemany(f"insert into core.dim_track values ({', '.join('?' * 9)})", tracks)

    def judge(self, day: str) -> list[tuple[str, int]]:
        """What `judge` commits of what is due."""
        due = self.rows(
            "select play_id, played_on, verdict, reason, appeal_id, account_id, track_id, evidence_json from risk.judgements_due"
        )
        names = ("play_id", "played_on", "verdict", "reason", "appeal_id", "account_id", "track_id", "evidence_json")
        self.insert("nightshift.judgements", [
            {**dict(zip(names, row, strict=True)), "judged_on": day, "rule_version": "v"} for row in due
        ])  # fmt: skip
        return sorted({(row[2], sum(other[2] == row[2] for other in due)) for row in due})

    def appeal(self, verdict: str, day: str) -> None:
        """Support decides an appeal of the band."""
        self.insert("support.streaming_appeals", [
            {"appeal_id": f"ap {day}", "artist_id": "band", "track_id": "r4", "plays_from": "2026-01-01", "plays_to": "2026-01-31",
             "verdict": verdict, "decided_by": "desk-1", "decided_at": f"{day} 12:00:00"}
        ])  # fmt: skip

    def lines(self, columns: str, where: str) -> list[tuple]:
        """Lines of statements, added up."""
        return self.rows(
            f"select {columns}, cast(sum(amount) as varchar) from royalties.fct_statement_lines where {where} group by all order by all"
        )


@pytest.fixture
def label():
    made = Label()
    made.night()
    assert made.judge("2026-01-12") == [("artificial", 8)]
    made.night()
    assert made.rows("select distinct reason, account_id from risk.artificial_plays") == [("just_paid", "dora")]
    assert dict(made.lines("rights_holder_id", "true")) == WITHOUT
    return made


def test_an_appeal_before_the_month_is_closed_simply_counts(label):
    label.appeal("rejected", "2026-01-15")
    label.night()
    assert label.judge("2026-01-16") == []
    label.appeal("reinstated", "2026-01-20")
    label.night()
    assert label.judge("2026-01-21") == [("reinstated", 8)]
    label.night()
    assert label.judge("2026-01-22") == [], "once"
    assert label.rows("select count(*) from risk.artificial_plays") == [(0,)]
    assert dict(label.lines("rights_holder_id", "true")) == WITH
    assert {row[:2] for row in label.lines("line_kind, cause", "true")} == {("earning", None)}


def test_an_appeal_after_the_month_was_closed_comes_back_as_adjustments(label):
    label.close(MONTH, dt.date(2026, 2, 3))
    label.night()
    issued = label.table("royalties.fct_statement_lines")
    assert issued and all(row[1] for row in issued)
    label.appeal("reinstated", "2026-02-10")
    label.night()
    assert label.judge("2026-02-11") == [("reinstated", 8)]
    label.night()
    assert [row for row in label.table("royalties.fct_statement_lines") if row[1]] == issued
    due = "statement_id is null"
    owed = {holder: str(Decimal(WITH[holder]) - Decimal(WITHOUT[holder])) for holder in WITH}
    assert owed == {"h1": "-2.11", "h2": "-1.80", "h3": "-0.57", "h4": "4.48"}
    assert dict(label.lines("rights_holder_id", due)) == owed
    assert {row[:4] for row in label.lines("recording_id, statement_month, line_kind, cause", due)} == {
        ("r1", FEBRUARY, "adjustment", "other plays of the pool"), ("r2", FEBRUARY, "adjustment", "other plays of the pool"),
        ("r3", FEBRUARY, "adjustment", "other plays of the pool"), ("r4", FEBRUARY, "adjustment", "plays reinstated by an appeal"),
    }  # fmt: skip
    label.close(FEBRUARY, dt.date(2026, 3, 3))
    label.night()
    assert label.lines("rights_holder_id", due) == [], "said once"
    assert dict(label.lines("rights_holder_id", "line_kind in ('earning', 'adjustment')")) == WITH
    statements = "select rights_holder_id, cast(adjusted_amount as varchar) from royalties.royalty_statements where statement_id like 'R2602%'"
    assert dict(label.rows(statements)) == owed
