"""The simulator: deterministic, exact, shaped like life, and everything that should go wrong does."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from scripts.backends import load_all
from scripts.console import Stop
from scripts.simulate import simulate, write_days
from scripts.simulator import world
from scripts.simulator.settings import Settings, Target

TINY = Settings(seed=5, days=6, members=120, artists=80, tracks=240, plays_per_day=300, hourly_days=3)
SMALL = Settings(seed=11, days=42, members=2500, artists=500, tracks=2000, plays_per_day=4000, hourly_days=5)


def tree(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class Shipped:
    """A world as written, and ways to read it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.inbox, self.truth = settings, folder / "inbox", folder / "truth"
        write_days(settings, Target(self.inbox, self.truth), range(settings.days), workers=2)
        self.duckdb = duckdb.connect()
        self.duckdb.execute("set threads = 2")

    def folder(self, backend: str, day: int, about: int | None = None) -> Path:
        folder = self.inbox / backend / str(self.settings.date(day))
        return folder if about is None else folder / f"for-{self.settings.date(about)}"

    def rows(self, path: Path) -> list[dict[str, str]]:
        """The rows of a CSV, as text."""
        with gzip.open(path, "rt", newline="") as file:
            return list(csv.DictReader(file))

    def all_rows(self, backend: str, stem: str) -> list[dict[str, str]]:
        """The rows of a log in order of arrival, corrections in the place of what they correct."""
        rows = []
        for day in range(self.settings.days):
            path = self.folder(backend, day) / f"{stem}.csv.gz"
            for later in range(day, self.settings.days):
                right = self.folder(backend, later, day) / path.name
                path = right if right.exists() else path
            rows += self.rows(path) if path.exists() else []
        return rows

    def newest(self, stem: str, key: str) -> dict[str, dict[str, str]]:
        """The newest version of each row of a billing log."""
        found: dict[str, dict[str, str]] = {}
        for row in self.all_rows("billing", stem):
            found[row[key]] = row
        return found

    def lines(self, path: Path) -> list[bytes]:
        return gzip.decompress(path.read_bytes()).split(b"\n")

    def plays(self, day: int, about: int | None = None) -> list[dict]:
        """The readable plays of a day's files."""
        rows = []
        for path in sorted(self.folder("playback", day, about).glob("plays-*.jsonl.gz")):
            for line in self.lines(path):
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                rows.append(row)
        return rows

    def sql(self, query: str) -> list[tuple]:
        return self.duckdb.execute(query.format(truth=self.truth, inbox=self.inbox)).fetchall()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return Shipped(SMALL, tmp_path_factory.mktemp("small"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", ""))


# Deterministic


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of a tiny world written by one process."""
    folder = tmp_path_factory.mktemp("whole")
    write_days(TINY, Target(folder / "inbox", folder / "truth"), range(TINY.days))
    return tree(folder)


def test_same_settings_same_bytes_whatever_the_processes(whole, tmp_path):
    write_days(TINY, Target(tmp_path / "inbox", tmp_path / "truth"), range(TINY.days), workers=2)
    assert tree(tmp_path) == whole


def test_some_days_are_the_same_as_in_the_whole(whole, tmp_path):
    for days in (range(2, 4), range(5, 6)):
        part = tmp_path / f"part-{days.start}"
        write_days(TINY, Target(part / "inbox", None), days)
        names = {str(TINY.date(day)) for day in days}
        assert tree(part) == {n: h for n, h in whole.items() if n.startswith("inbox/") and n.split("/")[2] in names}


def test_one_feed_alone_is_the_same_as_in_the_whole(whole, tmp_path):
    write_days(TINY, Target(tmp_path / "inbox", None, ("playback.plays", "bank")), range(TINY.days))
    assert tree(tmp_path) == {n: h for n, h in whole.items() if "/plays-" in n or n.startswith("inbox/bank/")}


def test_another_seed_is_another_world(tmp_path):
    for seed in (1, 2):
        write_days(replace(TINY, seed=seed), Target(tmp_path / str(seed), None), range(1))
    one, two = tree(tmp_path / "1"), tree(tmp_path / "2")
    same = {name for name in one if one[name] == two.get(name)}
    assert {Path(name).name for name in same} <= {
        "plans.csv.gz",
        "licensors.parquet",
        "contracts.parquet",
        "prices.csv.gz",
    }


# What the YAML says


def test_every_file_is_of_a_table_and_has_its_columns(shipped):
    backends = load_all()
    seen = set()
    for path in sorted(p for p in shipped.inbox.rglob("*") if p.is_file() and p.name != "_totals.json"):
        backend = backends[path.relative_to(shipped.inbox).parts[0]]
        tables = [t for t in backend.tables.values() if t.files and path.match(t.files)]
        assert len(tables) == 1, path
        table = tables[0]
        if table.name in seen and table.name != "plays":
            continue
        seen.add(table.name)
        names = {c.name for c in table.shipped}
        if path.suffix == ".parquet":
            assert set(pq.read_schema(path).names) == names
        elif ".csv" in path.name:
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            header = next(csv.reader(io.StringIO(text.decode())))
            header = [table.renamed.get(name, name) for name in header if name]
            assert header == [c.name for c in table.shipped], path
        else:
            keys = set().union(*(json.loads(line) for line in shipped.lines(path)[:50] if line.startswith(b'{"')))
            keys = {table.renamed.get(key, key) for key in keys}
            assert keys <= names
            assert {c.name for c in table.shipped if c.required} <= keys
    expected = {t.name for b in backends.values() for t in b.tables.values() if t.kind != "commitment"}
    assert seen == expected


def test_declared_totals_are_those_of_the_files(shipped):
    declared = sorted(shipped.inbox.rglob("_totals.json"))
    assert {p.relative_to(shipped.inbox).parts[0] for p in declared} == {"billing", "processor", "bank"}
    for path in declared:
        for name, totals in json.loads(path.read_text()).items():
            rows = shipped.rows(path.parent / name)
            assert totals["rows"] == len(rows)
            for column, amount in totals["sum"].items():
                assert Decimal(amount) == sum((Decimal(row[column]) for row in rows), Decimal(0)), (path, name)


def test_rates_have_the_layout_of_the_central_bank(shipped):
    files = {day: shipped.folder("rates", day) / "eurofxref-hist.csv" for day in range(shipped.settings.days)}
    first = files[0].read_text().splitlines()
    assert first[0].startswith("Date,USD,JPY,BGN,CYP,") and first[0].endswith(",ZAR,")
    dates = [line.split(",")[0] for line in first[1:]]
    assert dates == sorted(dates, reverse=True) and len(dates) > 50
    for day, path in files.items():
        weekend = shipped.settings.date(day).weekday() >= 5
        if weekend and day:
            assert not path.exists()
    after = (files[35]).read_text().splitlines()[1].split(",")
    assert after[first[0].split(",").index("BGN")] == "N/A" and after[first[0].split(",").index("CYP")] == "N/A"


# Money


def test_invoice_lines_follow_the_price_list_to_the_cent(shipped):
    """Recomputed here with fractions from the price list as shipped, tax and discount included."""
    last = shipped.settings.days - 1
    prices = defaultdict(list)
    for row in shipped.rows(shipped.folder("billing", last) / "prices.csv.gz"):
        prices[row["plan_code"], row["currency"], Decimal(row["tax_rate"])].append(row)
    checked = Counter()
    for row in shipped.all_rows("billing", "invoice_lines"):
        gross, discount = Decimal(row["gross_amount"]), Decimal(row["discount_amount"])
        net, tax = Decimal(row["net_amount"]), Decimal(row["tax_amount"])
        assert gross - discount == net + tax and discount >= 0
        months = (moment(row["service_to"]) - moment(row["service_from"])).days
        if row["kind"] != "subscription" or (row["plan_code"] != "annual" and not 28 <= months <= 31):
            continue
        unit = Decimal(1) if row["currency"] == "JPY" else Decimal("0.01")
        rate = Fraction(Decimal(row["tax_rate"]))
        possible = set()
        for price in prices[row["plan_code"], row["currency"], Decimal(row["tax_rate"])]:
            for percent in (0, 10, 50):
                listed = Decimal(price["amount"])
                left = listed - rounded(Fraction(listed) * percent / 100, unit)
                if price["tax_mode"] == "added":
                    possible.add((left, rounded(Fraction(left) * rate, unit)))
                else:
                    inside = rounded(Fraction(left) * rate / (1 + rate), unit)
                    possible.add((left - inside, inside))
        if (net, tax) in possible:
            checked["list"] += 1
            checked["discounted"] += discount > 0
        else:
            checked["prorated"] += 1
    assert checked["list"] > 500 and checked["discounted"] > 20
    assert checked["prorated"] < 0.05 * checked["list"]


def rounded(value: Fraction, unit: Decimal) -> Decimal:
    """Half up to a unit, by exact division."""
    return Decimal((2 * value / Fraction(unit) + 1) // 2) * unit


def test_invoices_are_the_sum_of_their_lines(shipped):
    lines = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in shipped.all_rows("billing", "invoice_lines"):
        lines[row["invoice_id"]][0] += Decimal(row["net_amount"])
        lines[row["invoice_id"]][1] += Decimal(row["tax_amount"])
    invoices = shipped.newest("invoices", "invoice_id")
    assert invoices.keys() == lines.keys()
    for key, row in invoices.items():
        assert [Decimal(row["net_amount"]), Decimal(row["tax_amount"])] == lines[key]
    assert {row["state"] for row in invoices.values()} == {"open", "paid", "uncollectible", "void"}


def revenue(shipped: Shipped, until: int, lines: list[dict[str, str]]) -> dict:
    """Gross, discount, tax and refunds by day, country, plan and currency from the files alone."""
    totals: dict = defaultdict(lambda: [Decimal(0)] * 4)
    country = {r["invoice_id"]: r["country"] for r in shipped.all_rows("billing", "invoices")}
    plan = {}
    for row in lines:
        plan[row["invoice_id"]] = row["plan_code"]
        key = (row["issued_at"][:10], country[row["invoice_id"]], row["plan_code"], row["currency"])
        amounts = (row["gross_amount"], row["discount_amount"], row["tax_amount"], "0")
        totals[key] = [a + Decimal(b) for a, b in zip(totals[key], amounts, strict=True)]
    refunds: dict[str, dict] = {}
    for day in range(until + 1):
        for row in shipped.rows(shipped.folder("billing", day) / "refunds.csv.gz"):
            refunds[row["refund_id"]] = row
    for row in refunds.values():
        if row["state"] != "failed":
            key = (row["requested_at"][:10], country[row["invoice_id"]], plan[row["invoice_id"]], row["currency"])
            totals[key][3] += Decimal(row["amount"]) - Decimal(row["tax_amount"])
    return {key: tuple(v) for key, v in totals.items() if any(v)}


def true_revenue(shipped: Shipped, until: int) -> dict:
    found = shipped.sql(f"""
        select day::varchar, country, plan_code, currency, sum(gross), sum(discount), sum(tax), sum(refunds), sum(net)
        from '{{truth}}/revenue.parquet' where known_on <= date '{shipped.settings.date(until)}' group by all
    """)
    for *_, gross, discount, tax, refunds, net in found:
        assert net == gross - discount - tax - refunds
    return {tuple(row[:4]): tuple(row[4:8]) for row in found if any(row[4:8])}


def test_true_revenue_is_what_the_files_say(shipped):
    assert true_revenue(shipped, shipped.settings.days - 1) == revenue(
        shipped, shipped.settings.days - 1, shipped.all_rows("billing", "invoice_lines")
    )


def test_true_revenue_knows_of_a_wrong_export_until_its_correction(shipped):
    wrong = shipped.settings.incidents.wrong_invoice_lines
    lines = [r for d in range(wrong + 2) for r in shipped.rows(shipped.folder("billing", d) / "invoice_lines.csv.gz")]
    before = true_revenue(shipped, wrong + 1)
    assert before == revenue(shipped, wrong + 1, lines)
    key = next(k for k in before if k[0] == str(shipped.settings.date(wrong)) and k[1] == "DE" and before[k][0])
    assert before[key][2] == 0 < true_revenue(shipped, wrong + 2)[key][2]


def test_settlements_lead_to_bookings(shipped):
    """Payouts and bank agree, but for the one that comes short now and then."""
    payouts: Counter = Counter()
    for row in shipped.all_rows("processor", "settlements"):
        gross, fee = Decimal(row["settled_gross_amount"]), Decimal(row["settled_fee_amount"])
        assert Decimal(row["settled_net_amount"]) == gross - fee
        exact = Decimal(row["gross_amount"]) * Decimal(row["exchange_rate"])
        assert gross == exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
        payouts[row["payout_id"]] += Decimal(row["settled_net_amount"])
    booked = {}
    for row in shipped.all_rows("bank", "statements"):
        assert date.fromisoformat(row["value_on"]).weekday() < 5
        if row["reference"].startswith("PAYOUT"):
            booked[row["reference"].split()[1]] = Decimal(row["amount"])
    assert booked.keys() <= payouts.keys() and len(booked) > 50
    different = {key: payouts[key] - amount for key, amount in booked.items() if payouts[key] != amount}
    assert 1 <= len(different) <= 0.05 * len(booked)


def test_every_refund_has_its_credit_note_and_its_payment(shipped):
    payments = shipped.newest("payments", "payment_id")
    refunds = shipped.newest("refunds", "refund_id")
    notes = {r["refund_id"]: r for r in shipped.all_rows("billing", "credit_notes") if r["kind"] == "refund"}
    assert notes.keys() == {key for key, row in refunds.items() if row["state"] != "failed"}
    lags = []
    for key, row in refunds.items():
        payment = payments[row["payment_id"]]
        assert payment["result"] == "succeeded" and Decimal(row["amount"]) <= Decimal(payment["amount"])
        lags.append((moment(row["requested_at"]) - moment(payment["attempted_at"])).days)
        if key in notes:
            assert Decimal(row["amount"]) == Decimal(notes[key]["net_amount"]) + Decimal(notes[key]["tax_amount"])
    assert max(lags) > 20


def test_gift_cards_never_pay_more_than_they_hold(shipped):
    left: dict[str, Decimal] = {}
    events = Counter()
    for row in shipped.all_rows("billing", "gift_cards"):
        events[row["event"]] += 1
        if row["event"] == "sold":
            left[row["gift_card_id"]] = Decimal(row["amount"])
        else:
            left[row["gift_card_id"]] -= Decimal(row["amount"])
            assert left[row["gift_card_id"]] >= 0
            assert row["event"] == "redeemed" or left[row["gift_card_id"]] == 0
    assert min(events[name] for name in ("sold", "redeemed", "expired")) > 0


# What goes wrong


def test_late_plays_copies_and_skewed_clocks(shipped):
    ((rows, late, latest, copies, skewed),) = shipped.sql("""
        select count(*), avg((arrived_on > played_on)::int), max(arrived_on - played_on), avg(is_copy::int),
            avg(is_skewed::int)
        from '{truth}/plays/*.parquet'
    """)
    assert rows == pytest.approx(shipped.settings.days * shipped.settings.plays_per_day, rel=0.2)
    assert 0.02 < late < 0.035 and latest == 10
    assert 0.003 < copies < 0.007
    assert 0 < skewed < 0.03
    ((same,),) = shipped.sql("""
        select count(*) from (
            select play_id from '{truth}/plays/*.parquet' group by play_id
            having count(distinct (account_id, track_id, started_at)) > 1 or count(*) filter (not is_copy) <> 1
        )
    """)
    assert same == 0


def test_the_true_time_follows_from_the_three_clocks(shipped):
    """started_at + (received_at - sent_at) falls on the true day for every play, however wrong the device."""
    truth = dict(shipped.sql("select play_id, played_on from '{truth}/plays/*.parquet'"))
    largest = timedelta(0)
    for day in range(8, 20):
        for row in shipped.plays(day):
            started, sent, received = (moment(row[name]) for name in ("started_at", "sent_at", "received_at"))
            assert (started + (received - sent)).date() == truth[row["play_id"]]
            assert received.date() == shipped.settings.date(day)
            largest = max(largest, abs(received - sent))
    assert timedelta(hours=12) < largest < timedelta(hours=49)


def test_files_hold_exactly_the_true_plays(shipped):
    for day in (0, 17, 30):
        true = shipped.sql(f"select play_id from '{{truth}}/plays/{shipped.settings.date(day)}.parquet' order by 1")
        assert sorted(row["play_id"] for row in shipped.plays(day)) == [play_id for (play_id,) in true]


def test_schema_of_plays_changes_after_two_thirds(shipped):
    change = shipped.settings.incidents.schema_change
    before, after = shipped.plays(change - 1), shipped.plays(change + 20 if change + 20 < 42 else 41)
    assert all("played_ms" in row and "audio_quality" not in row for row in before)
    assert all("ms_played" in row for row in after)
    assert {row.get("audio_quality") for row in after} >= {"low", "high"}
    assert change == 28


def test_truncated_last_lines_and_broken_bytes(shipped):
    cut = broken = 0
    for day in range(shipped.settings.days):
        for path in sorted(shipped.folder("playback", day).glob("plays-*.jsonl.gz")):
            lines = shipped.lines(path)
            cut += lines[-1] != b""
            broken += any(b"\xff" in line or b"\x00" in line for line in lines)
    assert cut >= 4 and broken >= 4


def test_outage_and_launch_days_show(shipped):
    counts = dict(shipped.sql("select played_on, count(*) from '{truth}/plays/*.parquet' where not is_copy group by 1"))
    settings = shipped.settings
    usual = np.median(list(counts.values()))
    assert counts[settings.date(settings.incidents.outage)] < 0.5 * usual
    assert counts[settings.date(settings.incidents.launch)] > 1.3 * usual
    (top,) = shipped.sql(f"""
        select artist_id, count(*) / sum(count(*)) over () from '{{truth}}/plays/*.parquet'
        where played_on = '{settings.date(settings.incidents.launch)}' group by 1 order by 2 desc limit 1
    """)
    assert top[1] > 0.15


def test_a_corrected_dump_of_plays_and_of_invoice_lines(shipped):
    settings = shipped.settings
    wrong = settings.incidents.wrong_plays
    first, right = shipped.plays(wrong), shipped.plays(wrong + 2, about=wrong)
    assert len(first) == len(right)
    differ = [a for a, b in zip(first, right, strict=True) if a != b]
    assert differ and {row["country"] for row in differ} == {"US"}
    wrong = settings.incidents.wrong_invoice_lines
    before = shipped.rows(shipped.folder("billing", wrong) / "invoice_lines.csv.gz")
    after = shipped.rows(shipped.folder("billing", wrong + 2, wrong) / "invoice_lines.csv.gz")
    assert len(before) == len(after) and before != after
    assert (shipped.folder("billing", wrong + 2, wrong) / "_totals.json").exists()


def test_a_snapshot_that_never_came_and_one_that_came_late(shipped):
    incidents = shipped.settings.incidents
    days = [d for d in range(shipped.settings.days) if not (shipped.folder("members", d) / "accounts.csv.gz").exists()]
    assert days == [incidents.accounts_missing]
    late = incidents.tracks_late
    assert not (shipped.folder("catalog", late) / "tracks.parquet").exists()
    assert (shipped.folder("catalog", late + 1, late) / "tracks.parquet").exists()


def test_splits_that_do_not_add_up_are_repaired_later(shipped):
    def wrong(day: int) -> set[str]:
        path = shipped.folder("catalog", day) / "splits.parquet"
        found = shipped.sql(f"""
            select t.recording_id from (select distinct recording_id from '{path.parent}/tracks.parquet') as t
            left join (
                select s.* from '{path}' as s
                join '{path.parent}/rights_holders.parquet' as h using (rights_holder_id)
                where valid_from <= date '{shipped.settings.date(day)}'
                    and coalesce(valid_to, date '9999-01-01') > date '{shipped.settings.date(day)}'
            ) as s using (recording_id)
            group by 1 having coalesce(sum(share), 0) <> 1
        """)
        return {recording for (recording,) in found}

    late = shipped.settings.incidents.tracks_late
    before, after = wrong(5), wrong(late - 1)
    assert 5 < len(before) < 100
    ((changed, moved),) = shipped.sql("""
        select count(*) filter (shares > 1), count(*) filter (entered > 1) from (
            select split_id, count(distinct share) as shares, count(distinct created_at) as entered
            from '{inbox}/catalog/*/splits.parquet' group by 1
        )
    """)
    assert changed > 0 and moved == 0
    assert len(before - after) >= 3


def test_chargebacks_come_weeks_later_and_change(shipped):
    payments = shipped.newest("payments", "payment_id")
    opened = {r["chargeback_id"]: r for r in shipped.all_rows("billing", "chargebacks")}
    lags = [(moment(r["opened_at"]) - moment(payments[r["payment_id"]]["attempted_at"])).days for r in opened.values()]
    assert len(lags) > 10 and min(lags) >= 10 and max(lags) > 30
    assert {r["state"] for r in opened.values()} >= {"open", "lost"}


def test_erasure_requests(shipped):
    asked = {}
    for day in range(shipped.settings.days):
        path = shipped.folder("members", day) / "erasure_requests.jsonl.gz"
        if path.exists():
            asked[day] = [json.loads(line)["account_id"] for line in shipped.lines(path) if line]
    assert list(asked) == list(shipped.settings.incidents.erasures)
    (day, (account,)), *_ = asked.items()
    there = {d: any(r["account_id"] == account for r in shipped.rows(shipped.folder("members", d) / "accounts.csv.gz"))
             for d in (day - 1, day + 2, day + 9)}  # fmt: skip
    assert there == {day - 1: True, day + 2: True, day + 9: False}
    assert all(row["account_id"] != account for row in shipped.plays(day + 2))


def test_a_clock_an_hour_ahead(shipped):
    off = shipped.settings.incidents.clock_off
    ahead = {
        day: max(moment(r["attempted_at"]) for r in shipped.rows(shipped.folder("billing", day) / "payments.csv.gz"))
        for day in (off - 1, off, off + 1)
    }
    first = {
        day: min(moment(r["updated_at"]) for r in shipped.rows(shipped.folder("billing", day) / "payments.csv.gz")
                 if r["result"] != "succeeded" or r["method"] != "direct_debit")
        for day in (off - 1, off, off + 1)
    }  # fmt: skip
    assert first[off].hour >= 1
    assert ahead[off - 1].date() == shipped.settings.date(off - 1)


def test_payments_that_break_their_contract_are_few(shipped):
    negative = [row for row in shipped.all_rows("billing", "payments") if row["amount"].startswith("-")]
    assert 1 <= len(negative) <= 5


# Like life


def test_popularity_has_a_long_tail(shipped):
    plays = shipped.sql("select count(*) from '{truth}/plays/*.parquet' where not is_artificial group by artist_id")
    counts = np.sort([n for (n,) in plays])[::-1]
    slope = np.polyfit(np.log(np.arange(1, 101)), np.log(counts[:100]), 1)[0]
    assert -1.4 < slope < -0.6
    assert counts[:5].sum() > 0.15 * counts.sum() and len(counts) > 0.85 * shipped.settings.artists


def test_daily_and_weekly_cycles(shipped):
    hours = dict(
        shipped.sql("""
        select hour(started_at), count(*) from '{truth}/plays/*.parquet' where country = 'DE' and habit = '' group by 1
    """)
    )
    assert hours[17] > 5 * hours[2]
    days = dict(
        shipped.sql("""
        select isodow(played_on), avg(n) from (
            select played_on, count(*) as n from '{truth}/plays/*.parquet' where habit = '' group by 1
        ) group by 1
    """)
    )
    assert days[5] > days[1]


def test_listeners_stay_in_their_clusters(shipped):
    """So that a recommender can beat popularity: what a listener plays again is far from what all play."""
    ((share,),) = shipped.sql("""
        with plays as (select account_id, artist_id from '{truth}/plays/*.parquet' where habit = ''),
        mine as (select account_id, artist_id, count(*) as n from plays group by all),
        ranked as (select *, row_number() over (partition by account_id order by n desc, artist_id) as rank from mine)
        select sum(n) filter (rank <= 10) / sum(n) from ranked
    """)
    ((all_,),) = shipped.sql("""
        select sum(n) filter (rank <= 10) / sum(n) from (
            select count(*) as n, row_number() over (order by count(*) desc) as rank
            from '{truth}/plays/*.parquet' where habit = '' group by artist_id
        )
    """)
    assert share > 1.5 * all_


def test_who_listens_little_leaves_sooner(shipped):
    ((left, stayed),) = shipped.sql("""
        select avg(ln(activity)) filter (left_reason in ('price', 'not_used', 'competitor', 'other')),
            avg(ln(activity)) filter (left_reason is null)
        from '{truth}/members.parquet' where not is_bot
    """)
    assert left < stayed - 0.1
    ((early, late),) = shipped.sql(f"""
        select
            sum(plays) filter (weeks = 4), sum(plays) filter (weeks = 1)
        from (
            select m.account_id, (m.left_at::date - p.played_on) // 7 + 1 as weeks, count(*) as plays
            from '{{truth}}/members.parquet' as m join '{{truth}}/plays/*.parquet' as p using (account_id)
            where left_reason = 'not_used' and m.left_at between p.played_on and p.played_on + interval 28 days
                and m.left_at > date '{shipped.settings.date(30)}'
            group by all
        )
    """)
    assert 0 < late < 0.8 * early


def test_growth_and_life_of_subscriptions(shipped):
    events = Counter(row["event"] for row in shipped.all_rows("billing", "subscription_events"))
    assert set(events) == {
        "trial_started", "started", "upgraded", "downgraded", "paused", "resumed", "cancelled", "lapsed", "reactivated",
    }  # fmt: skip
    first, last = (
        Counter(
            (r["state"], r["plan_code"]) for r in shipped.rows(shipped.folder("billing", d) / "subscriptions.csv.gz")
        )
        for d in (0, shipped.settings.days - 1)
    )
    assert last.total() > 1.1 * first.total()
    assert {state for state, _ in last} == {"trial", "active", "paused", "past_due", "ended"}
    assert {plan for _, plan in last} == set(world.PLANS)
    currencies = {r["currency"] for r in shipped.newest("invoices", "invoice_id").values()}
    assert currencies >= {"EUR", "USD", "GBP", "JPY"}


def test_every_habit_is_there_and_bots_are_few(shipped):
    habits = dict(shipped.sql("select habit, count(*) from '{truth}/plays/*.parquet' group by 1"))
    bots = {"loop", "farm", "burst", "nonstop", "shallow", "carousel", "stolen"}
    assert bots | {"superfan", "sleeper", "cafe", "viral", "launch", ""} == set(habits)
    assert sum(habits[name] for name in bots) < 0.13 * sum(habits.values())
    ((unserved,),) = shipped.sql(
        "select count(*) from '{truth}/plays/*.parquet' where plan_code is null and is_artificial"
    )
    ((artificial,),) = shipped.sql("select count(*) from '{truth}/plays/*.parquet' where is_artificial")
    assert unserved < 0.02 * artificial


def test_payment_fraud_can_be_learnt(shipped):
    """Stolen cards share devices, come from elsewhere and at night; most come back as chargebacks."""
    truth = dict(shipped.sql("select payment_id, pattern from '{truth}/payments.parquet'"))
    payments = shipped.newest("payments", "payment_id")
    cards = defaultdict(set)
    for row in payments.values():
        cards[row["device_id"]].add(row["card_id"])
    shared = {key: len(cards[row["device_id"]]) for key, row in payments.items()}
    stolen = [n for key, n in shared.items() if truth[key] == "stolen_cards"]
    honest = [n for key, n in shared.items() if not truth[key]]
    assert np.mean(stolen) > 3 * np.mean(honest)
    fraud = sum(bool(pattern) for pattern in truth.values())
    assert 0.005 < fraud / len(truth) < 0.1
    assert {"stolen_cards", "compromised_terminal", "taken_over_account"} <= set(truth.values())


def test_stories_are_told_by_many_outlets(shipped):
    sizes = dict(
        shipped.sql("""
        select story_id, count(*) from '{truth}/articles/*.parquet' group by 1
    """)
    )
    assert max(sizes.values()) > 12 and sum(n == 1 for n in sizes.values()) > 20
    hours = {p.parent.name for p in shipped.folder("newsroom", shipped.settings.days - 1).rglob("articles.jsonl.gz")}
    assert len(hours) > 15
    early = {p.parent.name for p in shipped.folder("newsroom", 3).rglob("articles.jsonl.gz")}
    assert early == {"T23"}
    articles = [
        json.loads(line)
        for path in sorted(shipped.inbox.rglob("articles.jsonl.gz"))
        for line in shipped.lines(path)
        if line
    ]
    assert any(a.get("correction_of") for a in articles) and any(a["is_retracted"] for a in articles)
    assert any("title" not in a for a in articles) and any("<script>" in a.get("title", "") for a in articles)
    assert max(len(a.get("lead", "")) for a in articles) > 900_000
    late = shipped.settings.incidents.news_late
    assert not (shipped.folder("newsroom", late) / "T14").exists()


def test_readers_have_bots_among_them(shipped):
    ((bots,),) = shipped.sql("select count(*) from '{truth}/reader_bots/*.parquet'")
    assert bots > 100


# Into the landing, and in little memory


def test_straight_into_the_landing(tmp_path):
    target = Target(tmp_path / "inbox", None, ("playback.plays", "members.accounts"), landing=tmp_path / "landing")
    count = write_days(TINY, target, range(TINY.days))
    manifests = sorted((tmp_path / "landing").rglob("_manifest.json"))
    assert len(manifests) == 2 * TINY.days
    plays = 0
    tables = load_all()
    for path in manifests:
        manifest = json.loads(path.read_text())
        table = tables[manifest["backend"]].tables[manifest["table"]]
        for file in manifest["files"]:
            data = (path.parent / file["name"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
            schema = pq.read_schema(path.parent / file["name"])
            assert schema.names == [c.name for c in table.landed]
            ids = {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in schema}
            assert ids == {c.name: c.field_id for c in table.landed}
            read = pq.read_table(path.parent / file["name"], columns=["_event_on"])
            days = read["_event_on"].to_pylist()
            assert days == sorted(days) and len(days) == file["rows"]
        assert sum(d["rows"] for d in manifest["event_days"]) == manifest["rows"]
        plays += manifest["rows"] * (manifest["table"] == "plays")
    assert plays == count
    before = tree(tmp_path / "landing")
    write_days(TINY, target, range(TINY.days))
    assert tree(tmp_path / "landing") == before


def test_memory_does_not_grow_with_the_days(tmp_path):
    def peak(days: int) -> int:
        # Not ru_maxrss: that begins with what the process that started this one had
        code = (
            "from pathlib import Path\n"
            "from scripts.simulate import write_days\n"
            "from scripts.simulator.settings import Settings, Target\n"
            f"settings = Settings(days={days}, members=500, artists=200, tracks=800, plays_per_day=60_000)\n"
            f"target = Target(Path('{tmp_path}/{days}'), None, ('playback.plays',), 'parquet')\n"
            f"write_days(settings, target, range({days}))\n"
            "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1])

    assert peak(14) < 1.1 * peak(7)


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "0"], "at least 1"),
        (["--tracks", "10"], "tracks at least as many"),
        (["--members", "3"], "at least 50"),
        (["--from", "2027-01-01"], "must lie within"),
        (["--from", "2025-12-05", "--to", "2025-12-02"], "in this order"),
        (["--feeds", "playback.plaice"], "no backend ships playback.plaice"),
    ],
)
def test_wrong_use_says_what_is_wrong(arguments, words, tmp_path):
    result = CliRunner().invoke(simulate, [*arguments, "--out", str(tmp_path)])
    assert isinstance(result.exception, Stop) and words in str(result.exception)
