# ruff: noqa: E501 (rows of tables read better in one line)
"""What is watched of a model: decisions and labels as they land, the figures of each version worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from compiled import Models

from scripts.models.scoring import SCHEMA

MADE = (
    "stg_billing__payments", "stg_billing__chargebacks", "stg_support__payment_reviews", "stg_nightshift__decisions",
    "int_risk__payments", "int_risk__labels", "fct_payment_scores", "int_risk__settled_scores", "fct_model_quality",
    "fct_model_calibration",
)  # fmt: skip
JANUARY, FEBRUARY, MARCH = dt.date(2026, 1, 1), dt.date(2026, 2, 1), dt.date(2026, 3, 1)
# payment: when, by which version, score, band. The newest payment is of 10 March: what is of 8 February or before has
# had its thirty days.
DECIDED = {
    "a": ("2026-01-03", "v1", 0.9, "refuse"),  # charged back
    "b": ("2026-01-04", "v1", 0.6, "refuse"),  # reviewed: genuine
    "c": ("2026-01-05", "v1", 0.2, "review"),  # reviewed as genuine, later charged back: the latest word counts
    "d": ("2026-01-06", "v1", 0.1, "review"),  # charged back, later reviewed as genuine
    "e": ("2026-01-07", "v1", 0.02, "accept"),  # charged back after forty days: late, and a fraud
    "f": ("2026-01-08", "v1", 0.005, "accept"),  # charged back, as something did not come: no fraud
    "g": ("2026-01-09", "v1", 0.005, "accept"),  # decided again by v2: what decided first stands
    "h": ("2026-01-10", "v1", 0.005, "accept"),  # "charged back" before it was made: a mistake
    "i": ("2026-01-11", "v1", 0.005, "accept"),
    "j": ("2026-01-31", "v1", 0.005, "accept"),
    "k": ("2026-02-05", "v2", 0.8, "refuse"),  # charged back
    "l": ("2026-02-08", "v2", 0.3, "review"),  # nobody said anything
    "m": ("2026-02-09", "v2", 0.7, "refuse"),  # charged back within three days, and not settled yet
    "n": ("2026-02-20", "v2", 0.001, "accept"),
    "o": ("2026-03-10", "v2", 0.001, "accept"),
}
CHARGED_BACK = {"a": 20, "c": 25, "d": 5, "e": 40, "k": 10, "m": 3, "h": -1}
REVIEWED = {"b": (2, "genuine"), "c": (2, "genuine"), "d": (8, "genuine")}


@pytest.fixture(scope="module")
def watched():
    models = Models()
    models.connection.execute(
        "create table core.dim_exchange_rate as select 'EUR' as currency, 1.0 as units_per_euro, "
        "date '2025-01-01' as valid_from, cast(null as date) as valid_to"
    )
    models.connection.register("none_yet", SCHEMA.empty_table())
    models.connection.execute("create table intermediate.int_risk__new_scores as from none_yet")
    at = {payment: dt.datetime.fromisoformat(f"{day} 10:00:00") for payment, (day, *_) in DECIDED.items()}
    models.insert("billing.payments", [
        {"payment_id": p, "account_id": p, "terminal_id": "t", "attempt": 1, "method": "card", "amount": "5.00", "currency": "EUR",
         "result": "succeeded", "invoice_id": "i", "attempted_at": at[p], "updated_at": at[p]}
        for p in DECIDED
    ])  # fmt: skip
    charged = {(p, days): "fraudulent" for p, days in CHARGED_BACK.items()} | {("f", 9): "not_received"}
    models.insert("billing.chargebacks", [
        {"chargeback_id": f"c {p}", "payment_id": p, "account_id": p, "reason": reason, "amount": "5.00", "currency": "EUR",
         "state": "open", "opened_at": at[p] + dt.timedelta(days), "updated_at": at[p] + dt.timedelta(days)}
        for (p, days), reason in charged.items()
    ])  # fmt: skip
    models.insert("support.payment_reviews", [
        {"review_id": f"r {p}", "payment_id": p, "verdict": verdict, "reviewed_by": "d", "reviewed_at": at[p] + dt.timedelta(days)}
        for p, (days, verdict) in REVIEWED.items()
    ])  # fmt: skip
    decided = [(p, *decision) for p, decision in DECIDED.items()] + [("g", "2026-02-02", "v2", 0.99, "refuse")]
    models.insert("nightshift.decisions", [
        {"payment_id": p, "model": "fraud", "model_version": version, "account_id": p, "score": score, "band": band,
         "reasons_json": "[]", "features_json": "{}", "decided_at": f"{day} 00:00:00"}
        for p, day, version, score, band in decided
    ])  # fmt: skip
    for name in MADE:
        node = models.nodes[name]
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        models.connection.execute(f'create or replace {kind} {node["schema"]}."{name}" as {node["compiled_code"]}')
    return models


def test_precision_and_recall_come_as_labels_do_for_each_version(watched):
    """Of January's ten: a, c and e were frauds; a, b, c and d were stopped, of which a and c rightly."""
    found = watched.rows(
        "select month, model_version, payments, accepted, to_review, refused, approval_rate, settled, frauds, frauds_caught, "
        "settled_suspected, precision_so_far, recall_so_far, mean_score, fraud_rate from risk.fct_model_quality order by month"
    )
    money = lambda text: None if text is None else Decimal(text)  # noqa: E731
    assert [(*row[:6], *row[7:11]) for row in found] == [
        (JANUARY, "v1", 10, 6, 2, 2, 10, 3, 2, 4),
        (FEBRUARY, "v2", 4, 1, 1, 2, 2, 1, 1, 2),
        (MARCH, "v2", 1, 1, 0, 0, 0, 0, 0, 0),
    ]
    # (.9 + .6 + .2 + .1 + .02 + 5 * .005) / 10; (.8 + .3) / 2
    assert [(row[6], *row[11:]) for row in found] == [
        tuple(map(money, ("0.6", "0.5", "0.666667", "0.1845", "0.3"))),
        tuple(map(money, ("0.25", "0.5", "1", "0.55", "0.5"))),
        tuple(map(money, ("1", None, None, None, None))),
    ]


def test_calibration_sets_the_mean_score_beside_the_share_of_frauds_by_version(watched):
    found = watched.rows(
        "select model_version, score_from, payments, frauds, mean_score, fraud_rate from risk.fct_model_calibration "
        "order by model_version, score_from"
    )
    assert [(version, *map(float, figures)) for version, *figures in found] == [
        ("v1", 0.003, 5, 0, 0.005, 0),
        ("v1", 0.01, 1, 1, 0.02, 1),
        ("v1", 0.1, 2, 1, 0.15, 0.5),
        ("v1", 0.5, 1, 0, 0.6, 0),
        ("v1", 0.8, 1, 1, 0.9, 1),
        ("v2", 0.3, 1, 0, 0.3, 0),
        ("v2", 0.8, 1, 1, 0.8, 1),
    ]
