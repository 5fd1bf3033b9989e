"""Features are what was known at that moment: a plain count, a replay of the dumps and planted labels agree."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
import pytest
from compiled import Models
from test_core_properties import narrowed

from scripts import train
from scripts.home import variable
from scripts.models import fraud, measures

START = dt.datetime(2026, 1, 1)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def models():
    return Models()


def world(seed: int, payments: int = 90) -> tuple[list[dict], list[dict], list[dict]]:
    """Payments of few accounts at few terminals, many at the same second; chargebacks and reviews, some late."""
    rng = random.Random(seed)
    made, chargebacks, reviews = [], [], []
    for number in range(payments):
        at = START + dt.timedelta(hours=12 * rng.randrange(140))
        late = rng.choice([0, 0, 0, 0, 1, 3])
        made.append({
            "payment_id": f"p{number:03d}", "account_id": f"a{rng.randrange(4)}", "terminal_id": f"t{rng.randrange(3)}",
            "device_id": f"d{rng.randrange(4)}", "card_id": "c", "method": "card", "attempt": 1, "amount": f"{rng.choice([5, 10, 20, 90])}.00",  # noqa: E501
            "currency": "EUR", "result": rng.choice(["succeeded", "succeeded", "declined"]), "invoice_id": "i", "network_country": "DE",  # noqa: E501
            "card_country": rng.choice(["DE", "FR"]), "attempted_at": at, "updated_at": at, "_arrived_on": (at + late * DAY).date(),  # noqa: E501
        })  # fmt: skip
        if rng.random() < 0.3:
            known = at + dt.timedelta(hours=12 * rng.randrange(1, 80))
            arrived = (known + rng.choice([0, 0, 2]) * DAY).date()
            chargebacks.append({
                "chargeback_id": f"c{number}", "payment_id": f"p{number:03d}", "account_id": "a0", "reason": "fraudulent", "amount": "5.00",  # noqa: E501
                "currency": "EUR", "state": "open", "opened_at": known, "updated_at": known, "_arrived_on": arrived,
            })  # fmt: skip
        if rng.random() < 0.1:
            known = at + dt.timedelta(hours=12 * rng.randrange(1, 20))
            reviews.append({
                "review_id": f"r{number}", "payment_id": f"p{number:03d}", "verdict": rng.choice(["fraud", "genuine"]),
                "reviewed_by": "desk-1", "reviewed_at": known, "_arrived_on": known.date(),
            })  # fmt: skip
    return made, chargebacks, reviews


def build(models: Models, made, chargebacks, reviews, table: str) -> dict[str, dict]:
    models.clear()
    models.insert("billing.payments", made)
    models.insert("billing.chargebacks", chargebacks)
    models.insert("support.payment_reviews", reviews)
    models.connection.execute(
        "create or replace table core.dim_exchange_rate as select 'EUR' as currency, 1.0 as units_per_euro, date '2025-01-01' as valid_from, cast(null as date) as valid_to"  # noqa: E501
    )
    models.made.add("dim_exchange_rate")
    names = [
        name
        for name in models.order(table)
        if name.startswith(("stg_billing", "stg_support", "int_risk__", "fct_payment_features"))
    ]
    for name in names:
        node = models.nodes[name]
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        models.connection.execute(f'create or replace {kind} {node["schema"]}."{name}" as {node["compiled_code"]}')
    node = models.nodes[table]
    found = models.connection.execute(f'select * from {node["schema"]}."{table}"')
    columns = [column[0] for column in found.description]
    return {row[0]: dict(zip(columns, row, strict=True)) for row in found.fetchall()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_windows_are_a_plain_count(models, seed):
    made, chargebacks, _ = world(seed)
    found = build(models, made, chargebacks, [], "fct_payment_features")
    by_id = {payment["payment_id"]: payment for payment in made}
    first = {}
    for label in sorted(chargebacks, key=lambda label: label["opened_at"]):
        first.setdefault(label["payment_id"], label["opened_at"])

    def within(at, moment, days):
        return at - days * DAY < moment <= at

    for payment in made:
        at, row = payment["attempted_at"], found[payment["payment_id"]]
        for days in (1, 7, 30):
            of_account = [
                o for o in made if o["account_id"] == payment["account_id"] and within(at, o["attempted_at"], days)
            ]
            assert row[f"account_count_{days}d"] == len(of_account)
            mean = sum(float(o["amount"]) for o in of_account) / len(of_account)
            assert row[f"account_mean_amount_{days}d"] == pytest.approx(mean, abs=1e-5)
            at_terminal = [o for o in made if o["terminal_id"] == payment["terminal_id"]]
            settled = sum(within(at, o["attempted_at"] + 30 * DAY, days) for o in at_terminal)
            frauds = sum(
                within(at, known, days) and known < by_id[number]["attempted_at"] + 60 * DAY
                for number, known in first.items()
                if by_id[number]["terminal_id"] == payment["terminal_id"]
            )
            assert row[f"terminal_settled_{days}d"] == settled
            assert row[f"terminal_risk_{days}d"] == pytest.approx(frauds / settled if settled else 0, abs=1e-5)


@pytest.mark.parametrize("seed", [4, 5])
def test_every_training_row_is_what_the_dumps_of_its_time_gave(models, seed):
    made, chargebacks, reviews = world(seed, 60)
    found = build(models, made, chargebacks, reviews, "int_risk__features_as_known")
    for day in sorted({payment["_arrived_on"] for payment in made}):
        then = [[row for row in rows if row["_arrived_on"] <= day] for rows in (made, chargebacks, reviews)]
        replayed = build(models, *then, "int_risk__features_as_known")
        for payment in made:
            if payment["_arrived_on"] == day:
                assert found[payment["payment_id"]] == replayed[payment["payment_id"]]


@pytest.mark.parametrize("table", ["fct_payment_features", "int_risk__features_as_known"])
def test_a_label_changes_nothing_before_it_was_known(models, table):
    made, chargebacks, _ = world(6)
    before = build(models, made, chargebacks, [], table)
    known = START + 40 * DAY
    planted = {
        **chargebacks[0],
        "chargeback_id": "planted",
        "payment_id": "p001",
        "opened_at": known,
        "updated_at": known,
        "_arrived_on": known.date(),
    }
    made[1]["attempted_at"] = made[1]["updated_at"] = START + 30 * DAY
    made[1]["_arrived_on"] = (START + 30 * DAY).date()
    before = build(models, made, chargebacks, [], table)
    after = build(models, made, [*chargebacks, planted], [], table)
    same_terminal = {p["payment_id"] for p in made if p["terminal_id"] == made[1]["terminal_id"]}
    changed = {number for number in before if before[number] != after[number]}
    assert all(after[number]["paid_at"] >= known for number in changed)
    assert changed & same_terminal, "and it does change what comes after"


@pytest.mark.parametrize("table", ["fct_payment_features", "int_risk__features_as_known"])
@pytest.mark.parametrize("after", [dt.timedelta(0), dt.timedelta(seconds=1), 2 * DAY])
def test_a_payment_never_sees_its_own_label(models, table, after):
    """Not when it was reported at the very second it was made, nor when both arrived in one dump."""
    made, chargebacks, _ = world(13, 40)
    at = made[5]["attempted_at"] = made[5]["updated_at"] = START + 35 * DAY
    made[5]["_arrived_on"] = (at + 2 * DAY).date()
    clean = build(models, made, chargebacks, [], table)
    own = {**chargebacks[0], "chargeback_id": "own", "payment_id": "p005", "opened_at": at + after,
           "updated_at": at + after, "_arrived_on": made[5]["_arrived_on"]}  # fmt: skip
    planted = build(models, made, [*chargebacks, own], [], table)
    assert planted["p005"] == clean["p005"]
    assert planted != clean, "and others see it"


def test_a_payment_that_arrives_when_it_would_count_as_genuine_does_not_see_that(models):
    made, _, _ = world(14, 1)
    made[0] |= {"attempted_at": START, "updated_at": START, "_arrived_on": (START + 30 * DAY).date()}
    (row,) = build(models, made, [], [], "int_risk__features_as_known").values()
    assert (row["terminal_settled_30d"], row["terminal_days_since_genuine"]) == (0, None)


def test_the_order_of_arrival_does_not_matter_to_the_restatable_features(models):
    made, chargebacks, reviews = world(7)
    first = build(models, made, chargebacks, reviews, "fct_payment_features")
    for row in [*made, *chargebacks, *reviews]:
        row["_arrived_on"] = (START + 90 * DAY).date()
    assert build(models, made[::-1], chargebacks[::-1], reviews, "fct_payment_features") == first


def test_labels_that_cannot_be_are_kept_and_not_counted(models):
    made, chargebacks, _ = world(8)
    clean = build(models, made, chargebacks, [], "fct_payment_features")
    unknown = {**chargebacks[0], "chargeback_id": "x1", "payment_id": "nobody's"}
    early = {
        **chargebacks[0],
        "chargeback_id": "x2",
        "payment_id": "p050",
        "opened_at": START - DAY,
        "updated_at": START - DAY,
    }
    assert build(models, made, [*chargebacks, unknown, early], [], "fct_payment_features") == clean
    assert models.rows(
        "select count(*) from intermediate.int_risk__labels where label_id in ('chargeback x1', 'chargeback x2')"
    ) == [(2,)]


def test_the_state_of_tonight_is_what_a_payment_at_its_end_would_have(models):
    made, chargebacks, reviews = world(9)
    night = (START + 60 * DAY).date()
    models.connection.execute("create schema if not exists ops")
    models.connection.execute(f"create or replace table ops.horizon as select date '{night}' as on_date")
    then = [[row for row in rows if row["_arrived_on"] <= night] for rows in (made, chargebacks, reviews)]
    build(models, made, chargebacks, reviews, "int_risk__feature_state")
    found = models.connection.execute("from intermediate.int_risk__feature_state")
    names = [column[0] for column in found.description]
    state = {row[:2]: dict(zip(names, row, strict=True)) for row in found.fetchall()}
    kinds = {kind: f"{kind}_id" for kind in ("account", "terminal", "device", "card")}
    last = max((p for p in then[0] if p["account_id"] == "a0"), key=lambda payment: payment["attempted_at"])
    assert last["attempted_at"] > START + 40 * DAY, "what it pays with was used within 30 days"
    end = START + 61 * DAY
    asked = {**last, "payment_id": "asked", "attempted_at": end, "updated_at": end, "_arrived_on": end.date(),
             "currency": "XXX", "result": "succeeded"}  # fmt: skip
    row = build(models, [*then[0], asked], *then[1:], "int_risk__features_as_known")["asked"]
    for kind, key in kinds.items():
        own = [name for name in names if name.startswith(f"{kind}_") and not name.endswith("_id")]
        assert len(own) >= 4
        assert [state[kind, last[key]][name] for name in own] == [row[name] for name in own]
    assert state["unseen", ""]["account_count_30d"] == state["unseen", ""]["card_count_1d"] == 1
    assert (state["unseen", ""]["terminal_risk_7d"], state["unseen", ""]["amount"]) == (0, None)


def learned(models: Models, cutoff: dt.datetime, last: dt.datetime) -> dict[str, int]:
    """The payments that training would see by a day, with the label it would see."""
    rows = train.labelled(models.connection, START.date(), last.date(), cutoff.date())
    order = "select payment_id from intermediate.int_risk__features_as_known as f join intermediate.int_risk__payments using (payment_id) where arrived_on <= f.paid_on + 1 and f.paid_on <= ? order by f.paid_at, payment_id"  # noqa: E501
    ids = [row[0] for row in models.connection.execute(order, [last.date()]).fetchall()]
    return dict(zip(ids, rows.truth.tolist(), strict=True))


def test_of_contradicting_labels_the_latest_counts_and_both_are_kept(models):
    made, chargebacks, _ = world(10, 30)
    for payment in made:
        payment["_arrived_on"] = payment["attempted_at"].date()
    at = made[0]["attempted_at"]

    def said(days, verdict):
        moment = at + days * DAY
        return {"review_id": f"r{days}", "payment_id": "p000", "verdict": verdict, "reviewed_by": "d",
                "reviewed_at": moment, "_arrived_on": moment.date()}  # fmt: skip

    charged = [{**chargebacks[0], "chargeback_id": "c0", "payment_id": "p000", "opened_at": at + 5 * DAY,
                "updated_at": at + 5 * DAY, "_arrived_on": (at + 5 * DAY).date()}]  # fmt: skip
    build(models, made, charged, [said(9, "genuine"), said(20, "fraud")], "int_risk__features_as_known")
    kept = models.rows("select label_id, is_fraud from intermediate.int_risk__labels order by known_at")
    assert kept == [("chargeback c0", True), ("review r9", False), ("review r20", True)]
    last = max(payment["attempted_at"] for payment in made)
    for days, expected in ((5, 1), (8, 1), (9, 0), (19, 0), (20, 1)):
        # what was paid later is not settled by then, and what nobody spoke of is not, either
        rows = train.labelled(models.connection, at.date(), at.date(), (at + days * DAY).date())
        assert rows.truth.tolist().count(1) == expected
    assert sum(learned(models, last + 90 * DAY, last).values()) == 1


def test_a_label_for_no_payment_or_from_before_it_is_kept_and_taught_to_nobody(models):
    made, chargebacks, _ = world(11, 30)
    for payment in made:
        payment["_arrived_on"] = payment["attempted_at"].date()
    at = made[3]["attempted_at"] - dt.timedelta(seconds=1)
    strange = [
        {**chargebacks[0], "chargeback_id": "early", "payment_id": "p003", "opened_at": at, "updated_at": at,
         "_arrived_on": at.date()},
        {**chargebacks[0], "chargeback_id": "nobody's", "payment_id": "not landed"},
    ]  # fmt: skip
    build(models, made, strange, [], "int_risk__features_as_known")
    assert models.rows("select count(*) from intermediate.int_risk__labels") == [(2,)]
    last = max(payment["attempted_at"] for payment in made)
    found = learned(models, last + 90 * DAY, last)
    assert len(found) == 30 and not any(found.values())


def test_a_currency_never_seen_is_a_payment_without_an_amount(models):
    made, chargebacks, reviews = world(12, 40)
    usual = build(models, made, chargebacks, reviews, "int_risk__features_as_known")
    made[20]["currency"] = "XXX"
    found = build(models, made, chargebacks, reviews, "int_risk__features_as_known")
    row = found[made[20]["payment_id"]]
    assert (row["amount"], row["amount_to_usual"]) == (None, None)
    assert row["account_count_30d"] == usual[row["payment_id"]]["account_count_30d"], "it is counted"
    assert all(value["amount"] is not None for number, value in found.items() if number != row["payment_id"])


def long_world(seed: int) -> tuple[list[dict], list[dict], list[dict]]:
    """Ten months in which reports come as late as they may, of payments whose accounts have a long past."""
    rng = random.Random(seed)
    made, chargebacks, reviews = world(seed, 300)
    for number, payment in enumerate(made):
        at = START + dt.timedelta(days=number, hours=rng.randrange(24))
        late = rng.choice([0, 0, 1, 3, 29])
        payment |= {"attempted_at": at, "updated_at": at, "_arrived_on": (at + late * DAY).date(),
                    "amount": f"{5 + number % 90}.00", "terminal_id": f"t{rng.randrange(2)}"}  # fmt: skip
    by_id = {payment["payment_id"]: payment for payment in made}
    for label in chargebacks:
        known = by_id[label["payment_id"]]["attempted_at"] + rng.choice([2, 30, 59]) * DAY
        label |= {"opened_at": known, "updated_at": known, "_arrived_on": (known + rng.choice([0, 0, 28]) * DAY).date()}
    return made, chargebacks, reviews[:0]


@pytest.mark.parametrize("table", ["fct_payment_features", "int_risk__features_as_known"])
@pytest.mark.parametrize("seed", [15, 16])
def test_some_days_come_out_as_they_do_in_the_whole(models, table, seed):
    """A night asks for its days alone: they must look back far enough for what is made of what was usual then."""
    build(models, *long_world(seed), table)
    node = models.nodes[table]
    on, whole = node["config"]["day"], f'{node["schema"]}."{table}"'
    days = [day for (day,) in models.rows(f"select distinct {on} from {whole} order by 1")]
    assert len(days) > 200
    for some in (days[-1:], days[-40:-39], days[-20:-10]):
        listed = ", ".join(f"date '{day}'" for day in some)
        asked = f"from ({narrowed(node['compiled_code'], some)}) as some_days where {on} in ({listed})"
        there = f"from {whole} where {on} in ({listed})"
        assert models.rows(f"({asked}) except all ({there})") == []
        assert models.rows(f"({there}) except all ({asked})") == []


STILL = """
    with made as (
        select n, timestamp '2026-01-01' + n * interval 1440 second as paid_at,
            concat('a', hash(n) % 100) as account_id, concat('t', hash(n, 1) % 25) as terminal_id
        from range({days} * 60) as numbers (n)
    )
    select concat('p', n) as payment_id, account_id, concat('c ', account_id) as card_id,
        concat('d', hash(account_id) % 70) as device_id, terminal_id, 'DE' as country,
        case when hash(n, 2) % 20 = 0 then 'FR' else 'DE' end as card_country, 1 as attempt, 'EUR' as currency,
        cast(5 + hash(account_id) % 40 + hash(n, 3) % 10
            + case when hash(n, 4) % 25 = 0 then 100 else 0 end as decimal(18, 2)) as amount,
        hash(n, 5) % 12 = 0 as is_declined, paid_at, cast(paid_at as date) as paid_on, paid_at as knowable_at,
        cast(paid_at as date) as arrived_on
    from made
"""
SAID_OF_IT = """
    select concat('l', payment_id) as label_id, payment_id, true as is_fraud,
        paid_at + (1 + hash(payment_id) % 50) * interval 1 day as known_at, cast(known_at as date) as known_on,
        known_at as knowable_at
    from intermediate.int_risk__payments where hash(payment_id, 6) % 15 = 0
"""


def test_features_of_a_still_world_stand_still_once_their_windows_are_full(models):
    """`full_after` of the YAML: after so many days nothing drifts that people do not do; before, a window fills."""
    for table, sql in (("payments", STILL.format(days=330)), ("labels", SAID_OF_IT)):
        models.connection.execute(f"create or replace table intermediate.int_risk__{table} as {sql}")
    made = models.nodes["fct_payment_features"]["compiled_code"]
    found = models.connection.execute(f"select *, paid_on - date '{START.date()}' as day from ({made})").fetchnumpy()
    most = variable("retrain_drift")
    day, filling = np.ma.filled(found["day"], 0).astype(int), {}
    for feature in fraud.features():
        values = np.ma.filled(np.ma.asarray(found[feature.name]).astype(float), np.nan)
        since, late = feature.full_after, values[day >= 270]
        assert measures.stability_index(values[(day >= since) & (day < since + 60)], late) < most, feature.name
        filling[feature.name] = measures.stability_index(values[day < 40], late)
    assert {name for name, index in filling.items() if index > most} >= {
        "terminal_days_since_genuine", "terminal_least_fraud_to_usual_30d", "terminal_streak_days"
    }  # fmt: skip
