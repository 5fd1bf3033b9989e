"""The European Central Bank's daily reference rates: plausible walks in its layout, on working days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from . import world
from .keyed import generator
from .settings import EPOCH, HISTORY_DAYS, Settings

# The columns of eurofxref-hist.csv with a level to start from; currencies that no longer exist are N/A.
LEVELS = {
    "USD": 1.1620, "JPY": 180.90, "BGN": 1.9558, "CYP": 0, "CZK": 24.16, "DKK": 7.4688, "EEK": 0,
    "GBP": 0.8760, "HUF": 381.5, "LTL": 0, "LVL": 0, "MTL": 0, "PLN": 4.2310, "ROL": 0, "RON": 5.0890,
    "SEK": 10.9550, "SIT": 0, "SKK": 0, "CHF": 0.9330, "ISK": 148.2, "NOK": 11.75, "HRK": 0, "RUB": 0,
    "TRL": 0, "TRY": 49.3, "AUD": 1.7720, "BRL": 6.1950, "CAD": 1.6230, "CNY": 8.2150, "HKD": 9.0400,
    "IDR": 19350.0, "ILS": 3.7800, "INR": 103.9, "KRW": 1708.0, "MXN": 21.24, "MYR": 4.7900, "NZD": 2.0260,
    "PHP": 68.1, "SGD": 1.5060, "THB": 37.3, "ZAR": 19.9,
}  # fmt: skip
EURO_IN_BULGARIA = date(2026, 1, 1)
MEMORY_DAYS = 60


@dataclass
class Rates:
    """Rates from two months before the history to the end."""

    settings: Settings

    @cached_property
    def first(self) -> date:
        """The first day there is a rate for."""
        return self.settings.start - timedelta(days=HISTORY_DAYS + MEMORY_DAYS)

    @cached_property
    def table(self) -> np.ndarray:
        """Rates by calendar day and currency (a weekend has Friday's), in 1e-8."""
        total = (self.settings.start - self.first).days + self.settings.days
        rng = generator(self.settings.seed, "rates")
        steps = rng.normal(0, 0.0025, (total, len(LEVELS)))
        weekday = (np.arange(total) + self.first.weekday()) % 7
        steps[weekday >= 5] = 0
        steps[:, list(LEVELS).index("BGN")] = 0
        steps[:, list(LEVELS).index("DKK")] *= 0.02
        level = np.array(list(LEVELS.values())) * np.exp(np.cumsum(steps, axis=0))
        # As published: five significant digits for most, so that a rate in a file is the rate that was used.
        digits = np.where(
            np.array(list(LEVELS.values())) >= 1000, 2, np.where(np.array(list(LEVELS.values())) >= 100, 2, 4)
        )
        return (np.round(level * 10.0**digits) * 10 ** (8 - digits)).astype(np.int64)

    def per_euro(self, second: np.ndarray) -> np.ndarray:
        """Rates known the evening before a moment: rows by moment, columns as ``world.CURRENCIES``, in 1e-8."""
        day = second // 86_400 - (self.first - EPOCH).days - 1
        names = list(LEVELS)
        columns = [names.index(c) if c != "EUR" else -1 for c in world.CURRENCIES]
        picked = self.table[day.clip(0, len(self.table) - 1)]
        return np.stack([np.full(len(day), 10**8) if c < 0 else picked[:, c] for c in columns], axis=1)

    def file(self, day: int) -> bytes | None:
        """The file of a day, newest first; the first one with the months before it; none on a weekend."""
        on = self.settings.date(day)
        back = (on - self.first).days if day == 0 else 0
        wanted = [on - timedelta(days=n) for n in range(back, -1, -1)]
        working = [d for d in wanted if d.weekday() < 5 and (d.month, d.day) not in ((12, 25), (12, 26), (1, 1))]
        if not working:
            return None
        lines = ["Date," + ",".join(LEVELS) + ","]
        lines += [self._line(d) for d in reversed(working)]
        return ("\n".join(lines) + "\n").encode()

    def _line(self, on: date) -> str:
        cells = []
        for name, rate in zip(LEVELS, self.table[(on - self.first).days], strict=True):
            missing = rate == 0 or (name == "BGN" and on >= EURO_IN_BULGARIA)
            whole = f"{rate // 10**8}.{rate % 10**8:08d}".rstrip("0")
            cells.append("N/A" if missing else whole + ("0" if whole.endswith(".") else ""))
        return f"{on}," + ",".join(cells) + ","
