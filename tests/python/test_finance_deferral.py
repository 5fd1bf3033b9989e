"""Deferral through the models' own SQL: known answers, and what must hold for any invoice."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from compiled import Models, manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = "int_finance__revenue_recognised"
TABLE = f"intermediate.{MODEL}"


@pytest.fixture(scope="module")
def whole_days() -> Models:
    return Models()


@pytest.fixture(scope="module")
def exact_time() -> Models:
    return Models(deferral_method="exact_time")


def invoice(line_id, amount, begin, end, issued_at=None, **others):
    """An invoice of one line, as billing ships it."""
    at = str(issued_at or begin)
    money = {"net_amount": amount, "tax_amount": 0}
    head = {
        "invoice_id": "in" + line_id,
        "account_id": "a",
        "subscription_id": "s",
        "country": "DE",
        "currency": "EUR",
        "state": "open",
        "net_amount": 0,
        "tax_amount": 0,
        "total_amount": 0,
        "issued_at": at,
        "updated_at": at,
    }
    line = {
        "invoice_line_id": line_id,
        "invoice_id": "in" + line_id,
        "line_number": 1,
        "kind": "subscription",
        "plan_code": "individual",
        "currency": "EUR",
        "service_from": str(begin),
        "service_to": str(end),
        "gross_amount": amount,
        "discount_amount": 0,
        "tax_rate": 0,
        "issued_at": at,
        "updated_at": at,
        **money,
    }
    return head, {**line, **others}


def load(models, invoices, credit_notes=()):
    models.clear()
    models.insert("billing.invoices", [head for head, _ in invoices])
    models.insert("billing.invoice_lines", [line for _, line in invoices])
    models.insert("billing.credit_notes", credit_notes)
    models.run(MODEL, keep=["int_finance__exchange_rates"])


def by_month(models):
    return [
        (f"{month:%Y-%m}", str(amount))
        for month, amount in models.rows(
            f"select date_trunc('month', recognised_on), sum(recognised_amount) from {TABLE} group by 1 order by 1"
        )
    ]


def test_known_answer_of_stripes_documentation(whole_days, exact_time):
    """120.00 for 120 days of service from 15 June at noon."""
    invoices = [invoice("l", "120.00", "2026-06-15 12:00:00", "2026-10-13 12:00:00")]
    load(whole_days, invoices)
    assert by_month(whole_days) == [
        ("2026-06", "16.00"),
        ("2026-07", "31.00"),
        ("2026-08", "31.00"),
        ("2026-09", "30.00"),
        ("2026-10", "12.00"),
    ]
    load(exact_time, invoices)
    assert by_month(exact_time) == [
        ("2026-06", "15.50"),
        ("2026-07", "31.00"),
        ("2026-08", "31.00"),
        ("2026-09", "30.00"),
        ("2026-10", "12.50"),
    ]


def test_another_method_is_refused():
    with pytest.raises(AssertionError, match="deferral_method is 'by_feeling'; it can be whole_days or exact_time"):
        manifest('{"deferral_method": "by_feeling"}')


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1)).map(lambda moment: moment.replace(microsecond=0))
lines = st.lists(
    st.tuples(
        st.integers(-50_000, 50_000),
        moments,
        st.integers(1, 400 * 86_400),
        st.integers(-20, 20),
        st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 80)), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("method", ["whole_days", "exact_time"])
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=lines)
def test_what_is_earned_and_credited_adds_up_to_the_line(method, lines, request):
    """Whatever is invoiced, late or ahead, credited once or often: earned + taken back = invoiced - credited."""
    models = request.getfixturevalue(method)
    invoices, credit_notes, expected = [], [], {}
    for number, (amount, begin, seconds, ahead, credits) in enumerate(lines):
        issued = begin + timedelta(days=ahead)
        net = Decimal(amount) / 100
        invoices.append(invoice(f"l{number}", net, begin, begin + timedelta(seconds=seconds), issued, kind="proration"))
        expected[f"l{number}"] = net
        for position, (share, days) in enumerate(credits if amount > 0 else []):
            credit = min(Decimal(share) / 100, expected[f"l{number}"])
            expected[f"l{number}"] -= credit
            credit_notes.append(
                {
                    "credit_note_id": f"c{number}-{position}",
                    "invoice_id": f"inl{number}",
                    "invoice_line_id": f"l{number}",
                    "kind": "refund",
                    "reason": "mistake",
                    "currency": "EUR",
                    "net_amount": credit,
                    "tax_amount": 0,
                    "issued_at": str(issued + timedelta(days=days)),
                }
            )
    load(models, invoices, credit_notes)
    earned = dict(models.rows(f"select invoice_line_id, sum(recognised_amount) from {TABLE} group by 1"))
    assert {line: earned.get(line, 0) for line in expected} == expected
    first = min(begin for _, begin, *_ in lines).date() - timedelta(days=20)
    assert not models.rows(f"select * from {TABLE} where recognised_on < '{first}'")
    too_late = models.rows(
        f"select invoice_line_id from {TABLE} join intermediate.int_finance__credits using (invoice_line_id) "
        "where takes_all_that_is_left and recognised_on > credited_on and earned_amount <> 0"
    )
    assert not too_late


def test_an_upgrade_in_mid_period_moves_revenue_to_the_new_plan(whole_days):
    """Ten days of the old plan, then what is left of it is credited and the dearer one is charged for the rest."""
    begin, change, end = "2026-01-01 10:00:00", "2026-01-11 15:00:00", "2026-01-31 10:00:00"
    load(
        whole_days,
        [
            invoice("old", "30.00", begin, end),
            invoice("rest", "-20.00", change, end, kind="proration"),
            invoice("new", "40.00", change, end, plan_code="family"),
        ],
    )
    days = whole_days.rows(
        f"select recognised_on, sum(recognised_amount), max(plan_code) from {TABLE} group by 1 order by 1"
    )
    assert [day for day, *_ in days] == [date(2026, 1, 1) + timedelta(days=n) for n in range(30)]
    assert {str(amount) for _, amount, _ in days[:10]} == {"1.00"}
    assert {str(amount) for _, amount, _ in days[10:]} == {"2.00"}
