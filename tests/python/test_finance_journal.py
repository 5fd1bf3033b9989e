# ruff: noqa: E501 (rows of tables read better in one line)
"""The journal through the models' own SQL, in this process: whatever happens, entries balance and posting is what was due."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from compiled import Models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts import journal

KEEP = ["int_finance__exchange_rates", "int_rates__euro_rates", "dim_exchange_rate", "int_finance__posting_rules"]
LINES = "finance.fct_journal_lines"
START = date(2026, 1, 1)
POSTED = (
    "journal_entry_id, line_number, posted_on, occurred_on, event, source_table, source_key, account_code, plan_code, "
    "country, currency, debit_amount, credit_amount, reporting_currency, exchange_rate, reporting_debit_amount, "
    "reporting_credit_amount, reverses_entry_id, cause, description, content_hash"
)
NAMES = POSTED.split(", ")


@pytest.fixture(scope="module")
def models():
    made = Models()
    made.insert("rates.eurofxref", [
        {"rated_on": str(START + timedelta(days=n)), "gbp": f"0.8{n % 7}13", "usd": f"1.0{n % 9}7"} for n in range(-5, 90)
    ])  # fmt: skip
    made.run("int_finance__exchange_rates", "int_finance__posting_rules")
    made.filled.clear()
    return made


def world(cases):
    """Rows of the backends: an invoice each, and what becomes of it."""
    rows = {name: [] for name in ("invoices", "invoice_lines", "payments", "refunds", "chargebacks", "credit_notes")}
    settlements = []
    for number, (day, currency, net, tax, fate, wait) in enumerate(cases):
        at, later = START + timedelta(days=day), START + timedelta(days=day + wait)
        money = {"net_amount": Decimal(net) / 100, "tax_amount": Decimal(tax) / 100}
        total = Decimal(net + tax) / 100
        ids = {"invoice_id": f"in{number}", "account_id": f"a{number}", "currency": currency}
        state = "uncollectible" if fate == "nobody pays" else "open"
        rows["invoices"].append({
            **ids, "subscription_id": "s", "country": "GB", "state": state, "total_amount": total, **money,
            "issued_at": f"{at} 10:00:00", "updated_at": f"{later} 10:00:00",
        })  # fmt: skip
        rows["invoice_lines"].append({
            "invoice_line_id": f"il{number}", "invoice_id": f"in{number}", "line_number": 1, "kind": "subscription",
            "plan_code": "individual", "service_from": f"{at} 10:00:00", "service_to": f"{at + timedelta(days=30)} 10:00:00",
            "currency": currency, "gross_amount": total, "discount_amount": 0, "tax_rate": 0, **money,
            "issued_at": f"{at} 10:00:00", "updated_at": f"{at} 10:00:00",
        })  # fmt: skip
        if fate in ("nobody pays", "open"):
            continue
        rows["payments"].append({
            **ids, "payment_id": f"pay{number}", "attempt": 1, "method": "card", "terminal_id": "t", "amount": total,
            "result": "succeeded", "attempted_at": f"{at} 10:00:20", "updated_at": f"{at} 10:00:20",
        })  # fmt: skip
        settlements.append((number, "payment", None, currency, total, at + timedelta(days=1)))
        if fate == "refunded":
            rows["credit_notes"].append({
                "credit_note_id": f"cn{number}", "invoice_id": f"in{number}", "invoice_line_id": f"il{number}",
                "kind": "refund", "reason": "cancelled", "currency": currency, "issued_at": f"{later} 10:00:00", **money,
            })  # fmt: skip
            rows["refunds"].append({
                **ids, "refund_id": f"re{number}", "payment_id": f"pay{number}", "reason": "cancelled", "amount": total,
                "tax_amount": money["tax_amount"], "state": "succeeded", "requested_at": f"{later} 10:00:00",
                "updated_at": f"{later} 11:00:00",
            })  # fmt: skip
            settlements.append((number, "refund", f"re{number}", currency, -total, later + timedelta(days=1)))
        if fate in ("lost", "won"):
            rows["chargebacks"].append({
                "chargeback_id": f"cb{number}", "payment_id": f"pay{number}", "account_id": f"a{number}", "amount": total,
                "reason": "fraudulent", "currency": currency, "state": fate, "opened_at": f"{later} 10:00:00",
                "updated_at": f"{later + timedelta(days=3)} 10:00:00",
            })  # fmt: skip
    report = [
        {
            "settlement_id": f"st{n}-{kind}", "payout_id": f"po-{at:%Y%m%d}-EUR", "kind": kind, "payment_id": f"pay{n}",
            "reference_id": reference, "currency": currency, "gross_amount": gross, "fee_amount": Decimal("0.25"),
            "settlement_currency": "EUR", "exchange_rate": "1.1", "settled_gross_amount": gross,
            "settled_fee_amount": Decimal("0.25"), "settled_net_amount": gross - Decimal("0.25"),
            "settled_at": f"{at} 09:00:00", "paid_out_on": str(at + timedelta(days=1)),
        }
        for n, kind, reference, currency, gross, at in settlements
    ]  # fmt: skip
    return {**{f"billing.{name}": found for name, found in rows.items()}, "processor.settlements": report}


def load(models, tables, posted=(), closed=()):
    models.clear()
    for table, rows in tables.items():
        models.insert(table, rows)
    models.insert("nightshift.journal_batches", posted)
    models.insert("nightshift.closed_months", [
        {"books": "finance", "month": str(m), "closed_on": str(m + timedelta(days=35)), "content_hash": "h"} for m in closed
    ])  # fmt: skip
    models.run("fct_journal_lines", keep=KEEP)


def due(models, batch):
    """What ./nightshift post would commit, as rows of the commitment."""
    found = models.rows(f"select {POSTED} from {LINES} where batch_id is null order by 1, 2")
    return [{**dict(zip(NAMES, row, strict=True)), "batch_id": batch} for row in found]


def balances(models, where="true"):
    return models.rows(
        "select account_code, currency, sum(debit_amount - credit_amount), "
        f"sum(reporting_debit_amount - reporting_credit_amount) from {LINES} where {where} group by 1, 2 "
        "having sum(debit_amount - credit_amount) <> 0 or sum(reporting_debit_amount - reporting_credit_amount) <> 0 order by 1, 2"
    )


fates = st.sampled_from(["paid", "open", "refunded", "lost", "won", "nobody pays"])
cases = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from(["EUR", "GBP", "USD"]), st.integers(1, 50_000), st.integers(0, 9_000), fates,
        st.integers(1, 20),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@pytest.mark.nightly
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=cases, after=cases, seed=st.randoms(use_true_random=False), closes=st.booleans())
def test_entries_balance_order_does_not_matter_and_posting_is_what_was_due(models, before, after, seed, closes):
    check(models, before, after, seed, closes)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(before=cases, after=cases, seed=st.randoms(use_true_random=False), closes=st.booleans())
def test_a_few_of_them(models, before, after, seed, closes):
    check(models, before, after, seed, closes)


def check(models, before, after, seed, closes):
    first = world(before)
    load(models, first)
    off = models.rows(
        f"select journal_entry_id from {LINES} group by 1 having sum(debit_amount) <> sum(credit_amount) "
        "or sum(reporting_debit_amount) <> sum(reporting_credit_amount)"
    )
    assert not off
    wanted = due(models, "J1")
    load(models, {table: seed.sample(rows, len(rows)) for table, rows in first.items()})
    assert due(models, "J1") == wanted
    # Posted as it was due: nothing is left, and the books are the same.
    expected = balances(models)
    load(models, first, wanted)
    assert due(models, "J2") == []
    assert balances(models) == expected
    # Then everything turns out otherwise, after a month was closed perhaps: the books follow, the closed month does not.
    closed = [START] if closes else []
    second = world(after)
    load(models, second)
    right = balances(models)
    load(models, second, wanted, closed)
    assert balances(models) == right
    late = due(models, "J2")
    if closes:
        assert all(line["posted_on"] >= date(2026, 2, 1) for line in late)
    load(models, second, [*wanted, *late], closed)
    assert due(models, "J3") == []
    assert balances(models) == right
    assert models.rows(f"select count(*) from {LINES} where batch_id = 'J1'") == [(len(wanted),)]


def test_a_missing_currency_is_an_error_that_names_it(models):
    tables = world([(3, "XAU", 1000, 0, "paid", 1)])
    with pytest.raises(Exception, match="no exchange rate for XAU on 2026-01-0"):
        load(models, tables)


def line(**changes):
    start = dict(
        posted_on=date(2026, 2, 3), currency="GBP", account_code="1200", plan_code="individual", debit=Decimal("10.00"),
        credit=Decimal("0.00"), reporting_currency="EUR", reporting_debit=Decimal("11.50"), reporting_credit=Decimal("0.00"),
        journal_lines=3,
    )  # fmt: skip
    return journal.Line(**{**start, **changes})


def pair(day=3, amount="10.00", reporting="11.50"):
    none = Decimal("0.00")
    debit = line(posted_on=date(2026, 2, day), debit=Decimal(amount), reporting_debit=Decimal(reporting))
    credit = line(posted_on=date(2026, 2, day), account_code="2400", debit=none, credit=Decimal(amount),
                  reporting_debit=none, reporting_credit=Decimal(reporting))  # fmt: skip
    return [debit, credit]


def test_files_keep_to_the_limits_of_their_readers():
    lines = [each for day in range(1, 29) for each in pair(day)] * 40
    lines.sort(key=lambda each: (each.posted_on, each.account_code))
    for name, text in journal.xero("J2602-x", lines).items():
        rows = text.splitlines()[1:]
        assert len(rows) <= 300, name
        assert sum(Decimal(row.split(",")[5]) for row in rows) == 0
        assert all(row.split(",")[1][2:6] == "/02/" for row in rows)
    for name, text in journal.quickbooks("J2602-x", lines).items():
        rows = [row.split(",") for row in text.splitlines()[1:]]
        assert len(rows) < 1000, name
        assert sum(Decimal(row[3] or 0) - Decimal(row[4] or 0) for row in rows) == 0
        assert all(row[1].startswith("02/") and len(row[0]) <= 21 for row in rows)


def test_beancount_accepts_a_batch_and_finds_the_same_balances(tmp_path, monkeypatch):
    loader = pytest.importorskip("beancount.loader")
    from beanquery import query

    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    monkeypatch.setattr(journal, "general_ledger", lambda batch: pair(3, "9.99", "11.47") + pair(4, "0.01", "0.02"))
    monkeypatch.setattr(journal, "batches", lambda: ["J2602-x"])
    folders = journal.export("J2602-x")
    before = {file: file.read_bytes() for folder in folders for file in folder.iterdir()}
    journal.export("J2602-x", again=True)
    assert {file: file.read_bytes() for file in before} == before
    entries, errors, options = loader.load_file(str(tmp_path / "exports/journal-beancount/ledger.beancount"))
    assert not errors
    _, rows = query.run_query(
        entries, options, "select account, sum(number), sum(number(weight)) group by account order by account"
    )
    assert [(account, units, weight) for account, units, weight in rows] == [
        ("Assets:1200-Trade-Receivables", Decimal("10.00"), Decimal("11.49")),
        ("Liabilities:2400-Deferred-Revenue", Decimal("-10.00"), Decimal("-11.49")),
    ]
