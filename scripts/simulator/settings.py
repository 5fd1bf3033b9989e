"""What a simulated world depends on, and the calendar of things that go wrong in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

DAY = 86_400
HISTORY_DAYS = 30
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Settings:
    """Seed and sizes; two worlds with the same settings are equal to the byte."""

    seed: int = 42
    start: date = date(2025, 12, 1)
    days: int = 95
    members: int = 4_000
    artists: int = 12_000
    tracks: int = 40_000
    plays_per_day: int = 15_000
    hourly_days: int = 14

    @property
    def start_second(self) -> int:
        """Midnight of the first day, in seconds since 1970."""
        return (self.start - EPOCH).days * DAY

    @property
    def end_second(self) -> int:
        """Midnight after the last day."""
        return self.start_second + self.days * DAY

    @property
    def history_second(self) -> int:
        """Since when billing has anything to tell; what is older than the first day comes with the first dump."""
        return self.start_second - HISTORY_DAYS * DAY

    def date(self, day: int) -> date:
        """The date of day 0, 1, …"""
        return self.start + timedelta(days=day)

    def midnight(self, day: int) -> int:
        """The second at which day 0, 1, … begins."""
        return self.start_second + day * DAY

    def day_of(self, second: int) -> int:
        """The day, 0, 1, …, in which a second lies; days of the history are negative."""
        return (second - self.start_second) // DAY

    @cached_property
    def incidents(self) -> Incidents:
        """What goes wrong, and when."""
        return Incidents(self.days)


@dataclass(frozen=True)
class Incidents:
    """Days (0, 1, …) of the incidents. A world of a week has them too, closer together."""

    days: int

    def _at(self, share: float) -> int:
        return min(self.days - 1, int(self.days * share))

    @property
    def schema_change(self) -> int:
        """From here on plays have ``audio_quality``, and ``played_ms`` is called ``ms_played``."""
        return self._at(2 / 3)

    @property
    def outage(self) -> int:
        """Nothing plays for most of the day."""
        return self._at(0.38)

    @property
    def launch(self) -> int:
        """A long awaited album comes out."""
        return self._at(0.55)

    @property
    def viral(self) -> int:
        """An old track is everywhere for a day, honestly."""
        return self._at(0.77)

    @property
    def price_rise(self) -> int:
        """First day of higher prices in two countries."""
        return self._at(0.5)

    @property
    def wrong_invoice_lines(self) -> int:
        """The day's invoice lines were exported without tax in one country; corrected two days later."""
        return self._at(0.45)

    @property
    def wrong_plays(self) -> int:
        """The day's plays were exported with the wrong country by one server; corrected two days later."""
        return max(0, self.days - 5)

    @property
    def accounts_missing(self) -> int:
        """The snapshot of accounts of this day never came."""
        return self._at(0.6)

    @property
    def tracks_late(self) -> int:
        """The snapshot of tracks of this day came a day late."""
        return max(0, self.days - 7)

    @property
    def clock_off(self) -> int:
        """Billing's payment service ran an hour ahead this day."""
        return self._at(0.8)

    @property
    def erasures(self) -> tuple[int, int]:
        """Days of the requests to be forgotten."""
        return self._at(0.7), max(0, self.days - 4)

    @property
    def news_flood(self) -> int:
        """An outlet posts hundreds of times within the hour."""
        return max(0, self.days - 6)

    @property
    def news_late(self) -> int:
        """The newsroom's files of 14 o'clock came with those of 16 o'clock."""
        return max(0, self.days - 3)

    def plays_broken(self, day: int) -> tuple[bool, bool]:
        """Whether a plays file of the day ends in the middle of a line, and whether one has broken bytes."""
        return day % 9 == 4 or day == self.days - 2, day % 11 == 6 or day == self.days - 3

    @property
    def all_days(self) -> dict[str, int]:
        """The incidents by name, for the truth."""
        names = (
            "schema_change outage launch viral price_rise wrong_invoice_lines wrong_plays accounts_missing tracks_late "
            "clock_off news_flood news_late"
        )
        first, second = self.erasures
        return {name: getattr(self, name) for name in names.split()} | {"erasure_1": first, "erasure_2": second}


@dataclass(frozen=True)
class Target:
    """What to write and where."""

    inbox: Path
    truth: Path | None
    feeds: tuple[str, ...] = ()
    form: str = "files"
    landing: Path | None = None

    def wants(self, backend: str, table: str) -> bool:
        """Whether the feed was asked for; without any named, all are."""
        return not self.feeds or backend in self.feeds or f"{backend}.{table}" in self.feeds
