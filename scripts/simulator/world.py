"""Where the business sells: countries, currencies, taxes, plans and prices. Amounts are integers of hundredths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Country:
    """A market."""

    code: str
    share: float
    currency: str
    tax_mode: str
    tax_millionths: int
    time_zone: str
    utc_offset: int
    languages: tuple[str, ...]
    individual: int
    settlement: str = "EUR"


COUNTRIES = (
    Country("DE", 20, "EUR", "included", 190_000, "Europe/Berlin", 1, ("de", "en"), 1099),
    Country("US", 19, "USD", "added", 70_000, "America/New_York", -5, ("en", "es"), 1199, "USD"),
    Country("GB", 14, "GBP", "included", 200_000, "Europe/London", 0, ("en",), 1099, "GBP"),
    Country("FR", 10, "EUR", "included", 200_000, "Europe/Paris", 1, ("fr",), 1099),
    Country("ES", 7, "EUR", "included", 210_000, "Europe/Madrid", 1, ("es",), 1099),
    Country("NL", 5, "EUR", "included", 210_000, "Europe/Amsterdam", 1, ("nl", "en"), 1099),
    Country("SE", 4, "SEK", "included", 250_000, "Europe/Stockholm", 1, ("sv",), 11900),
    Country("PL", 4, "PLN", "included", 230_000, "Europe/Warsaw", 1, ("pl",), 2399),
    Country("CH", 3, "CHF", "included", 81_000, "Europe/Zurich", 1, ("de", "fr"), 1395),
    Country("CA", 3, "CAD", "added", 130_000, "America/Toronto", -5, ("en", "fr"), 1099, "USD"),
    Country("JP", 3, "JPY", "included", 100_000, "Asia/Tokyo", 9, ("ja",), 98_000),
    Country("BR", 3, "BRL", "included", 170_000, "America/Sao_Paulo", -3, ("pt",), 2190),
    Country("AU", 2, "AUD", "included", 100_000, "Australia/Sydney", 10, ("en",), 1299),
    Country("IN", 2, "INR", "included", 180_000, "Asia/Kolkata", 5, ("hi", "en"), 11900),
    Country("IE", 1, "EUR", "included", 230_000, "Europe/Dublin", 0, ("en",), 1099),
)
CODES = tuple(c.code for c in COUNTRIES)
CURRENCIES = tuple(sorted({c.currency for c in COUNTRIES}))
CURRENCY = np.array([CURRENCIES.index(c.currency) for c in COUNTRIES])
SETTLEMENT = np.array([CURRENCIES.index(c.settlement) for c in COUNTRIES])
TAX_ADDED = np.array([c.tax_mode == "added" for c in COUNTRIES])
TAX = np.array([c.tax_millionths for c in COUNTRIES], dtype=np.int64)
SMALLEST = np.array([100 if c.currency == "JPY" else 1 for c in COUNTRIES], dtype=np.int64)
UTC_OFFSET = np.array([c.utc_offset for c in COUNTRIES])
SHARES = np.array([c.share for c in COUNTRIES], dtype=float)

FREE, INDIVIDUAL, STUDENT, FAMILY, ANNUAL = range(5)
PLANS = ("free", "individual", "student", "family", "annual")
PLAN_NAMES = ("Free with advertising", "Individual", "Student", "Family", "Individual, by the year")
PLAN_SEATS = (1, 1, 1, 6, 1)
PLAN_MONTHS = np.array([0, 1, 1, 1, 12])
PLAN_FACTOR = (0, 100, 55, 160, 1000)
RAISED_IN = ("DE", "GB")


def price_list(raised: bool) -> np.ndarray:
    """Price of a billing period by plan and country, in hundredths, as the price list writes it."""
    prices = np.zeros((len(PLANS), len(COUNTRIES)), dtype=np.int64)
    for index, country in enumerate(COUNTRIES):
        base = country.individual + (100 if raised and country.code in RAISED_IN else 0)
        for plan in range(1, len(PLANS)):
            exact = base * PLAN_FACTOR[plan] // 100
            unit = 100 if country.currency in ("JPY", "SEK", "INR") else 10
            prices[plan, index] = exact if plan == INDIVIDUAL else exact // unit * unit + (9 if unit == 10 else 0)
    return prices


def halves_up(numerator: np.ndarray, denominator: np.ndarray | int) -> np.ndarray:
    """Division of whole numbers rounded half up, without a float in between."""
    return (2 * numerator + denominator) // (2 * np.asarray(denominator, dtype=np.int64))


def charge(listed: np.ndarray, country: np.ndarray, discount_percent: np.ndarray) -> dict[str, np.ndarray]:
    """Gross, discount, net and tax of a line, each exact, in hundredths: gross - discount = net + tax.

    A price list with tax takes the tax out of what is paid; one without puts it on top. Yen have no hundredths.
    """
    unit, rate, added = SMALLEST[country], TAX[country], TAX_ADDED[country]
    off = halves_up(listed * discount_percent, 100 * unit) * unit
    left = listed - off
    tax_within = halves_up(left * rate, (1_000_000 + rate) * unit) * unit
    tax_on_top = halves_up(left * rate, 1_000_000 * unit) * unit
    tax = np.where(added, tax_on_top, tax_within)
    net = np.where(added, left, left - tax_within)
    gross = np.where(added, listed + halves_up(listed * rate, 1_000_000 * unit) * unit, listed)
    return {"gross": gross, "discount": gross - net - tax, "net": net, "tax": tax}
