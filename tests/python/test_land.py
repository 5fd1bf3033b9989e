"""Landing: from shipped files to typed, pseudonymous dumps, once and exactly."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from estate import DAY, PAYMENT, payments, plays

from scripts import land
from scripts.console import Stop


def test_a_csv_lands_typed_with_its_manifest(estate):
    estate.ship("billing", "payments.csv.gz", payments({}, {"amount": "-3", "due_on": "", "card": ""}))
    report = estate.land()
    assert (report.refused, report.strays, report.rows) == ([], [], 2)
    first, second = estate.rows("billing.payments", "* exclude (account_id, card, _dump_id)")
    at = datetime(2026, 1, 10, 12)
    assert first == (
        "p1", Decimal("9.99"), at, date(2026, 1, 20), 1, 0.5, True, None, at, at, DAY, DAY, DAY, "payments.csv.gz", 2,
    )  # fmt: skip
    assert (second[1], second[3]) == (Decimal("-3.00"), None)
    (manifest,) = estate.manifests("billing.payments")
    assert manifest["rows"] == 2
    assert manifest["event_days"] == [{"day": "2026-01-10", "rows": 2}]
    assert manifest["control_totals"] == {
        "rows": {"declared": None, "counted": 2},
        "amount": {"declared": None, "counted": "6.99"},
    }
    assert manifest["quarantined"] == {}
    assert [c["name"] for c in manifest["columns"]][-1] == "_source_line"


def test_personal_values_do_not_land(estate):
    estate.ship("billing", "payments.csv", payments({"account_id": "alice", "card": "4111"}, {"account_id": "alice"}))
    estate.ship("members", "accounts.csv", "account_id,country,email,full_name\nalice,DE,Al.Ice+x@GMail.com,Alice A\n")
    estate.land()
    content = b"".join(estate.contents().values())
    assert not [word for word in (b"alice", b"4111", b"Alice") if word in content]
    payers = {row[0] for row in estate.rows("billing.payments", "account_id")}
    assert payers == {row[0] for row in estate.rows("members.accounts", "account_id")}, "one person, one pseudonym"


def test_all_rows_of_a_snapshot_are_about_the_day_it_covers(estate):
    accounts = "account_id,country,email,full_name\nalice,DE,a@example.com,Alice A\n"
    estate.ship("members", "accounts.csv", accounts, "2026-01-12/for-2026-01-10")
    estate.land()
    (manifest,) = estate.manifests("members.accounts")
    assert (manifest["arrived_on"], manifest["event_days"]) == ("2026-01-12", [{"day": "2026-01-10", "rows": 1}])


def test_the_same_again_is_nothing_and_other_content_a_correction(estate):
    estate.ship("billing", "payments.csv", payments({}))
    estate.land()
    before = estate.contents()
    assert estate.land().already == 1
    (estate.home / "landing" / ".index.sqlite").unlink()
    assert (estate.land().landed, estate.contents()) == ([], before), "the index is only a cache"
    estate.ship("billing", "payments.csv", payments({}, {}), "2026-01-12/for-2026-01-10")
    estate.land()
    old, new = estate.manifests("billing.payments")
    assert (new["slot"], new["supersedes"], new["arrived_on"]) == (old["slot"], [old["dump_id"]], "2026-01-12")


def test_later_arrivals_are_hidden(estate):
    estate.ship("billing", "payments.csv", payments({}))
    estate.ship("billing", "payments.csv", payments({}, {}), date(2026, 1, 11))
    assert estate.land(on=DAY).rows == 1
    assert estate.land().rows == 2


def test_event_time_is_corrected_by_the_devices_clock(estate):
    two_days_off = {"started_at": "2026-01-08T12:00:00Z", "sent_at": "2026-01-08T12:05:00Z"}
    ahead = {"started_at": "2026-01-10T12:09:00Z", "sent_at": "2026-01-10T12:04:00Z"}
    estate.ship("playback", "plays-1.jsonl.zst", plays({}, two_days_off, ahead, {"sent_at": None}))
    estate.land()
    events = [row[0] for row in estate.rows("playback.plays", "_event_at")]
    noon = datetime(2026, 1, 10, 12)
    assert events == [noon, noon, datetime(2026, 1, 10, 12, 5), noon], "never after it was received"


def test_json_lines_may_leave_out_what_is_optional_and_use_older_names(estate):
    estate.ship("playback", "plays.jsonl", plays({"ms_played": ..., "played_ms": 7, "price": ...}, {"price": 1.25}))
    estate.land()
    assert estate.rows("playback.plays", "ms_played, price") == [(7, None), (30000, Decimal("1.25"))]


def test_commitments_come_in_by_the_same_door(estate):
    row = {"line_id": "l1", "issued_on": DAY, "amount": Decimal("1.10"), "score": 0.1, "is_final": True}
    dump = land.commit("statements", [row], DAY)
    assert land.commit("statements", [row], date(2026, 1, 11)) == dump, "the same rows are the same dump"
    assert estate.rows("nightshift.statements", "line_id, issued_on, amount, score, is_final, note, _arrived_on") == [
        ("l1", DAY, Decimal("1.10"), 0.1, True, None, DAY)
    ]
    land.commit("statements", [row | {"line_id": "l2"}], DAY)
    first, second = estate.manifests("nightshift.statements")
    assert first["supersedes"] == second["supersedes"] == []
    for wrong in ({"amount": "1.234"}, {"amount": None}, {"sum": 1}):
        with pytest.raises(Stop):
            land.commit("statements", [row | wrong], DAY)
    assert len(estate.manifests("nightshift.statements")) == 2
    assert PAYMENT["payment_id"] == "p1"
