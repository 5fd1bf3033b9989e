"""Plans, prices, subscriptions and invoices as tables of a day, cut from the lives of all accounts."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa

from . import world
from .columns import NEVER, Rows, days, decimals, money, seconds
from .keyed import numbered, pick, unit
from .lifecycle import (
    ACTIVE,
    ENDED,
    EVENTS,
    PAST_DUE,
    REASONS,
    STATES,
    TRIAL,
    Lifecycle,
)
from .settings import DAY
from .world import FAMILY, FREE, PLANS

DISCOUNTS = ("WELCOME50", "LOYAL10")
LINE_KINDS = ("subscription", "proration")
INVOICE_STATES = ("open", "paid", "uncollectible", "void")


class Billing(Lifecycle):
    """Snapshots and logs of billing."""

    def as_of(self, second: int) -> np.ndarray:
        """Places in ``state`` of the newest row of each account before a moment."""
        place = np.flatnonzero(self.state["at"] < second)
        account = self.state["account"][place]
        return place[np.append(account[1:] != account[:-1], True)] if len(place) else place

    def listening(self, day: int) -> np.ndarray:
        """Weight of each account among the honest plays of a day: served, how active, fading before it leaves."""
        noon = self.settings.midnight(day) + DAY // 2
        place = self.as_of(noon)
        served = np.isin(self.state["state"][place], (TRIAL, ACTIVE, PAST_DUE))
        weight = np.zeros(self.settings.members)
        who = self.state["account"][place[served]]
        left = (self.leaving[who] - noon) / (45 * DAY)
        fading = np.where(self.leaving[who] == NEVER, 1.0, np.clip(left, 0.15, 1.0))
        plan = self.state["plan"][place[served]]
        seats = np.where(plan == FAMILY, 2.6, np.where(plan == FREE, 0.7, 1.0))
        weight[who] = self.members.activity[who] * fading * seats
        weight[self.members.is_bot] *= 0.05
        return weight

    def plan_on(self, day: int) -> np.ndarray:
        """Plan of each account at noon of a day, -1 for those not served."""
        place = self.as_of(self.settings.midnight(day) + DAY // 2)
        served = place[np.isin(self.state["state"][place], (TRIAL, ACTIVE, PAST_DUE))]
        plan = np.full(self.settings.members, -1)
        plan[self.state["account"][served]] = self.state["plan"][served]
        return plan

    def subscriptions(self, day: int) -> pa.Table:
        """Every subscription at the end of a day."""
        place = self.as_of(self.settings.midnight(day + 1))
        rows = {name: values[place] for name, values in self.state.items()}
        account = rows["account"]
        country = self.members.country[account]
        ended = rows["state"] == ENDED
        return pa.table(
            {
                "subscription_id": numbered("sub", self.members.label[account], 8),
                "account_id": self.members.account_id.take(pa.array(account)),
                "plan_code": pick(PLANS, rows["plan"]),
                "state": pick(STATES, rows["state"]),
                "country": pick(world.CODES, country),
                "currency": pick(world.CURRENCIES, world.CURRENCY[country]),
                "discount_code": pick(DISCOUNTS, np.where(ended, -1, rows["discount"])),
                "started_at": seconds(rows["started"]),
                "trial_ends_at": seconds(rows["trial_end"]),
                "period_from": seconds(rows["period_from"]),
                "period_to": seconds(rows["period_to"]),
                "ended_at": seconds(np.where(ended, rows["at"], NEVER)),
                "end_reason": pick(REASONS, rows["reason"]),
                "updated_at": seconds(rows["at"]),
            }
        )

    def shipped(self, at: np.ndarray, day: int) -> np.ndarray:
        """Places of rows that a day's dump holds: those of the day, on the first day all before it too."""
        begin = self.settings.midnight(day) if day else -NEVER
        return np.flatnonzero((at >= begin) & (at < self.settings.midnight(day + 1)))

    def subscription_events(self, day: int) -> pa.Table:
        """What happened to subscriptions on a day."""
        place = self.shipped(self.event["at"], day)
        rows = {name: values[place] for name, values in self.event.items()}
        country = self.members.country[rows["account"]]
        return pa.table(
            {
                "event_id": numbered("ev", place, 9),
                "subscription_id": numbered("sub", self.members.label[rows["account"]], 8),
                "account_id": self.members.account_id.take(pa.array(rows["account"])),
                "event": pick(EVENTS, rows["event"]),
                "plan_code": pick(PLANS, rows["plan"]),
                "previous_plan_code": pick(PLANS, rows["previous"]),
                "reason": pick(REASONS, rows["reason"]),
                "country": pick(world.CODES, country),
                "currency": pick(world.CURRENCIES, world.CURRENCY[country]),
                "occurred_at": seconds(rows["at"]),
            }
        )

    @cached_property
    def invoice_versions(self) -> dict[str, np.ndarray]:
        """Every version of every invoice: issued open, then paid, void or uncollectible."""
        invoice, attempt = self.invoice, self.attempt
        good = attempt["failed"] == 0
        paid_at = np.full(len(invoice["at"]), NEVER)
        clears = np.where(self.method[attempt["account"]] == 2, 2 * DAY, 5)
        paid_at[attempt["invoice"][good]] = (attempt["at"] + clears)[good]
        fails = np.bincount(attempt["invoice"][~good], minlength=len(paid_at))
        hopeless = (fails == 4) & (paid_at == NEVER)
        void = hopeless & (unit(self.settings.seed, "goodwill", np.arange(len(paid_at))) < 0.35)
        last = np.where(hopeless, invoice["at"] + 15 * DAY, paid_at)
        self.void, self.closed_at = void, last
        state = np.where(void, 3, np.where(hopeless, 2, 1))
        number = np.arange(len(last))
        done = last < self.settings.end_second
        versions = {
            "invoice": np.concatenate([number, number[done]]),
            "updated": np.concatenate([invoice["at"], last[done]]),
            "state": np.concatenate([np.zeros(len(number), dtype=np.int64), state[done]]),
        }
        order = np.lexsort((versions["invoice"], versions["updated"]))
        return {name: values[order] for name, values in versions.items()}

    def invoices(self, day: int) -> pa.Table:
        """Versions of invoices that came to be on a day."""
        versions = self.invoice_versions
        place = self.shipped(versions["updated"], day)
        number, rows = versions["invoice"][place], self.invoice
        account, at = rows["account"][number], rows["at"][number]
        country = self.members.country[account]
        net, tax = rows["net"][number], rows["tax"][number]
        return pa.table(
            {
                "invoice_id": numbered("in", number, 9),
                "account_id": self.members.account_id.take(pa.array(account)),
                "subscription_id": numbered("sub", self.members.label[account], 8),
                "country": pick(world.CODES, country),
                "currency": pick(world.CURRENCIES, world.CURRENCY[country]),
                "state": pick(INVOICE_STATES, versions["state"][place]),
                "net_amount": money(net),
                "tax_amount": money(tax),
                "total_amount": money(net + tax),
                "issued_at": seconds(at),
                "due_on": days(at + 14 * DAY),
                "updated_at": seconds(versions["updated"][place]),
            }
        )

    def invoice_lines(self, day: int, *, wrong: bool = False) -> pa.Table:
        """Lines of the invoices issued on a day; the wrong export forgot the tax of one country."""
        place = self.shipped(self.line["at"], day)
        rows = {name: values[place] for name, values in self.line.items()}
        country, net, tax = rows["country"], rows["net"], rows["tax"]
        rate = world.TAX[country]
        if wrong:
            forgot = country == 0
            net, tax, rate = np.where(forgot, net + tax, net), np.where(forgot, 0, tax), np.where(forgot, 0, rate)
        return pa.table(
            {
                "invoice_line_id": numbered("il", place, 9),
                "invoice_id": numbered("in", rows["invoice"], 9),
                "line_number": pa.array(rows["position"].astype(np.int32)),
                "kind": pick(LINE_KINDS, rows["kind"]),
                "plan_code": pick(PLANS, rows["plan"]),
                "service_from": seconds(rows["service_from"]),
                "service_to": seconds(rows["service_to"]),
                "currency": pick(world.CURRENCIES, world.CURRENCY[country]),
                "gross_amount": money(rows["gross"]),
                "discount_amount": money(rows["discount"]),
                "net_amount": money(net),
                "tax_rate": decimals(rate, pa.decimal128(9, 6)),
                "tax_amount": money(tax),
                "issued_at": seconds(rows["at"]),
                "updated_at": seconds(rows["at"]),
            }
        )

    def plans(self, _: int) -> pa.Table:
        """The five plans."""
        return pa.table(
            {
                "plan_code": pa.array(PLANS),
                "name": pa.array(world.PLAN_NAMES),
                "billing_period": pa.array(["none", "month", "month", "month", "year"]),
                "seats": pa.array(world.PLAN_SEATS, pa.int32()),
                "has_ads": pa.array([plan == FREE for plan in range(5)]),
                "trial_days": pa.array([0, 30, 30, 30, 0], pa.int32()),
                "created_at": seconds(np.full(5, self.settings.start_second - 1200 * DAY)),
            }
        )

    def price_rows(self, day: int) -> pa.Table:
        """The price list at the end of a day; the higher prices are entered four weeks before they hold."""
        announced = self.settings.midnight(day + 1) >= self.raised_at - 28 * DAY
        old = self.settings.start_second - 700 * DAY
        plan, country = (x.ravel() for x in np.meshgrid(np.arange(1, 5), np.arange(len(world.CODES)), indexing="ij"))
        raised = self.prices[1, plan, country] != self.prices[0, plan, country]
        rows = Rows()
        rows.add(len(plan), plan=plan, country=country, amount=self.prices[0, plan, country], begin=old,
                 end=np.where(raised & announced, self.raised_at, NEVER), entered=old)  # fmt: skip
        if announced:
            rows.add(
                int(raised.sum()), plan=plan[raised], country=country[raised], end=NEVER, begin=self.raised_at,
                amount=self.prices[1, plan[raised], country[raised]], entered=self.raised_at - 28 * DAY,
            )  # fmt: skip
        whole = rows.done("plan", "country", "begin")
        where = whole["country"]
        return pa.table(
            {
                "plan_code": pick(PLANS, whole["plan"]),
                "country": pick(world.CODES, where),
                "valid_from": days(whole["begin"]),
                "valid_to": days(whole["end"]),
                "currency": pick(world.CURRENCIES, world.CURRENCY[where]),
                "amount": money(whole["amount"]),
                "tax_mode": pick(("included", "added"), world.TAX_ADDED[where].astype(int)),
                "tax_rate": decimals(world.TAX[where], pa.decimal128(9, 6)),
                "created_at": seconds(whole["entered"]),
            }
        )
