"""What really is the case, for tests alone: frauds, bots, revenue by an arithmetic of its own, incidents.

Revenue is told in steps: a row says by how much the figures of a day change on the day ``known_on``, so that what must
be known after any night is the sum of the rows up to it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from . import files, world
from .billing import REASONS
from .cash import FRAUDS
from .columns import NEVER, days, money, seconds
from .habits import HABITS
from .keyed import numbered, pick
from .settings import DAY
from .shop import Shop

AMOUNTS = ("gross", "discount", "tax", "refunds", "refunds_tax", "credits", "credits_tax")


def revenue(shop: Shop) -> pa.Table:
    """Gross, discount, tax, refunds and net by day, country, plan, currency and the day the figures are known.

    net = gross - discount - tax - refunds (refunds without their tax). Credits are credit notes without a refund.
    """
    settings, billing, cash = shop.settings, shop.billing, shop.cash
    line = billing.line
    steps = []

    def step(which: np.ndarray, at: np.ndarray, known: np.ndarray, **amounts: np.ndarray) -> None:
        whole = {name: amounts.get(name, np.zeros(len(which), dtype=np.int64)) for name in AMOUNTS}
        on = np.maximum(known // DAY, settings.start_second // DAY)
        steps.append((at // DAY, line["country"][which], line["plan"][which], on, *whole.values()))

    every = np.arange(len(line["at"]))
    step(every, line["at"], line["at"], gross=line["gross"], discount=line["discount"], tax=line["tax"])
    wrong_day = settings.midnight(settings.incidents.wrong_invoice_lines)
    forgot = np.flatnonzero((line["at"] >= wrong_day) & (line["at"] < wrong_day + DAY) & (line["country"] == 0))
    step(forgot, line["at"][forgot], line["at"][forgot], tax=-line["tax"][forgot])
    step(forgot, line["at"][forgot], line["at"][forgot] + 2 * DAY, tax=line["tax"][forgot])
    refund = cash.refund
    step(refund["line"], refund["at"], refund["at"], refunds=refund["net"], refunds_tax=refund["tax"])
    failed = np.flatnonzero(refund["state"] == 2)
    step(
        refund["line"][failed], refund["at"][failed], refund["done"][failed],
        refunds=-refund["net"][failed], refunds_tax=-refund["tax"][failed],
    )  # fmt: skip
    good = np.flatnonzero(cash.credit["refund"] < 0)
    credit = {name: values[good] for name, values in cash.credit.items()}
    step(credit["line"], credit["at"], credit["at"], credits=credit["net"], credits_tax=credit["tax"])
    columns = [np.concatenate(parts) for parts in zip(*steps, strict=True)]
    keys = np.stack(columns[:4], axis=1)
    groups, where = np.unique(keys, axis=0, return_inverse=True)
    totals = np.zeros((len(groups), len(AMOUNTS)), dtype=np.int64)
    np.add.at(totals, where.ravel(), np.stack(columns[4:], axis=1))
    net = totals[:, 0] - totals[:, 1] - totals[:, 2] - totals[:, 3]
    result = {
        "day": days(groups[:, 0] * DAY),
        "country": pick(world.CODES, groups[:, 1]),
        "plan_code": pick(world.PLANS, groups[:, 2]),
        "currency": pick(world.CURRENCIES, world.CURRENCY[groups[:, 1]]),
        "known_on": days(groups[:, 3] * DAY),
    }
    result |= {name: money(totals[:, n]) for n, name in enumerate(AMOUNTS)}
    return pa.table(result | {"net": money(net)})


def payments(shop: Shop) -> pa.Table:
    """Every payment with its pattern of fraud, if any."""
    payment = shop.cash.payment
    place = np.arange(len(payment["at"]))
    return pa.table(
        {
            "payment_id": numbered("pay", place, 9),
            "attempted_at": seconds(payment["at"]),
            "is_fraud": pa.array(payment["fraud"] > 0),
            "pattern": pick(FRAUDS, payment["fraud"]),
            "is_declined": pa.array(payment["failed"] == 1),
        }
    )


def members(shop: Shop) -> pa.Table:
    """Every account: tastes, how active, bot or look-alike, when and why it leaves."""
    people, billing = shop.members, shop.billing
    event = {name: values[billing.event["reason"] >= 0] for name, values in billing.event.items()}
    reason = np.full(shop.settings.members, -1)
    left = np.full(shop.settings.members, NEVER)
    reason[event["account"]], left[event["account"]] = event["reason"], event["at"]
    return pa.table(
        {
            "account_id": people.account_id,
            "signed_up_at": seconds(people.signup),
            "activity": pa.array(people.activity),
            "taste": pa.array(people.taste),
            "second_taste": pa.array(people.second_taste),
            "is_bot": pa.array(people.is_bot),
            "kind": pick(("", "superfan", "sleeper", "cafe"), people.kind),
            "left_at": seconds(left),
            "left_reason": pick(REASONS, reason),
            "erasure_requested_at": seconds(people.closed),
        }
    )


def campaigns(shop: Shop) -> pa.Table:
    """Every campaign of bought streams: one row per account."""
    made, settings = shop.playback.habits.campaigns, shop.settings
    sizes = [len(c.accounts) for c in made]

    def each(values: list[int]) -> np.ndarray:
        return np.repeat(np.array(values, dtype=np.int64), sizes)

    accounts = np.concatenate([c.accounts for c in made]) if made else np.zeros(0, dtype=np.int64)
    return pa.table(
        {
            "campaign": pa.array(each([c.number for c in made])),
            "habit": pick(HABITS, each([c.habit for c in made])),
            "first_day": days(each([settings.midnight(c.first_day) for c in made])),
            "last_day": days(each([settings.midnight(c.last_day - 1) for c in made])),
            "account_id": shop.members.account_id.take(pa.array(accounts)),
        }
    )


def write_world(shop: Shop, folder: Path) -> None:
    """The parts that are not told day by day."""
    for table in (revenue, payments, members, campaigns):
        files.write(folder / f"{table.__name__}.parquet", files.parquet_bytes(table(shop)))
    settings = shop.settings
    what = {name: str(settings.date(day)) for name, day in sorted(settings.incidents.all_days.items())}
    sizes = {
        name: getattr(settings, name) for name in ("seed", "days", "members", "artists", "tracks", "plays_per_day")
    }
    whole = {"settings": sizes | {"start": str(settings.start)}, "incidents": what}
    files.write(folder / "world.json", (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode())
