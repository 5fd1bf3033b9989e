"""What holds of core whatever arrives, in whatever order: the models' own SQL over generated rows."""


# ruff: noqa: E501  (rows of tables, one a line)

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from compiled import Models
from hypothesis import given, settings
from hypothesis import strategies as st

FIRST = datetime(2026, 1, 1)
SAME = settings(max_examples=200, deadline=None)


@pytest.fixture(scope="module")
def models() -> Models:
    """One database for all cases of this file."""
    return Models()


def built(models: Models, *names: str) -> None:
    """Makes these models and all above them from what is in the landing now."""
    models.run(*names)


def rows(models: Models, table: str) -> list[tuple]:
    """The rows of a table without its lineage, in one order."""
    columns = [c for (c,) in models.rows(f"select column_name from (describe {table})") if not c.startswith("_")]
    return models.rows(f"select {', '.join(columns)} from {table} order by all")


def day(number: int) -> str:
    """Day 0, 1, … of the cases."""
    return str((FIRST + timedelta(days=number)).date())


def insert_by_arrival(models: Models, table: str, arrivals: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Each row in the dump of the night it arrives in."""
    nights: dict[int, list[Mapping[str, Any]]] = {}
    for night, row in arrivals:
        nights.setdefault(night, []).append({**row, "_dump_id": f"dump of night {night}"})
    for night, some in nights.items():
        models.insert(table, some, arrived_on=day(night))


@st.composite
def reported_plays(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Plays on a few days; some are sent again, later, with the same id."""
    reports = []
    for number in range(draw(st.integers(1, 12))):
        at = FIRST + timedelta(minutes=draw(st.integers(0, 3 * 1440 - 1)))
        play = {
            "play_id": f"p{number}",
            "account_id": draw(st.sampled_from("ab")),
            "track_id": draw(st.sampled_from("tu")),
            "started_at": at,
            "ms_played": draw(st.integers(0, 90_000)),
            "country": draw(st.sampled_from(["DE", "FR"])),
        }
        for copy in range(draw(st.integers(1, 3))):
            delay = draw(st.integers(1, 2_000)) + 2_000 * copy
            reports.append({**play, "sent_at": at, "received_at": at + timedelta(minutes=delay)})
    return reports


@SAME
@given(reports=reported_plays(), data=st.data())
def test_plays_are_the_same_in_any_order_and_split_over_any_nights(models, reports, data):
    nights = [data.draw(st.integers(0, 12)) for _ in reports]
    shuffled = data.draw(st.randoms(use_true_random=False))
    models.clear()
    insert_by_arrival(models, "playback.plays", [(0, report) for report in reports])
    built(models, "listening_daily")
    at_once = rows(models, "core.fct_plays"), rows(models, "business.listening_daily")
    arrivals = list(zip(nights, reports, strict=True))
    shuffled.shuffle(arrivals)
    models.clear()
    insert_by_arrival(models, "playback.plays", arrivals)
    built(models, "listening_daily")
    assert (rows(models, "core.fct_plays"), rows(models, "business.listening_daily")) == at_once
    assert len(at_once[0]) == len({report["play_id"] for report in reports})
    assert sum(row[3] for row in at_once[1]) == len(at_once[0])


@SAME
@given(reports=reported_plays(), again=st.randoms(use_true_random=False))
def test_what_is_shipped_twice_counts_once(models, reports, again):
    models.clear()
    insert_by_arrival(models, "playback.plays", [(0, report) for report in reports])
    built(models, "fct_plays")
    once = rows(models, "core.fct_plays")
    insert_by_arrival(models, "playback.plays", [(3, r) for r in again.choices(reports, k=len(reports))])
    built(models, "fct_plays")
    assert rows(models, "core.fct_plays") == once


@SAME
@given(
    versions=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 10_000)), min_size=1, max_size=15
    ),
    order=st.randoms(use_true_random=False),
)
def test_the_newest_version_counts_in_whatever_order_it_comes(models, versions, order):
    newest = {(key, at): amount for key, at, amount in versions}
    arrivals = [
        (order.randint(0, 9), {
            "payment_id": key, "account_id": "x", "attempt": 1, "method": "card", "terminal_id": "t", "currency": "EUR",
            "amount": amount, "result": "succeeded", "invoice_id": "i", "attempted_at": FIRST,
            "updated_at": FIRST + timedelta(hours=at),
        })
        for (key, at), amount in newest.items()
    ]  # fmt: skip
    order.shuffle(arrivals)
    models.clear()
    insert_by_arrival(models, "billing.payments", arrivals)
    built(models, "fct_payments")
    last = {key: max(at for k, at in newest if k == key) for key, _ in newest}
    assert models.rows("select payment_id, amount from core.fct_payments order by 1") == [
        (key, newest[key, at]) for key, at in sorted(last.items())
    ]


@st.composite
def snapshots(draw: st.DrawFn) -> dict[int, dict[str, tuple[str, int]]]:
    """By day: the tracks in the snapshot, each with its title and the day it was made; some days are missing."""
    made: dict[str, int] = {}
    found: dict[int, dict[str, tuple[str, int]]] = {}
    for number in draw(st.sets(st.integers(0, 9), min_size=1)):
        found[number] = {}
    for number in sorted(found):
        for key in draw(st.sets(st.sampled_from("abcd"), min_size=1)):
            made.setdefault(key, draw(st.integers(-2, number)))
            found[number][key] = (draw(st.sampled_from("xyz")), made[key])
    return found


@SAME
@given(found=snapshots())
def test_history_on_a_day_is_that_days_snapshot(models, found):
    """And, besides, only what landed later but was made before: it holds from the day it was made."""
    models.clear()
    for number, tracks in found.items():
        models.insert("catalog.tracks", [
            {
                "track_id": key, "title": title, "recording_id": "r", "release_id": "r", "artist_id": "a", "licensor_id": "l",
                "genre": "g", "released_on": day(0), "is_explicit": False, "duration_ms": 1,
                "created_at": FIRST + timedelta(days=made), "_covers_on": day(number),
            }
            for key, (title, made) in tracks.items()
        ])  # fmt: skip
    built(models, "dim_track_history", "dim_track")
    seen = {key: min(n for n, tracks in found.items() if key in tracks) for tracks in found.values() for key in tracks}
    for number, tracks in found.items():
        held = dict(
            models.rows(f"""
            select track_id, title from core.dim_track_history
            where date '{day(number)}' >= valid_from and date '{day(number)}' < coalesce(valid_to, date '9999-12-31')
        """)
        )
        assert {key: title for key, title in held.items() if seen[key] <= number} == {
            k: t for k, (t, _) in tracks.items()
        }
        assert all(seen[key] > number for key in set(held) - set(tracks))
    last = max(found)
    there = {key for (key,) in models.rows("select track_id from core.dim_track where removed_on is null")}
    assert there == set(found[last])
    overlaps = models.rows("""
        select 1 from core.dim_track_history as a inner join core.dim_track_history as b
            on a.track_id = b.track_id and a.valid_from < b.valid_from and b.valid_from < coalesce(a.valid_to, date '9999-12-31')
    """)
    assert overlaps == []


NARROWED = (
    "fct_plays", "fct_payments", "fct_invoices", "fct_invoice_lines", "fct_credit_notes", "int_catalog__tracks_changes",
    "int_member_listening_daily", "listening_daily", "artist_daily", "revenue_daily", "int_rates__euro_rates",
)  # fmt: skip


def fill(models: Models, dice: random.Random) -> None:
    """A little of everything that core is made of."""
    accounts, tracks, days = "abc", "tuv", range(6)
    at = lambda n: FIRST + timedelta(days=n, hours=dice.randint(0, 23))  # noqa: E731
    models.insert("playback.plays", [
        {"play_id": f"p{i % 25}", "account_id": dice.choice(accounts), "track_id": dice.choice(tracks), "started_at": at(i % 6),
         "sent_at": FIRST, "received_at": FIRST, "ms_played": dice.randint(0, 60_000), "country": dice.choice(["DE", "FR"])}
        for i in range(40)
    ])  # fmt: skip
    for n in days:
        models.insert("catalog.tracks", [
            {"track_id": t, "artist_id": dice.choice("xy"), "title": dice.choice("mn"), "created_at": FIRST, "_covers_on": day(n),
             "duration_ms": 1}
            for t in tracks if dice.random() < 0.8
        ])  # fmt: skip
        models.insert(
            "catalog.artists", [{"artist_id": a, "name": a, "created_at": FIRST, "_covers_on": day(n)} for a in "xy"]
        )
        models.insert("billing.subscriptions", [
            {"subscription_id": a, "account_id": a, "plan_code": dice.choice(["free", "family"]), "state": "active", "country": "DE",
             "currency": "EUR", "started_at": FIRST, "updated_at": at(n), "_covers_on": day(n)}
            for a in accounts
        ])  # fmt: skip
    models.insert("rates.eurofxref", [{"rated_on": day(n), "usd": 1.1, "gbp": 0.9, "jpy": 160} for n in days])
    for i in range(30):
        n, net = dice.choice(days), dice.randint(1, 999)
        document = {"invoice_id": f"i{i % 12}", "currency": "EUR", "updated_at": at(n + 1), "issued_at": at(n)}
        models.insert("billing.invoices", [{
            **document, "account_id": "a", "subscription_id": "a", "country": dice.choice(["DE", "FR"]), "state": "paid",
            "net_amount": net, "tax_amount": 0, "total_amount": net,
        }])  # fmt: skip
        models.insert("billing.invoice_lines", [{
            **document, "invoice_line_id": f"l{i % 12}", "line_number": 1, "kind": "subscription", "plan_code": "family",
            "service_from": FIRST, "service_to": at(30), "gross_amount": net, "discount_amount": 0, "net_amount": net,
            "tax_rate": 0, "tax_amount": 0,
        }])  # fmt: skip
        models.insert("billing.payments", [{
            "payment_id": f"y{i % 12}", "invoice_id": "i", "account_id": "a", "attempt": 1, "method": "card", "terminal_id": "t",
            "amount": net, "currency": "EUR", "result": "succeeded", "attempted_at": at(n), "updated_at": at(n),
        }])  # fmt: skip
    models.insert("billing.credit_notes", [
        {"credit_note_id": f"c{i}", "invoice_id": "i", "invoice_line_id": f"l{dice.randint(0, 14)}", "kind": "refund",
         "reason": "mistake", "currency": "EUR", "net_amount": 1, "tax_amount": 0, "issued_at": at(dice.choice(days))}
        for i in range(8)
    ])  # fmt: skip
    models.insert("billing.ad_revenue", [
        {"revenue_on": day(n), "country": "DE", "plan_code": "free", "impressions": 1, "amount": n, "currency": "EUR",
         "is_final": False, "updated_at": at(n)}
        for n in days
    ])  # fmt: skip


def narrowed(sql: str, days: Iterable[date]) -> str:
    """The compiled SQL asked for some days only, as by_day asks it."""

    def condition(marker: re.Match[str]) -> str:
        column, lookback = marker[1].rsplit(":", 1)
        wanted = {d - timedelta(days=n) for d in days for n in range(int(lookback))}
        return f"{column} in ({', '.join(f'date {str(d)!r}' for d in sorted(wanted))})"

    return re.sub(r"/\*stale:(.*?)\*/true/\*end\*/", condition, sql)


@pytest.mark.parametrize("seed", range(8))
def test_some_days_come_out_as_they_do_in_the_whole(models, seed):
    """What by_day asks for, some days, holds exactly the rows those days have when all of history is asked for."""
    dice = random.Random(seed)
    models.clear()
    fill(models, dice)
    built(models, *NARROWED)
    for name in NARROWED:
        node = models.nodes[name]
        on = node["config"]["day"]
        table = f"{node['schema']}.{name}"
        known = [d for (d,) in models.rows(f"select distinct {on} from {table} order by 1")]
        assert known, name
        for days in (known[:1], dice.sample(known, k=min(2, len(known))), known[-1:]):
            some = ", ".join(f"date '{d}'" for d in days)
            asked = f"select * from ({narrowed(node['compiled_code'], days)}) as some_days where {on} in ({some})"
            whole = f"select * from {table} where {on} in ({some})"
            different = models.rows(
                f"(({asked}) except all ({whole})) union all ((select * from ({whole})) except all (select * from ({asked})))"
            )
            assert different == [], (name, days)
