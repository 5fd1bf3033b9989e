"""Money that moves: payments and their fraud, gift cards, refunds, chargebacks, credit notes, advertising."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import world
from .billing import Billing
from .columns import NEVER, Rows, days, money, seconds
from .keyed import generator, hashed, hex_text, numbered, pick, unit, weighted
from .members import Members
from .settings import DAY, Settings

METHODS = ("card", "wallet", "direct_debit", "gift_card")
CARD, WALLET, DEBIT, GIFT = range(4)
RESULTS = ("pending", "succeeded", "declined")
DECLINES = ("insufficient_funds", "expired_card", "do_not_honour", "suspected_fraud")
REFUND_REASONS = ("cancelled", "service_outage", "duplicate", "mistake")
REFUND_STATES = ("pending", "succeeded", "failed")
CHARGEBACK_REASONS = ("fraudulent", "not_recognised", "not_received")
CHARGEBACK_STATES = ("open", "won", "lost")
CREDIT_REASONS = ("cancelled", "service_outage", "duplicate", "mistake", "goodwill")
GIFT_EVENTS = ("sold", "redeemed", "expired")
GIFT_VALID = 60 * DAY
TERMINALS = 60
HONEST, RING, TERMINAL, TAKEOVER = range(4)
FRAUDS = ("", "stolen_cards", "compromised_terminal", "taken_over_account")
FACE_VALUE = (1000, 2500, 5000, 10000)


@dataclass
class Cash:
    """Payments and what follows from them, for all time, in arrays."""

    settings: Settings
    members: Members
    billing: Billing

    def __post_init__(self) -> None:
        self.rng = generator(self.settings.seed, "cash")
        self.billing.invoice_versions  # noqa: B018 (decides which invoices end void; computed once, used below)
        self._gift_cards_sold()
        self._payments()
        self._redeem()
        self._refunds()
        self._chargebacks()
        self._credit_notes()

    # Gift cards are what fraudsters buy; honest people buy them too, before Christmas most.

    def _gift_cards_sold(self) -> None:
        settings, rng, members = self.settings, self.rng, self.members
        length = settings.end_second - settings.history_second
        span = max(1, settings.days + 30)
        honest = rng.poisson(max(2.0, members.settings.members * 0.004 * span / 30))
        at = settings.history_second + rng.integers(0, length, honest)
        # Honest buyers are awake; night is when the others work.
        hour = weighted(
            [1, 1, 1, 1, 1, 2, 4, 6, 8, 10, 12, 12, 12, 11, 10, 10, 10, 11, 12, 12, 10, 7, 4, 2], rng.random(honest)
        )
        at = at // DAY * DAY + hour * 3600 + rng.integers(0, 3600, honest)
        alive = np.flatnonzero(members.signup < settings.history_second)
        buyer = rng.choice(alive, honest)
        face = np.array(FACE_VALUE)[weighted([30, 45, 20, 5], rng.random(honest))]
        parts = [(at, buyer, face, np.zeros(honest, int), np.full(honest, -1))]
        parts += self._rings(rng, length, alive) + self._takeovers(rng, length, alive)
        at, account, face, fraud, ring = (np.concatenate(x) for x in zip(*parts, strict=True))
        keep = (at < settings.end_second) & (at >= settings.history_second)
        at, account, face, fraud, ring = (x[keep] for x in (at, account, face, fraud, ring))
        order = np.lexsort((account, at))
        currency_unit = np.array([c.individual for c in world.COUNTRIES]) / 1099
        country = members.country[account]
        scale = np.where(currency_unit[country] > 5, 10 ** np.ceil(np.log10(currency_unit[country])), 1).astype(
            np.int64
        )
        self.gift = {
            "at": at[order], "account": account[order], "face": (face * scale)[order], "fraud": fraud[order],
            "ring": ring[order],
        }  # fmt: skip

    def _rings(self, rng: np.random.Generator, length: int, alive: np.ndarray) -> list[tuple]:
        """Stolen cards tried in bursts at night, from a few devices, a card or two for each purchase."""
        parts = []
        rings = max(2, self.settings.members * (self.settings.days + 30) // 150_000)
        for ring in range(rings):
            bursts = int(rng.integers(3, 9))
            begin = self.settings.history_second + int(rng.integers(0, length))
            for burst in range(bursts):
                size = int(rng.integers(4, 14))
                night = (begin // DAY + burst * int(rng.integers(1, 3))) * DAY + int(rng.integers(0, 5 * 3600))
                at = night + np.cumsum(rng.integers(20, 240, size))
                account = rng.choice(alive, max(1, size // 4))[rng.integers(0, max(1, size // 4), size)]
                face = np.array(FACE_VALUE)[rng.integers(1, 4, size)]
                parts.append((at, account, face, np.full(size, RING), np.full(size, ring)))
        return parts

    def _takeovers(self, rng: np.random.Generator, length: int, alive: np.ndarray) -> list[tuple]:
        """Somebody's account, somebody else's hands: several large cards within hours, with the saved card."""
        count = max(2, self.settings.members * (self.settings.days + 30) // 40_000)
        size = rng.integers(2, 6, count)
        account = np.repeat(rng.choice(alive, count), size)
        begin = np.repeat(self.settings.history_second + rng.integers(0, length, count), size)
        at = begin + rng.integers(0, 3 * 3600, len(begin))
        face = np.array(FACE_VALUE)[rng.integers(2, 4, len(begin))]
        return [(at, account, face, np.full(len(at), TAKEOVER), 1000 + np.repeat(np.arange(count), size))]

    # Payments: for invoices as billing decided, for gift cards with declines of their own.

    def _payments(self) -> None:
        settings, rng, members = self.settings, self.rng, self.members
        attempt, gift = self.billing.attempt, self.gift
        rows = Rows()
        rows.add(
            len(attempt["at"]), invoice=attempt["invoice"], gift=-1, account=attempt["account"],
            attempt=attempt["attempt"], amount=attempt["amount"], at=attempt["at"], failed=attempt["failed"],
            fraud=HONEST, ring=-1, method=self.billing.method[attempt["account"]],
        )  # fmt: skip
        count = len(gift["at"])
        declined = rng.random(count) < np.where(gift["fraud"] == RING, 0.45, 0.03)
        for again in (False, True):
            part = np.arange(count) if not again else np.flatnonzero(declined & (rng.random(count) < 0.8))
            rows.add(
                len(part), invoice=-1, gift=part, account=gift["account"][part], attempt=1 + again,
                amount=gift["face"][part], at=gift["at"][part] + again * 45, failed=declined[part] & (not again),
                fraud=gift["fraud"][part], ring=gift["ring"][part],
                method=np.where(gift["fraud"][part] > 0, CARD, (rng.random(len(part)) < 0.25).astype(int)),
            )  # fmt: skip
        whole = rows.done("at", "account", "gift")
        keep = whole["at"] < settings.end_second
        self.payment = {name: values[keep] for name, values in whole.items()}
        payment, count = self.payment, int(keep.sum())
        account, ring, number = payment["account"], payment["ring"], np.arange(count)
        seed = settings.seed
        stolen = payment["fraud"] == RING
        taken = payment["fraud"] == TAKEOVER
        card = account.astype(np.uint64) * np.uint64(4) + (unit(seed, "new card", account, payment["attempt"]) < 0.06)
        card = np.where(stolen, np.uint64(1 << 40) + (number + 7 * ring).astype(np.uint64) // np.uint64(2), card)
        device = account.astype(np.uint64) * np.uint64(4) + (unit(seed, "device", number) < 0.15)
        strange = np.uint64(1 << 41) + (np.maximum(ring, 0) * 3 + number % 2).astype(np.uint64)
        device = np.where(stolen | taken, strange, device)
        network = np.where(stolen | taken, (1 << 20) + ring, hashed(seed, "home", account) % np.uint64(60_000)).astype(
            np.int64
        )
        home = members.country[account]
        abroad = weighted(world.SHARES, unit(seed, "abroad", ring + 5))
        travel = np.where(rng.random(count) < 0.03, weighted(world.SHARES, rng.random(count)), home)
        payment["network_country"] = np.where(stolen | taken, abroad, travel)
        issued = np.where(rng.random(count) < 0.02, weighted(world.SHARES, rng.random(count)), home)
        payment["card_country"] = np.where(stolen, weighted(world.SHARES, rng.random(count)), issued)
        payment["terminal"] = self._terminals(rng, account, stolen)
        payment["card"], payment["device"], payment["network"] = card, device, network
        self._compromise(rng)
        payment["decline"] = np.where(
            payment["failed"] == 0,
            -1,
            np.where(stolen, 2 + (rng.random(count) < 0.5), weighted([55, 25, 20], rng.random(count))),
        )

    def _terminals(self, rng: np.random.Generator, account: np.ndarray, stolen: np.ndarray) -> np.ndarray:
        """Most pay where they always do; web checkout, app stores and partners' shops."""
        usual = weighted(1 / (np.arange(TERMINALS) + 1.5), unit(self.settings.seed, "terminal", account))
        other = weighted(1 / (np.arange(TERMINALS) + 1.5), rng.random(len(account)))
        return np.where(stolen | (rng.random(len(account)) < 0.1), other, usual)

    def _compromise(self, rng: np.random.Generator) -> None:
        """A partner's terminal reads cards for somebody else for two or three weeks."""
        payment, settings = self.payment, self.settings
        for _ in range(max(1, round((settings.days + 30) / 35))):
            terminal = int(rng.integers(4, 25))
            begin = settings.history_second + int(rng.integers(0, settings.end_second - settings.history_second))
            hit = (payment["terminal"] == terminal) & (payment["at"] >= begin) & (payment["at"] < begin + 18 * DAY)
            hit &= (payment["method"] == CARD) & (payment["failed"] == 0) & (payment["fraud"] == HONEST)
            payment["fraud"][hit & (rng.random(len(hit)) < 0.45)] = TERMINAL

    # Gift cards pay invoices in part; what is left expires.

    def _redeem(self) -> None:
        gift, payment, rng, settings = self.gift, self.payment, self.rng, self.settings
        paid = payment["failed"] == 0
        sale = np.full(len(gift["at"]), -1)
        bought = np.flatnonzero(paid & (payment["gift"] >= 0))
        sale[payment["gift"][bought]] = bought
        self.gift_payment = sale
        candidates = np.flatnonzero(
            paid & (payment["invoice"] >= 0) & (payment["attempt"] == 1) & (payment["fraud"] == 0)
        )
        candidates = candidates[self.billing.method[payment["account"][candidates]] != DEBIT]
        cards = np.flatnonzero((sale >= 0) & (gift["fraud"] == HONEST))
        left = gift["face"].copy()
        redeemed = Rows()
        for _ in range(3):  # a card is used at most three times
            cards, candidates = rng.permutation(cards), rng.permutation(candidates)
            pairs = min(len(cards), len(candidates))
            card, bill = cards[:pairs], candidates[:pairs]
            same = (
                world.CURRENCY[self.members.country[gift["account"][card]]]
                == world.CURRENCY[self.members.country[payment["account"][bill]]]
            )
            wait = payment["at"][bill] - gift["at"][card]
            fits = same & (wait > DAY) & (wait < GIFT_VALID) & (payment["amount"][bill] <= left[card])
            card, bill = card[fits], bill[fits]
            left[card] -= payment["amount"][bill]
            payment["method"][bill], payment["gift"][bill] = GIFT, card
            redeemed.add(len(card), card=card, payment=bill, at=payment["at"][bill], amount=payment["amount"][bill],
                         account=payment["account"][bill], invoice=payment["invoice"][bill], event=1)  # fmt: skip
            candidates = np.setdiff1d(candidates, bill)
        sold = np.flatnonzero(sale >= 0)
        redeemed.add(len(sold), card=sold, payment=sale[sold], at=gift["at"][sold] + 60, amount=gift["face"][sold],
                     account=gift["account"][sold], invoice=-1, event=0)  # fmt: skip
        stale = sold[(left[sold] > 0) & (gift["at"][sold] + GIFT_VALID < settings.end_second)]
        redeemed.add(len(stale), card=stale, payment=-1, at=gift["at"][stale] + GIFT_VALID, amount=left[stale],
                     account=-1, invoice=-1, event=2)  # fmt: skip
        self.gift_event = redeemed.done("at", "card", "event")

    # Weeks later.

    def _refunds(self) -> None:
        """One in eighty paid invoices is refunded, in full or half; more after the outage."""
        payment, billing, rng, settings = self.payment, self.billing, self.rng, self.settings
        first_line = np.searchsorted(billing.line["invoice"], np.arange(len(billing.invoice["at"])))
        lines = np.bincount(billing.line["invoice"], minlength=len(billing.invoice["at"]))
        good = (
            (payment["failed"] == 0) & (payment["invoice"] >= 0) & (payment["method"] != GIFT) & (payment["fraud"] == 0)
        )
        good &= lines[np.maximum(payment["invoice"], 0)] == 1
        outage = settings.midnight(settings.incidents.outage)
        angry = good & (payment["at"] > outage - 25 * DAY) & (payment["at"] < outage) & (rng.random(len(good)) < 0.015)
        usual = good & ~angry & (rng.random(len(good)) < 0.0125)
        which = np.flatnonzero(angry | usual)
        wait = np.where(angry[which], 0, rng.integers(1 * DAY, 36 * DAY, len(which)))
        at = np.where(angry[which], outage + rng.integers(DAY, 6 * DAY, len(which)), payment["at"][which] + wait)
        keep = (at < settings.end_second) & (at > payment["at"][which] + 3 * DAY)
        which, at = which[keep], at[keep]
        order = np.lexsort((which, at))
        which, at = which[order], at[order]
        invoice = payment["invoice"][which]
        line = first_line[invoice]
        unit_ = world.SMALLEST[billing.line["country"][line]]
        share = np.where(angry[which], 25, np.where(rng.random(len(which)) < 0.7, 100, 50))
        tax = world.halves_up(billing.line["tax"][line] * share, 100 * unit_) * unit_
        net = world.halves_up(billing.line["net"][line] * share, 100 * unit_) * unit_
        state = np.where(rng.random(len(which)) < 0.02, 2, 1)
        reason = np.where(angry[which], 1, np.array([0, 2, 3])[weighted([70, 12, 18], rng.random(len(which)))])
        self.refund = {
            "payment": which, "invoice": invoice, "line": line, "at": at, "net": net, "tax": tax, "reason": reason,
            "state": state, "done": at + np.where(state == 2, 2 * DAY, DAY) + 600,
        }  # fmt: skip

    def _chargebacks(self) -> None:
        """Four in five frauds come back from the bank, after two to seven weeks; a few honest payments too."""
        payment, rng, settings = self.payment, self.rng, self.settings
        count = len(payment["at"])
        asked = (payment["failed"] == 0) & np.isin(payment["method"], (CARD, WALLET))
        fraud = asked & (payment["fraud"] > 0) & (rng.random(count) < 0.8)
        other = asked & (payment["fraud"] == 0) & (rng.random(count) < 0.0015)
        refunded = np.zeros(count, dtype=bool)
        refunded[self.refund["payment"]] = True
        which = np.flatnonzero((fraud | other) & ~refunded)
        at = payment["at"][which] + rng.integers(12 * DAY, 50 * DAY, len(which))
        reason = np.where(
            payment["fraud"][which] > 0,
            np.where(rng.random(len(which)) < 0.9, 0, 1),
            1 + rng.integers(0, 2, len(which)),
        )
        state = np.where(rng.random(len(which)) < np.where(reason == 2, 0.6, 0.15), 1, 2)
        keep = at < settings.end_second
        which, at, reason, state = which[keep], at[keep], reason[keep], state[keep]
        order = np.lexsort((which, at))
        self.chargeback = {
            "payment": which[order], "at": at[order], "reason": reason[order], "state": state[order],
            "done": at[order] + 20 * DAY,
        }  # fmt: skip

    def _credit_notes(self) -> None:
        """One for each refund that was not refused, and one for each invoice made void."""
        billing, refund = self.billing, self.refund
        rows = Rows()
        good = np.flatnonzero(refund["state"] != 2)
        rows.add(len(good), refund=good, invoice=refund["invoice"][good], line=refund["line"][good],
                 at=refund["at"][good], net=refund["net"][good], tax=refund["tax"][good],
                 reason=refund["reason"][good])  # fmt: skip
        void = billing.void[billing.line["invoice"]]
        at = billing.closed_at[billing.line["invoice"]]
        line = np.flatnonzero(void & (at < self.settings.end_second) & (billing.line["kind"] == 0))
        rows.add(len(line), refund=-1, invoice=billing.line["invoice"][line], line=line, at=at[line],
                 net=billing.line["net"][line], tax=billing.line["tax"][line], reason=4)  # fmt: skip
        self.credit = rows.done("at", "line")

    # Files of a day.

    def _versions(self, at: np.ndarray, done: np.ndarray, day: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of rows whose first or last version is of the day, and which of the two it is."""
        first, last = self.billing.shipped(at, day), self.billing.shipped(done, day)
        place, final = np.concatenate([first, last]), np.repeat([False, True], [len(first), len(last)])
        order = np.lexsort((place, np.where(final, done[place], at[place])))
        return place[order], final[order]

    def payments(self, day: int) -> pa.Table:
        """Versions of payments of a day. Direct debit clears two days later; on one day the clock is wrong."""
        payment, settings = self.payment, self.settings
        slow = (payment["method"] == DEBIT) & (payment["failed"] == 0)
        done = np.where(slow, payment["at"] + 2 * DAY, NEVER)
        place, final = self._versions(payment["at"], done, day)
        rows = {name: values[place] for name, values in payment.items()}
        account = rows["account"]
        has_card = np.isin(rows["method"], (CARD, WALLET))
        result = np.where(rows["failed"] == 1, 2, np.where(slow[place] & ~final, 0, 1))
        ahead = self.clock_error(payment["at"])[place]
        updated = np.where(final, done[place], rows["at"] + ahead)
        amount = rows["amount"].copy()
        if day % 13 == 8 and len(amount):
            amount[-1] = -amount[-1]  # a sign that cannot be
        return pa.table(
            {
                "payment_id": numbered("pay", place, 9),
                "invoice_id": optional(numbered("in", rows["invoice"].clip(0), 9), rows["invoice"] >= 0),
                "gift_card_id": optional(numbered("gc", rows["gift"].clip(0), 8), rows["gift"] >= 0),
                "account_id": self.members.account_id.take(pa.array(account)),
                "attempt": pa.array(rows["attempt"].astype(np.int32)),
                "method": pick(METHODS, rows["method"]),
                "card_id": optional(hex_text(hashed(settings.seed, "card id", rows["card"]), "fp", 14), has_card),
                "card_country": pick(world.CODES, np.where(has_card, rows["card_country"], -1)),
                "device_id": hex_text(hashed(settings.seed, "device id", rows["device"]), "d", 12),
                "network_prefix": network_prefix(settings.seed, rows["network"]),
                "network_country": pick(world.CODES, rows["network_country"]),
                "terminal_id": numbered("term", rows["terminal"], 3),
                "amount": money(amount),
                "currency": pick(world.CURRENCIES, world.CURRENCY[self.members.country[account]]),
                "result": pick(RESULTS, result),
                "decline_reason": pick(DECLINES, rows["decline"]),
                "attempted_at": seconds(rows["at"] + ahead),
                "updated_at": seconds(updated),
            }
        )

    def clock_error(self, at: np.ndarray) -> np.ndarray:
        """Seconds by which the payment service's clock was ahead."""
        off = (at - self.settings.start_second) // DAY == self.settings.incidents.clock_off
        return np.where(off, 3600, 0)

    def refunds(self, day: int) -> pa.Table:
        """Versions of refunds of a day."""
        refund = self.refund
        place, final = self._versions(refund["at"], refund["done"], day)
        rows = {name: values[place] for name, values in refund.items()}
        account = self.payment["account"][rows["payment"]]
        return pa.table(
            {
                "refund_id": numbered("re", place, 7),
                "payment_id": numbered("pay", rows["payment"], 9),
                "invoice_id": numbered("in", rows["invoice"], 9),
                "account_id": self.members.account_id.take(pa.array(account)),
                "reason": pick(REFUND_REASONS, rows["reason"]),
                "amount": money(rows["net"] + rows["tax"]),
                "tax_amount": money(rows["tax"]),
                "currency": self._currency(account),
                "state": pick(REFUND_STATES, np.where(final, rows["state"], 0)),
                "requested_at": seconds(rows["at"]),
                "updated_at": seconds(np.where(final, rows["done"], rows["at"])),
            }
        )

    def chargebacks(self, day: int) -> pa.Table:
        """Versions of chargebacks of a day."""
        chargeback = self.chargeback
        place, final = self._versions(chargeback["at"], chargeback["done"], day)
        rows = {name: values[place] for name, values in chargeback.items()}
        account = self.payment["account"][rows["payment"]]
        return pa.table(
            {
                "chargeback_id": numbered("cb", place, 7),
                "payment_id": numbered("pay", rows["payment"], 9),
                "account_id": self.members.account_id.take(pa.array(account)),
                "reason": pick(CHARGEBACK_REASONS, rows["reason"]),
                "amount": money(self.payment["amount"][rows["payment"]]),
                "currency": self._currency(account),
                "state": pick(CHARGEBACK_STATES, np.where(final, rows["state"], 0)),
                "opened_at": seconds(rows["at"]),
                "updated_at": seconds(np.where(final, rows["done"], rows["at"])),
            }
        )

    def credit_notes(self, day: int) -> pa.Table:
        """Credit notes of a day."""
        place = self.billing.shipped(self.credit["at"], day)
        rows = {name: values[place] for name, values in self.credit.items()}
        country = self.billing.line["country"][rows["line"]]
        return pa.table(
            {
                "credit_note_id": numbered("cn", place, 7),
                "invoice_id": numbered("in", rows["invoice"], 9),
                "invoice_line_id": numbered("il", rows["line"], 9),
                "refund_id": optional(numbered("re", rows["refund"].clip(0), 7), rows["refund"] >= 0),
                "kind": pick(("refund", "goodwill"), (rows["refund"] < 0).astype(int)),
                "reason": pick(CREDIT_REASONS, rows["reason"]),
                "currency": pick(world.CURRENCIES, world.CURRENCY[country]),
                "net_amount": money(rows["net"]),
                "tax_amount": money(rows["tax"]),
                "issued_at": seconds(rows["at"]),
            }
        )

    def gift_cards(self, day: int) -> pa.Table:
        """What happened to gift cards on a day."""
        place = self.billing.shipped(self.gift_event["at"], day)
        rows = {name: values[place] for name, values in self.gift_event.items()}
        seller = self.members.country[self.gift["account"][rows["card"]]]
        account = self.members.account_id.take(pa.array(rows["account"].clip(0)))
        return pa.table(
            {
                "event_id": numbered("ge", place, 8),
                "gift_card_id": numbered("gc", rows["card"], 8),
                "event": pick(GIFT_EVENTS, rows["event"]),
                "account_id": optional(account, rows["account"] >= 0),
                "payment_id": optional(numbered("pay", rows["payment"].clip(0), 9), rows["payment"] >= 0),
                "invoice_id": optional(numbered("in", rows["invoice"].clip(0), 9), rows["invoice"] >= 0),
                "country": pick(world.CODES, seller),
                "amount": money(rows["amount"]),
                "currency": pick(world.CURRENCIES, world.CURRENCY[seller]),
                "occurred_at": seconds(rows["at"]),
            }
        )

    def ad_revenue(self, day: int) -> pa.Table:
        """Estimate of the day, and the bill for the day five days ago."""
        parts = [self._advertising(day, final=False)]
        if day >= 5:
            parts.append(self._advertising(day - 5, final=True))
        return pa.concat_tables(parts)

    def advertising(self, day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Impressions, estimated and final revenue (hundredths) of a day by country."""
        settings, members = self.settings, self.members
        weight = self.billing.listening(day) * (self.billing.plan_on(day) == world.FREE)
        rng = generator(settings.seed, "advertising", day)
        by_country = np.bincount(members.country, weights=weight, minlength=len(world.CODES))
        share = settings.plays_per_day / max(1, settings.members)
        impressions = np.round(by_country * share * 1.2).astype(np.int64)
        # Some 0.9 cents an impression, in the money of the country, wobbling.
        level = np.array([c.individual for c in world.COUNTRIES]) / 1099
        wobble = rng.normal(1, 0.08, len(level))
        estimate = np.round(impressions * 0.9 * level * wobble).astype(np.int64)
        final = np.round(estimate * rng.normal(1, 0.03, len(level))).astype(np.int64)
        unit_ = world.SMALLEST
        return impressions, estimate // unit_ * unit_, final // unit_ * unit_

    def _advertising(self, day: int, *, final: bool) -> pa.Table:
        impressions, estimate, billed = self.advertising(day)
        rows = len(world.CODES)
        begin = self.settings.midnight(day)
        updated = begin + (5 * DAY + 21_600 if final else 84_600)
        return pa.table(
            {
                "revenue_on": days(np.full(rows, begin)),
                "country": pa.array(world.CODES),
                "plan_code": pa.array(["free"] * rows),
                "impressions": pa.array(impressions),
                "amount": money(billed if final else estimate),
                "currency": pick(world.CURRENCIES, world.CURRENCY),
                "is_final": pa.array([final] * rows),
                "updated_at": seconds(np.full(rows, updated)),
            }
        )

    def _currency(self, account: np.ndarray) -> pa.Array:
        return pick(world.CURRENCIES, world.CURRENCY[self.members.country[account]])


def network_prefix(seed: int, network: np.ndarray) -> pa.Array:
    """A /24 network's prefix from its number."""
    bits = hashed(seed, "network", network)
    octets = [((bits >> np.uint64(shift)) & np.uint64(255)).astype(np.int64) for shift in (8, 24, 40)]
    texts = pa.array([f"{n}." for n in range(256)])
    first = octets[0] % 200 + 11
    return pc.binary_join_element_wise(*(texts.take(pa.array(o)) for o in (first, octets[1], octets[2])), "0/24", "")


def optional(column: pa.Array, present: np.ndarray) -> pa.Array:
    """The values where there is one, nothing elsewhere."""
    return pc.if_else(pa.array(present), column, pa.scalar(None, column.type))
