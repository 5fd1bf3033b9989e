"""Subscriptions from trial to churn, and the invoices they lead to. All money in whole hundredths.

The life of every account is simulated once, period by period and for all accounts at a time; each step leaves rows in
lists of arrays (states, events, invoices, lines), which the days are later cut from by the time a row came to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import world
from .columns import NEVER, Rows
from .keyed import unit, weighted
from .members import NOBODY, Members
from .settings import DAY, Settings
from .world import ANNUAL, FAMILY, FREE, INDIVIDUAL, STUDENT

STATES = ("trial", "active", "paused", "past_due", "ended")
TRIAL, ACTIVE, PAUSED, PAST_DUE, ENDED = range(5)
EVENTS = (
    "trial_started",
    "started",
    "upgraded",
    "downgraded",
    "paused",
    "resumed",
    "cancelled",
    "lapsed",
    "reactivated",
)
REASONS = ("price", "not_used", "competitor", "other", "payment_lapse", "account_closed")
DISCOUNT_PERCENT = np.array([50, 10, 0])
RETRY_DAYS = np.array([0, 3, 7, 14])
TRIAL_DAYS = 30


def add_months(second: np.ndarray, months: np.ndarray | int, day_of_month: np.ndarray) -> np.ndarray:
    """The same time of day some months later, on the day of the month or the month's last."""
    day = second.astype("datetime64[s]").astype("datetime64[D]")
    month = day.astype("datetime64[M]") + months
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    on = month.astype("datetime64[D]").astype(np.int64) + np.minimum(day_of_month, length) - 1
    return on * DAY + second % DAY


@dataclass
class Lifecycle:
    """Subscriptions, events, invoices and attempts to be paid, for all accounts and all time."""

    settings: Settings
    members: Members

    def __post_init__(self) -> None:
        self.states, self.events = Rows(), Rows()
        self.invoice_rows, self.line_rows, self.attempt_rows = Rows(), Rows(), Rows()
        self.prices = np.stack([world.price_list(False), world.price_list(True)])
        self.raised_at = self.settings.midnight(self.settings.incidents.price_rise)
        self._begin()
        while self._period():
            pass
        self._finish()

    def _chance(self, purpose: str, account: np.ndarray, at: np.ndarray | int = 0) -> np.ndarray:
        return unit(self.settings.seed, purpose, account, at)

    # The beginning: who is on which plan before the first day, and how newcomers start.

    def _begin(self) -> None:
        members, settings = self.members, self.settings
        everyone = np.arange(settings.members)
        signup, history = members.signup, settings.history_second
        self.plan = np.full(settings.members, FREE)
        self.next_boundary = np.full(settings.members, NEVER)
        self.period_from = np.full(settings.members, NEVER)
        self.started = signup.copy()
        self.trial_end = np.full(settings.members, NEVER)
        self.discount = np.full(settings.members, 2)
        self.discount_left = np.zeros(settings.members, dtype=np.int64)
        self.leaving = np.full(settings.members, NEVER)
        self.method = weighted([70, 18, 12], self._chance("method", everyone))
        self.method[(self.method == 2) & (world.CURRENCY[members.country] != world.CURRENCIES.index("EUR"))] = 0
        old = signup < history
        draw = self._chance("beginning", everyone)
        self.target = weighted([62, 14, 16, 8], self._chance("plan", everyone))
        self.target = np.array([INDIVIDUAL, STUDENT, FAMILY, ANNUAL])[self.target]
        forgotten = members.closed != NEVER
        odd = (members.kind != NOBODY) | members.is_bot
        paying = (draw < np.where(old, 0.45, 0.08)) & ~forgotten
        paying = np.where(odd, draw < 0.5, paying)
        self.target[odd] = INDIVIDUAL
        trial = ~old & (draw >= 0.08) & (draw < 0.3) & ~odd & (self.target != ANNUAL)
        free = ~paying & ~trial
        self._state(everyone[free], signup[free], ACTIVE)
        self._pay_since(everyone[paying & old])
        new = everyone[paying & ~old]
        self.plan[new] = self.target[new]
        self._enter(new, signup[new], "started")
        new = everyone[trial]
        self.plan[new] = self.target[new]
        self._try(new, signup[new])
        # Free listeners turn into paying ones, the sooner the more they listen.
        wait = -np.log(1 - self._chance("wait", everyone)) * 300 * DAY / members.activity**0.5
        convert = np.maximum(signup, history) + wait.astype(np.int64) + 3_600
        ready = everyone[free & ~forgotten & ~odd & (convert < settings.end_second)]
        trying = (self._chance("trying", ready) < 0.8) & (self.target[ready] != ANNUAL)
        self._try(ready[trying], convert[ready[trying]])
        self._enter(ready[~trying], convert[ready[~trying]], "started")
        gone = everyone[forgotten]
        self._end(gone, members.closed[gone], "cancelled", REASONS.index("account_closed"))

    def _pay_since(self, who: np.ndarray) -> None:
        """Subscribers of long ago: their last period before the history began, and the boundary that comes next."""
        signup = self.members.signup[who]
        self.plan[who] = self.target[who]
        loyal = self._chance("loyal", who) < 0.05
        self.discount[who[loyal]], self.discount_left[who[loyal]] = 1, 10_000
        months = world.PLAN_MONTHS[self.plan[who]]
        day = signup.astype("datetime64[s]").astype("datetime64[D]")
        dom = (day - day.astype("datetime64[M]")).astype(np.int64) + 1
        first = self.settings.history_second
        elapsed = (
            (np.datetime64(first, "s").astype("datetime64[M]") - day.astype("datetime64[M]")).astype(np.int64)
            // months
            * months
        )
        begin = add_months(signup, elapsed, dom)
        begin = np.where(begin >= first, add_months(signup, elapsed - months, dom), begin)
        after = add_months(begin, months, dom)
        again = after < first
        begin, after = np.where(again, after, begin), np.where(again, add_months(after, months, dom), after)
        begin = np.maximum(begin, signup)
        self.period_from[who], self.next_boundary[who] = begin, after
        self._state(who, begin, ACTIVE, period_to=after)

    def _try(self, who: np.ndarray, at: np.ndarray) -> None:
        """A free trial, and what comes of it."""
        before = self.plan[who].copy()
        self.plan[who] = self.target[who]
        end = at + TRIAL_DAYS * DAY
        self.trial_end[who], self.started[who] = end, at
        self._state(who, at, TRIAL)
        self._event(who, at, "trial_started", before, before == FREE)
        stays = self._chance("stays", who) < np.clip(0.45 + 0.25 * np.log(self.members.activity[who]), 0.15, 0.92)
        self._enter(who[stays], end[stays], "started")
        leaves = who[~stays]
        self._end(leaves, end[~stays], "cancelled", self._reason(leaves, end[~stays]))

    def _enter(self, who: np.ndarray, at: np.ndarray, event: str) -> None:
        """The first paid period begins at a time; one in eight newcomers has the welcome discount."""
        before = self.plan[who].copy()
        self.plan[who] = self.target[who]
        welcome = (self._chance("welcome", who) < 0.12) & (event == "started")
        self.discount[who[welcome]], self.discount_left[who[welcome]] = 0, 3
        self.next_boundary[who] = at
        self.period_from[who] = at
        self._event(who, at, event, before, before == FREE)

    # One period: everyone whose boundary comes next, at once.

    def _period(self) -> bool:
        """Handle the next boundary of every account that has one before the end; False when none has."""
        who = np.flatnonzero(self.next_boundary < self.settings.end_second)
        if not len(who):
            return False
        at = self.next_boundary[who]
        first = at == self.period_from[who]
        stop = ~first & (self._chance("hazard", who, at) < self._hazard(who, at))
        self._end(who[stop], at[stop], "cancelled", self._reason(who[stop], at[stop]))
        self._return(who[stop], at[stop])
        odd = self.members.is_bot[who] | (self.members.kind[who] != NOBODY)
        pause = ~first & ~stop & ~odd & (self._chance("pause", who, at) < 0.01)
        self._pause(who[pause], at[pause])
        going = ~stop & ~pause
        who, at, first = who[going], at[going], first[going]
        down = ~first & (self._chance("down", who, at) < 0.012) & np.isin(self.plan[who], (FAMILY,))
        before = self.plan[who].copy()
        self.plan[who[down]] = INDIVIDUAL
        self._event(who[down], at[down], "downgraded", before[down])
        self._bill_period(who, at)
        return True

    def _hazard(self, who: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Chance of cancelling at a boundary: high for those who listen little, higher after a price rise."""
        odd = self.members.is_bot[who] | (self.members.kind[who] != NOBODY)
        hazard = 0.045 * self.members.activity[who] ** -0.8
        raised = np.isin(self.members.country[who], [world.CODES.index(c) for c in world.RAISED_IN])
        near = np.abs(at - self.raised_at) < 31 * DAY
        return np.where(
            odd, 0.0, np.clip(hazard * np.where(raised & near & (at >= self.raised_at), 1.6, 1.0), 0.004, 0.4)
        )

    def _reason(self, who: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Why they leave; who did not use it has listened less and less for weeks."""
        reason = weighted([25, 50, 15, 10], self._chance("reason", who, at))
        fading = reason == REASONS.index("not_used")
        self.leaving[who[fading]] = np.minimum(self.leaving[who[fading]], at[fading])
        return reason

    def _end(self, who: np.ndarray, at: np.ndarray, event: str, reason: np.ndarray | int) -> None:
        self.next_boundary[who] = NEVER
        self._state(who, at, ENDED, reason=reason)
        self._event(who, at, event, self.plan[who], False, reason)

    def _return(self, who: np.ndarray, at: np.ndarray) -> None:
        """One in six comes back after some weeks."""
        back = self._chance("back", who, at) < 0.17
        who, at = who[back], at[back]
        when = at + ((20 + 50 * self._chance("back when", who, at)) * DAY).astype(np.int64)
        soon = when < self.settings.end_second
        who, when = who[soon], when[soon]
        self.target[who] = self.plan[who]
        self.leaving[who] = np.where(self.leaving[who] <= when, NEVER, self.leaving[who])
        self._enter(who, when, "reactivated")

    def _pause(self, who: np.ndarray, at: np.ndarray) -> None:
        until = at + 30 * DAY
        self._state(who, at, PAUSED)
        self._event(who, at, "paused", self.plan[who])
        self.next_boundary[who], self.period_from[who] = until, until
        self._event(who, until, "resumed", self.plan[who])

    def _bill_period(self, who: np.ndarray, at: np.ndarray) -> None:
        """Invoice and payment of a period; a change of plan in the middle of it; what comes next."""
        dom = self.members.signup[who].astype("datetime64[s]").astype("datetime64[D]")
        dom = (dom - dom.astype("datetime64[M]")).astype(np.int64) + 1
        own = at.astype("datetime64[s]").astype("datetime64[D]")
        own = (own - own.astype("datetime64[M]")).astype(np.int64) + 1
        dom = np.where(own >= 28, np.maximum(dom, own), own)
        until = add_months(at, world.PLAN_MONTHS[self.plan[who]], dom)
        plan, country = self.plan[who], self.members.country[who]
        percent = DISCOUNT_PERCENT[np.where(self.discount_left[who] > 0, self.discount[who], 2)]
        listed = self.prices[(at >= self.raised_at).astype(int), plan, country]
        parts = world.charge(listed, country, percent)
        invoice = self._invoice(who, at, parts["net"], parts["tax"])
        self._line(invoice, 1, 0, plan, at, until, country, parts)
        self.discount_left[who] = np.maximum(self.discount_left[who] - 1, 0)
        self.period_from[who], self.next_boundary[who] = at, until
        self._state(who, at, ACTIVE, period_to=until)
        lapsed = self._collect(who, invoice, at, parts["net"] + parts["tax"])
        rises = np.isin(plan, (INDIVIDUAL, STUDENT)) & (percent == 0) & ~lapsed & (self._chance("up", who, at) < 0.014)
        self._upgrade(who[rises], at[rises], until[rises])

    def _upgrade(self, who: np.ndarray, begin: np.ndarray, until: np.ndarray) -> None:
        """What is left of the old plan is credited, the new one is charged for the same time, on one invoice."""
        at = begin + ((0.2 + 0.6 * self._chance("up when", who, begin)) * (until - begin)).astype(np.int64)
        soon = at < self.settings.end_second
        who, begin, until, at = who[soon], begin[soon], until[soon], at[soon]
        country, old = self.members.country[who], self.plan[who].copy()
        new = np.where(old == STUDENT, INDIVIDUAL, FAMILY)
        unit_ = world.SMALLEST[country]

        def rest(amount: np.ndarray) -> np.ndarray:
            return world.halves_up(amount * (until - at), (until - begin) * unit_) * unit_

        none = np.zeros(len(who), dtype=np.int64)
        paid = world.charge(self.prices[(begin >= self.raised_at).astype(int), old, country], country, none)
        net, tax = -rest(paid["net"]), -rest(paid["tax"])
        credit = {"gross": net + tax, "discount": none, "net": net, "tax": tax}
        fresh = world.charge(rest(self.prices[(at >= self.raised_at).astype(int), new, country]), country, none)
        invoice = self._invoice(who, at, credit["net"] + fresh["net"], credit["tax"] + fresh["tax"])
        self._line(invoice, 1, 1, old, at, until, country, credit)
        self._line(invoice, 2, 0, new, at, until, country, fresh)
        total = credit["net"] + fresh["net"] + credit["tax"] + fresh["tax"]
        self._attempts(who, invoice, at, total, np.zeros(len(who), dtype=np.int64))
        self.plan[who] = new
        self._state(who, at, ACTIVE, period_to=until, period_from=begin)
        self._event(who, at, "upgraded", old)

    def _collect(self, who: np.ndarray, invoice: np.ndarray, at: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Up to four attempts in two weeks; who cannot pay is past due, then lapses. True for the lapsed."""
        weak = np.where(self.method[who] == 2, 0.015, 0.05)
        failures = np.zeros(len(who), dtype=np.int64)
        failing = self._chance("fails", who, at) < weak
        for attempt in range(1, 5):
            failures[failing] = attempt
            failing = failing & (self._chance(f"fails {attempt}", who, at) < 0.62)
        self._attempts(who, invoice, at, total, failures)
        late = (failures > 0) & (failures < 4)
        period_to = self.next_boundary[who]
        self._state(
            who[failures > 0],
            at[failures > 0] + 60,
            PAST_DUE,
            period_to=period_to[failures > 0],
            period_from=at[failures > 0],
        )
        cured = at[late] + RETRY_DAYS[failures[late]] * DAY + 60
        self._state(who[late], cured, ACTIVE, period_to=period_to[late], period_from=at[late])
        lapsed = failures == 4
        self._end(who[lapsed], at[lapsed] + 14 * DAY + 120, "lapsed", REASONS.index("payment_lapse"))
        return lapsed

    # What the steps leave behind.

    def _state(self, who: np.ndarray, at: np.ndarray, state: int, *, period_to: np.ndarray | int = NEVER,
               period_from: np.ndarray | None = None, reason: np.ndarray | int = -1) -> None:  # fmt: skip
        paid = state in (ACTIVE, PAST_DUE) and not np.isscalar(period_to)
        self.states.add(
            len(who), account=who, at=at, sequence=len(who) * 0 + self._next(), plan=self.plan[who], state=state,
            period_from=(at if period_from is None else period_from) if paid else NEVER, period_to=period_to,
            trial_end=self.trial_end[who], started=self.started[who], reason=reason,
            discount=np.where(self.discount_left[who] > 0, self.discount[who], -1),
        )  # fmt: skip

    def _next(self) -> int:
        self._sequence = getattr(self, "_sequence", 0) + 1
        return self._sequence

    def _event(self, who: np.ndarray, at: np.ndarray, event: str, before: np.ndarray, known: np.ndarray | bool = True,
               reason: np.ndarray | int = -1) -> None:  # fmt: skip
        already_paid = np.asarray(before) != self.plan[who]
        previous = np.where(np.broadcast_to(known, (len(who),)) & already_paid, before, -1)
        self.events.add(
            len(who), account=who, at=at, sequence=self._next(), event=EVENTS.index(event), plan=self.plan[who],
            previous=previous, reason=reason,
        )  # fmt: skip

    def _invoice(self, who: np.ndarray, at: np.ndarray, net: np.ndarray, tax: np.ndarray) -> np.ndarray:
        """Returns provisional numbers; the final ones follow the time of issue."""
        begin = getattr(self, "_invoices", 0)
        self._invoices = begin + len(who)
        number = np.arange(begin, begin + len(who))
        self.invoice_rows.add(len(who), number=number, account=who, at=at, net=net, tax=tax)
        return number

    def _line(self, invoice: np.ndarray, position: int, kind: int, plan: np.ndarray, begin: np.ndarray, end: np.ndarray,
              country: np.ndarray, parts: dict[str, np.ndarray]) -> None:  # fmt: skip
        self.line_rows.add(
            len(invoice), invoice=invoice, position=position, kind=kind, plan=plan, service_from=begin, service_to=end,
            country=country, **parts,
        )  # fmt: skip

    def _attempts(
        self, who: np.ndarray, invoice: np.ndarray, at: np.ndarray, total: np.ndarray, failures: np.ndarray
    ) -> None:
        for attempt in range(4):
            due = failures >= attempt
            self.attempt_rows.add(
                int(due.sum()), invoice=invoice[due], account=who[due], attempt=attempt + 1, amount=total[due],
                at=at[due] + RETRY_DAYS[attempt] * DAY + 20, failed=failures[due] > attempt,
            )  # fmt: skip

    def _finish(self) -> None:
        """Rows since the history began, in order; invoices numbered by time of issue."""
        settings = self.settings
        self.state = self.states.done("account", "at", "sequence")
        self.event = self._window(self.events.done("at", "sequence", "account"), "at")
        invoice = self._window(self.invoice_rows.done("at", "account", "number"), "at")
        final = np.full(self._invoices if hasattr(self, "_invoices") else 0, -1)
        final[invoice["number"]] = np.arange(len(invoice["number"]))
        line, attempt = self.line_rows.done(), self.attempt_rows.done()
        for rows in (line, attempt):
            rows["invoice"] = final[rows["invoice"]]
        self.invoice = invoice
        line = {name: values[line["invoice"] >= 0] for name, values in line.items()}
        order = np.lexsort((line["position"], line["invoice"]))
        self.line = {name: values[order] for name, values in line.items()}
        self.line["at"] = invoice["at"][self.line["invoice"]]
        keep = (attempt["invoice"] >= 0) & (attempt["at"] < settings.end_second)
        self.attempt = {name: values[keep] for name, values in attempt.items()}

    def _window(self, rows: dict[str, np.ndarray], column: str) -> dict[str, np.ndarray]:
        keep = (rows[column] >= self.settings.history_second) & (rows[column] < self.settings.end_second)
        return {name: values[keep] for name, values in rows.items()}
