"""What the payment processor settles and what the bank books, which should agree and sometimes do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import world
from .cash import CARD, DEBIT, GIFT, WALLET, Cash, optional
from .columns import Rows, days, decimals, money, seconds
from .keyed import generator, numbered, pick
from .rates import Rates
from .settings import DAY, Settings

KINDS = ("payment", "declined_fee", "refund", "chargeback", "chargeback_reversal", "adjustment")
FEE_TENTH_PERCENT = np.array([14, 29, 0, 0])
FEE_FIXED = np.array([25, 30, 35, 0])
DECLINE_FEE, DISPUTE_FEE = 5, 1500
BANK_ACCOUNTS = {"EUR": "EUR-1", "GBP": "GBP-1", "USD": "USD-1"}


def banking_day(second: np.ndarray) -> np.ndarray:
    """The same midnight, or the Monday after a weekend's."""
    day = second // DAY
    weekday = (day + 3) % 7
    return (day + np.where(weekday >= 5, 7 - weekday, 0)) * DAY


@dataclass
class Treasury:
    """Settlements and bookings for all time, in arrays."""

    settings: Settings
    cash: Cash
    rates: Rates

    def __post_init__(self) -> None:
        self._settle()
        self._book()

    def _settle(self) -> None:
        cash, payment, rng = self.cash, self.cash.payment, generator(self.settings.seed, "treasury")
        rows = Rows()
        good = np.flatnonzero((payment["failed"] == 0) & (payment["method"] != GIFT))
        unsettled = rng.random(len(good)) < 0.001
        good = good[~unsettled]
        method, amount = payment["method"][good], payment["amount"][good]
        local = self._fee_level(payment["account"][good])
        fee = world.halves_up(amount * FEE_TENTH_PERCENT[method], 1000) + FEE_FIXED[method] * local
        late = np.where(method == DEBIT, 3 * DAY, DAY)
        rows.add(len(good), kind=0, payment=good, reference=-1, gross=amount, fee=fee, at=payment["at"][good] + late)
        declined = np.flatnonzero((payment["failed"] == 1) & np.isin(payment["method"], (CARD, WALLET)))
        rows.add(len(declined), kind=1, payment=declined, reference=-1, gross=0, at=payment["at"][declined] + DAY,
                 fee=DECLINE_FEE * self._fee_level(payment["account"][declined]))  # fmt: skip
        refund = np.flatnonzero(cash.refund["state"] == 1)
        rows.add(len(refund), kind=2, payment=cash.refund["payment"][refund], reference=refund, fee=0,
                 gross=-(cash.refund["net"] + cash.refund["tax"])[refund],
                 at=cash.refund["done"][refund] + 3600)  # fmt: skip
        back, amount = cash.chargeback, payment["amount"][cash.chargeback["payment"]]
        rows.add(len(amount), kind=3, payment=back["payment"], reference=np.arange(len(amount)), gross=-amount,
                 fee=DISPUTE_FEE * self._fee_level(payment["account"][back["payment"]]),
                 at=back["at"] + 7200)  # fmt: skip
        won = np.flatnonzero(back["state"] == 1)
        rows.add(len(won), kind=4, payment=back["payment"][won], reference=won, gross=amount[won], fee=0,
                 at=back["done"][won] + 7200)  # fmt: skip
        # A correction of the processor's own every now and then, without a payment.
        odd = self.settings.start_second + np.arange(11, self.settings.days, 29) * DAY + 50_000
        rows.add(len(odd), kind=5, payment=-1, reference=-1, gross=np.arange(len(odd)) * 7 - 123, fee=0, at=odd)
        whole = rows.done("at", "kind", "payment", "reference")
        keep = whole["at"] < self.settings.end_second
        self.settlement = rows_ = {name: values[keep] for name, values in whole.items()}
        country = np.where(rows_["payment"] >= 0, cash.members.country[payment["account"][rows_["payment"]]], 0)
        rows_["currency"], rows_["settled_in"] = world.CURRENCY[country], world.SETTLEMENT[country]
        rates = self.rates.per_euro(rows_["at"])
        index = np.arange(len(country))
        rate = (
            rates[index, rows_["settled_in"]].astype(object) * 10**8 // rates[index, rows_["currency"]].astype(object)
        )
        margin = np.where(rows_["currency"] == rows_["settled_in"], 1000, 995)
        rows_["rate"] = (rate * margin // 1000).astype(np.int64)
        rows_["settled_gross"] = _times(rows_["gross"], rows_["rate"])
        rows_["settled_fee"] = _times(rows_["fee"], rows_["rate"])
        rows_["paid_out"] = banking_day(rows_["at"] // DAY * DAY + 2 * DAY)

    def _fee_level(self, account: np.ndarray) -> np.ndarray:
        """Fees in the currency of the country: as many hundredths as the euro's, times its price level."""
        country = self.cash.members.country[account]
        level = np.array([max(1, round(c.individual / 1099)) for c in world.COUNTRIES])
        return level[country]

    def settlements(self, day: int) -> pa.Table:
        """The settlement report of a day."""
        place = self.cash.billing.shipped(self.settlement["at"], day)
        rows = {name: values[place] for name, values in self.settlement.items()}
        reference = np.maximum(rows["reference"], 0)
        refers = pc.if_else(pa.array(rows["kind"] == 2), numbered("re", reference, 7), numbered("cb", reference, 7))
        return pa.table(
            {
                "settlement_id": numbered("st", place, 9),
                "payout_id": payout_id(rows["paid_out"], rows["settled_in"]),
                "kind": pick(KINDS, rows["kind"]),
                "payment_id": optional(numbered("pay", rows["payment"].clip(0), 9), rows["payment"] >= 0),
                "reference_id": optional(refers, rows["reference"] >= 0),
                "currency": pick(world.CURRENCIES, rows["currency"]),
                "gross_amount": money(rows["gross"]),
                "fee_amount": money(rows["fee"]),
                "settlement_currency": pick(world.CURRENCIES, rows["settled_in"]),
                "exchange_rate": decimals(rows["rate"], pa.decimal128(18, 8)),
                "settled_gross_amount": money(rows["settled_gross"]),
                "settled_fee_amount": money(rows["settled_fee"]),
                "settled_net_amount": money(rows["settled_gross"] - rows["settled_fee"]),
                "settled_at": seconds(rows["at"]),
                "paid_out_on": days(rows["paid_out"]),
            }
        )

    def _book(self) -> None:
        """One booking a payout; the bank's charges; advertising money a month later. One payout comes short."""
        rows_, settings = self.settlement, self.settings
        key = rows_["paid_out"] * 64 + rows_["settled_in"]
        payouts, where = np.unique(key, return_inverse=True)
        total = np.zeros(len(payouts), dtype=np.int64)
        np.add.at(total, where, rows_["settled_gross"] - rows_["settled_fee"])
        paid_out, currency = payouts // 64, payouts % 64
        short = np.arange(len(payouts)) % 37 == 19
        total = total - np.where(short, 20, 0)
        booked = banking_day(paid_out + DAY)
        rows = Rows()
        rows.add(len(payouts), at=booked, amount=total, currency=currency, who=0, payout=paid_out)
        euro = world.CURRENCIES.index("EUR")
        month_ends = banking_day(settings.start_second + np.arange(27, settings.days, 30) * DAY)
        rows.add(len(month_ends), at=month_ends, amount=-1490, currency=euro, who=2, payout=-1)
        rows.add(
            len(month_ends),
            at=month_ends,
            amount=self._advertising_paid(len(month_ends)),
            currency=euro,
            who=1,
            payout=-1,
        )
        whole = rows.done("at", "who", "currency", "payout")
        keep = whole["at"] < settings.end_second
        self.booking = {name: values[keep] for name, values in whole.items()}

    def _advertising_paid(self, months: int) -> np.ndarray:
        """What the network pays for 30 days, in euros by the rates of the last of them."""
        paid = np.zeros(months, dtype=np.int64)
        euro = world.CURRENCIES.index("EUR")
        for month in range(months):
            for day in range(month * 30, min(month * 30 + 27, self.settings.days)):
                *_, final = self.cash.advertising(day)
                rate = self.rates.per_euro(np.array([self.settings.midnight(month * 30 + 27)]))[0]
                paid[month] += int(
                    sum(int(a) * int(rate[euro]) // int(rate[c]) for a, c in zip(final, world.CURRENCY, strict=True))
                )
        return paid

    def statements(self, day: int) -> pa.Table:
        """The bank's statement of a day; nothing on weekends."""
        place = self.cash.billing.shipped(self.booking["at"], day)
        rows = {name: values[place] for name, values in self.booking.items()}
        payout = payout_id(np.maximum(rows["payout"], 0), rows["currency"])
        text = pc.binary_join_element_wise("PAYOUT", payout, "MERCHANT SERVICES", " ")
        other = pick(("", "ADVERTISING 30 DAYS", "ACCOUNT FEE"), rows["who"])
        account = [BANK_ACCOUNTS.get(c, "EUR-1") for c in world.CURRENCIES]
        return pa.table(
            {
                "booking_id": numbered("bk", place, 8),
                "bank_account": pick(account, rows["currency"]),
                "booked_on": days(rows["at"]),
                "value_on": days(rows["at"]),
                "amount": money(rows["amount"]),
                "currency": pick(world.CURRENCIES, rows["currency"]),
                "counterparty": pick(("Payfast Processing", "Adwave Network", "Bank"), rows["who"]),
                "reference": pc.if_else(pa.array(rows["who"] == 0), text, other),
            }
        )


def payout_id(paid_out: np.ndarray, currency: np.ndarray) -> pa.Array:
    """Such as po-20251203-EUR."""
    day = (paid_out // DAY).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    year = month.astype("datetime64[Y]").astype(int) + 1970
    number = year * 10_000 + (month.astype(int) % 12 + 1) * 100 + (day - month.astype("datetime64[D]")).astype(int) + 1
    return pc.binary_join_element_wise(numbered("po-", number, 8), pick(world.CURRENCIES, currency), "-")


def _times(cents: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Amounts times a rate in 1e-8, rounded half up away from zero (wide integers: no overflow, no float)."""
    product = np.abs(cents).astype(object) * rate.astype(object)
    rounded = ((2 * product + 10**8) // (2 * 10**8)).astype(np.int64)
    return np.where(cents < 0, -rounded, rounded)
