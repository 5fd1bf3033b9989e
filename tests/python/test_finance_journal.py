# ruff: noqa: E501 (rows of tables read better in one line)
"""The journal through the models' own SQL, in this process: whatever happens, entries balance and posting is what was due."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from compiled import BACKENDS, Models
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


def load(models, tables, posted=(), closed=(), marts=()):
    models.clear()
    for table, rows in tables.items():
        models.insert(table, rows)
    models.insert("nightshift.journal_batches", posted)
    models.insert("nightshift.closed_months", [
        {"books": "finance", "month": str(m), "closed_on": str(m + timedelta(days=35)), "content_hash": "h"} for m in closed
    ])  # fmt: skip
    models.run("fct_journal_lines", *marts, keep=KEEP)


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
@pytest.mark.timeout(1800)
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
    load(models, first, wanted, closed)
    books = january(models)
    load(models, second, wanted, closed)
    assert balances(models) == right
    late = due(models, "J2")
    if closes:
        assert january(models) == books, "a closed month stands, whatever arrives"
    load(models, second, [*wanted, *late], closed)
    assert due(models, "J3") == []
    assert balances(models) == right
    if closes:
        assert january(models) == books
    assert models.rows(f"select count(*) from {LINES} where batch_id = 'J1'") == [(len(wanted),)]


def january(models):
    """Every column of every line of the month, posted or due."""
    return models.rows(f"select * from {LINES} where posted_on < date '2026-02-01' order by all")


RESTATABLE = ("int_finance__revenue_recognised", "mrr_movements", "settlement_differences", "invoice_ageing",
              "deferred_revenue_waterfall", "trial_balance", "suspense")  # fmt: skip


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases=cases, seed=st.randoms(use_true_random=False), closes=st.booleans())
def test_a_dump_split_over_nights_changes_no_mart_and_no_sum_of_what_is_posted(models, cases, seed, closes):
    check_split(models, cases, seed, closes)


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases=cases, seed=st.randoms(use_true_random=False), closes=st.booleans())
def test_a_few_splits(models, cases, seed, closes):
    check_split(models, cases, seed, closes)


def check_split(models, cases, seed, closes):
    """Any row may come with any of three nights: an invoice after its payment, a refund before it, lines alone."""
    whole = world(cases)
    load(models, whole, marts=RESTATABLE)
    right, marts = balances(models), contents(models)
    nights = {table: [(seed.randrange(3), row) for row in rows] for table, rows in whole.items()}
    arrived = {
        table: [
            {**row, "_arrived_on": str(START + timedelta(days=80 + night)), "_dump_id": f"d{night}"}
            for night, row in rows
        ]
        for table, rows in nights.items()
    }
    load(models, arrived, marts=RESTATABLE)
    assert contents(models) == marts
    posted, closed = [], []
    for night in range(3):
        load(models, {table: [row for n, row in rows if n <= night] for table, rows in nights.items()}, posted, closed)
        posted += due(models, f"J{night}")
        closed = [START] if closes else []
    load(models, whole, posted, closed)
    assert due(models, "J3") == []
    assert balances(models, "batch_id is not null") == right


def contents(models):
    """Every row of the restatable marts."""
    found = {}
    for name in RESTATABLE:
        schema = models.nodes[name]["schema"]
        columns = [name for name, *_ in models.rows(f"describe {schema}.{name}") if not name.startswith("_")]
        found[name] = models.rows(f"select {', '.join(columns)} from {schema}.{name} order by all")
    return found


def test_the_example_of_the_page_is_what_the_journal_says(models):
    """docs/accounting.md follows a subscription from invoice to cash to revenue; the journal made of billing's rows agrees."""
    page = (
        (Path(__file__).parents[2] / "docs/accounting.md")
        .read_text()
        .split("## One subscription, followed")[1]
        .split("\n## ")[0]
    )
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    wanted, day, event = [], None, None
    for when, what, debit, credit, amount in rows[1:]:
        day, event = when or day, what.split("`")[1] if "`" in what else event
        if amount and debit[:4].isdigit():
            wanted.append((day.removesuffix(" January"), event, debit[:4], credit[:4], Decimal(amount)))
    at = {"invoice_id": "in1", "account_id": "a", "currency": "EUR"}
    money = {"net_amount": "30.00", "tax_amount": "5.70"}
    tables = {
        "billing.invoices": [
            {
                **at,
                **money,
                "subscription_id": "s",
                "country": "DE",
                "state": "paid",
                "total_amount": "35.70",
                "issued_at": "2026-01-01 10:00:00",
                "updated_at": "2026-01-01 10:00:00",
            }
        ],
        "billing.invoice_lines": [
            {
                **money,
                "invoice_line_id": "il1",
                "invoice_id": "in1",
                "line_number": 1,
                "kind": "subscription",
                "plan_code": "individual",
                "currency": "EUR",
                "service_from": "2026-01-01 10:00:00",
                "service_to": "2026-01-31 10:00:00",
                "gross_amount": "35.70",
                "discount_amount": 0,
                "tax_rate": "0.19",
                "issued_at": "2026-01-01 10:00:00",
                "updated_at": "2026-01-01 10:00:00",
            }
        ],
        "billing.payments": [
            {
                **at,
                "payment_id": "pay1",
                "attempt": 1,
                "method": "card",
                "terminal_id": "t",
                "amount": "35.70",
                "result": "succeeded",
                "attempted_at": "2026-01-01 10:00:20",
                "updated_at": "2026-01-01 10:00:20",
            }
        ],
        "billing.credit_notes": [
            {
                "credit_note_id": "cn1",
                "invoice_id": "in1",
                "invoice_line_id": "il1",
                "kind": "goodwill",
                "reason": "mistake",
                "currency": "EUR",
                "net_amount": "15.00",
                "tax_amount": "2.85",
                "issued_at": "2026-01-16 09:00:00",
            }
        ],
        "processor.settlements": [
            {
                "settlement_id": "st1",
                "payout_id": "po-20260102-EUR",
                "kind": "payment",
                "payment_id": "pay1",
                "currency": "EUR",
                "gross_amount": "35.70",
                "fee_amount": "0.69",
                "settlement_currency": "EUR",
                "exchange_rate": 1,
                "settled_gross_amount": "35.70",
                "settled_fee_amount": "0.69",
                "settled_net_amount": "35.01",
                "settled_at": "2026-01-02 09:00:00",
                "paid_out_on": "2026-01-03",
            }
        ],
        "bank.statements": [
            {
                "booking_id": "bk1",
                "bank_account": "EUR-1",
                "booked_on": "2026-01-04",
                "value_on": "2026-01-04",
                "amount": "35.01",
                "currency": "EUR",
                "counterparty": "Payfast Processing",
                "reference": "PAYOUT po-20260102-EUR",
            }
        ],
    }
    load(models, tables, marts=["deferred_revenue_waterfall"])
    found = models.rows("""
        select cast(day(occurred_on) as varchar), event, debit_account, credit_account, amount
        from intermediate.int_finance__postings where event <> 'revenue_recognised' order by occurred_on, event, amount desc
    """)
    earned = [row for row in wanted if row[1] == "revenue_recognised"]
    assert [row for row in wanted if row[1] != "revenue_recognised"] == sorted(
        found, key=lambda row: (int(row[0]), row[1], -row[4])
    )
    days = models.rows("""
        select occurred_on, debit_account, credit_account, amount
        from intermediate.int_finance__postings where event = 'revenue_recognised' order by occurred_on
    """)
    assert [row[2:] for row in earned] == [("2400", "4010", Decimal("1.00"))]
    assert days == [(START + timedelta(days=n), "2400", "4010", Decimal("1.00")) for n in range(15)]
    assert models.rows("select sum(opening_amount), sum(closing_amount) from finance.deferred_revenue_waterfall") == [
        (0, 0)
    ]


def test_bad_events_go_to_suspense_and_the_rest_is_posted(models):
    """A payment for an unknown invoice and a refund larger than its payment: the money moved, so it is in the books."""
    tables = world([(3, "EUR", 1000, 200, "refunded", 2), (4, "EUR", 500, 0, "paid", 1)])
    lost = {**tables["billing.payments"][1], "payment_id": "lost", "invoice_id": "nobody", "amount": "7.00"}
    more = {**tables["billing.refunds"][0], "refund_id": "re9", "amount": "0.50"}
    tables["billing.payments"].append(lost)
    tables["billing.refunds"].append(more)
    load(models, tables, marts=["suspense", "invoice_ageing"])
    assert models.rows("select source_key, reason, amount from finance.suspense order by 1") == [
        ("lost", "In suspense: payment lost: its invoice is not known", Decimal("-7.00")),
        ("re9", "In suspense: refund re9: more is given back than was paid", Decimal("0.50")),
    ]
    assert models.rows("select * from finance.invoice_ageing") == []
    posted = due(models, "J1")
    # Its invoice lands later: the entry is reversed, and posted as it should be.
    found = world([(3, "EUR", 1000, 200, "refunded", 2), (4, "EUR", 500, 0, "paid", 1), (5, "EUR", 700, 0, "open", 1)])
    tables["billing.invoices"].append(
        {**found["billing.invoices"][2], "invoice_id": "nobody", "issued_at": "2026-01-05 09:00:00"}
    )
    tables["billing.invoice_lines"].append(
        {**found["billing.invoice_lines"][2], "invoice_id": "nobody", "issued_at": "2026-01-05 09:00:00"}
    )
    load(models, tables, posted, marts=["suspense", "invoice_ageing"])
    assert models.rows("select source_key from finance.suspense") == [("re9",)]
    assert models.rows("select * from finance.invoice_ageing") == []
    reversed_ = [line for line in due(models, "J2") if line["source_key"] == "lost"]
    assert {(line["event"], line["cause"]) for line in reversed_} == {
        ("payment_in_suspense", "withdrawn at the source"), ("payment_received", None)
    }  # fmt: skip


def test_advertising_in_any_currency_is_a_claim_in_that_of_the_books(models):
    """The network pays in euros, so the receivable is in euros and a payment settles it."""
    tables = {"billing.ad_revenue": [
        {"revenue_on": "2026-01-05", "country": country, "plan_code": "free", "impressions": 1, "amount": "10.00", "currency": currency, "is_final": True, "updated_at": "2026-01-10 00:00:00"}
        for country, currency in [("DE", "EUR"), ("GB", "GBP")]
    ]}  # fmt: skip
    load(models, tables)
    (rate,) = models.rows(
        "select exchange_rate from intermediate.int_finance__exchange_rates where currency = 'GBP' and valid_from = '2026-01-05'"
    )[0]
    pounds = (10 * rate).quantize(Decimal("0.01"))
    assert [row for row in balances(models) if row[0] == "1500"] == [("1500", "EUR", 10 + pounds, 10 + pounds)]
    assert sum(row[3] for row in balances(models) if row[0] == "1390") == 0
    assert sum(row[3] for row in balances(models) if row[0] == "4500") == -10 - pounds


BAD_RULES = [
    ("x,,1200,,net_amount,No credit,2025-01-01,", "unbalanced: no credit account"),
    ("x,,,2400,net_amount,No debit,2025-01-01,", "unbalanced: no debit account"),
    (
        "x,,1200,4711,net_amount,No such account,2025-01-01,",
        "no credit account 4711 in seeds/accounts.csv while the rule holds",
    ),
    ("x,,1200,2400,nett_amount,No such amount,2025-01-01,", "no amount nett_amount; there are"),
    ("x,,1200,1200,net_amount,Nothing moves,2025-01-01,", "moves nothing: debit and credit are both 1200"),
    ("x,plan = annual,1200,2400,net_amount,No such condition,2025-01-01,", 'condition "plan = annual" is not'),
    ("x,,1200,2400,net_amount,Backwards,2026-01-01,2025-01-01", "ends before it begins"),
    (",,1200,2400,net_amount,Of nothing,2025-01-01,", "no event"),
]


@pytest.mark.parametrize("rule, problem", BAD_RULES)
def test_a_rule_that_cannot_be_right_is_named_with_its_line(models, tmp_path, rule, problem):
    """int_finance__posting_rules stops on any row of this relation, before anything is posted."""
    models.run("int_finance__rule_problems", keep=KEEP)
    assert models.rows("select * from intermediate.int_finance__rule_problems") == []
    real, bad = Path(__file__).parents[2] / "seeds/posting_rules.csv", tmp_path / "posting_rules.csv"
    good = real.read_text().splitlines()
    bad.write_text("\n".join([*good[:6], rule, *good[6:]]) + "\n")
    types = models.nodes["posting_rules"]["config"]["column_types"]
    seed = "create or replace table seeds.posting_rules as from read_csv('{}', types = {})"
    try:
        models.connection.execute(seed.format(bad, types))
        found = models.rows("select file, line_number, problem from intermediate.int_finance__rule_problems")
    finally:
        models.connection.execute(seed.format(real, types))
    assert [(file, line) for file, line, _ in found] == [("seeds/posting_rules.csv", 7)]
    assert found[0][2].startswith(problem)


WRONG = [
    ("catalog.contracts", "revenue_share", "1.2", "share_not_a_share"),
    ("catalog.splits", "share", "1.01", "share_not_a_share"),
    ("catalog.splits", "valid_to", "2025-12-31", "ends_before_it_starts"),
    ("billing.prices", "amount", "-9.99", "negative_amount"),
    ("billing.invoices", "net_amount", "-1.00", "negative_amount"),
    ("billing.invoices", "total_amount", "13.00", "total_is_not_the_sum"),
    ("billing.invoice_lines", "service_to", "2025-12-31 10:00:00", "ends_before_it_starts"),
    ("billing.payments", "amount", "-1.00", "negative_amount"),
    ("billing.refunds", "amount", "-1.00", "negative_amount"),
]
RIGHT = {
    "catalog.contracts": {
        "contract_id": "c", "licensor_id": "l", "territory": "WW", "plan_code": "ALL", "revenue_share": "0.5",
        "allocation_method": "pro_rata", "trial_streams_count": True, "silent_subscribers": "pro_rata",
        "valid_from": "2026-01-01", "_covers_on": "2026-01-05",
    },
    "catalog.splits": {
        "split_id": "s", "recording_id": "r", "rights_holder_id": "h", "share": "0.5", "valid_from": "2026-01-01",
        "_covers_on": "2026-01-05",
    },
    "billing.prices": {
        "plan_code": "family", "country": "DE", "currency": "EUR", "amount": "9.99",
        "tax_mode": "added", "tax_rate": "0.19", "valid_from": "2026-01-01", "_covers_on": "2026-01-05",
    },
}  # fmt: skip


@pytest.mark.parametrize("table, column, value, rule", WRONG)
def test_what_cannot_be_right_stays_out_with_its_rule(models, table, column, value, rule):
    """Beside a row that is right: staging keeps that one, and the rule has the other's name."""
    good = RIGHT.get(table) or world([(3, "EUR", 1000, 200, "refunded", 2)])[table][0]
    name = table.replace(".", "__")
    models.clear()
    models.insert(table, [good, {**good, column: value}])
    models.run(f"stg_{name}")
    assert models.rows(f"select count(*) from staging.stg_{name}") == [(1,)]
    broken = BACKENDS[table.split(".")[0]].tables[table.split(".")[1]].rules[rule]
    assert models.rows(f"select count(*) from landing.{name} where {broken}") == [(1,)]


def test_an_invoice_without_account_waits_at_the_door(models):
    """Its account is required, so it is not landed; what billing shipped with it is not posted without it."""
    assert BACKENDS["billing"].tables["invoices"].column("account_id").required
    tables = world([(3, "EUR", 1000, 200, "open", 1)])
    load(models, {**tables, "billing.invoices": []})
    assert due(models, "J1") == []
    load(models, tables)
    assert {line["event"] for line in due(models, "J1")} == {"invoice_issued", "revenue_recognised"}


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
        assert len(rows) < 300, name
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
    journal.index(["J2602-x"])
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
