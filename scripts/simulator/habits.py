"""Listening that is not what it seems: bots with several habits, and honest people whose habits look strange.

Bots come in campaigns: a habit, some days, some accounts, some tracks of artists nobody knows. All of them together
are a fixed share of the plays, so a larger world has more accounts in a campaign, not other habits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import world
from .catalog import Catalog
from .keyed import generator, hashed, unit
from .members import CAFE, PLAYS_A_DAY, SLEEPER, SUPERFAN, WEEKS_ON, Members
from .settings import DAY, Settings

LOOP, FARM, BURST, NONSTOP, SHALLOW, CAROUSEL, STOLEN = range(1, 8)
HABITS = (
    "", "loop", "farm", "burst", "nonstop", "shallow", "carousel", "stolen",
    "superfan", "sleeper", "cafe", "viral", "launch",
)  # fmt: skip
FIRST_HONEST = HABITS.index("superfan")
VIRAL, LAUNCH = HABITS.index("viral"), HABITS.index("launch")
PER_ACCOUNT = {LOOP: 260, FARM: 28, BURST: 12, NONSTOP: 330, SHALLOW: 45, CAROUSEL: 110, STOLEN: 14}
SHARE_OF_BOTS = 0.05
CONCURRENT = 3
DAY_MS = DAY * 1000


@dataclass
class Heard:
    """Plays as they happened, in arrays; times in true milliseconds since 1970."""

    account: np.ndarray
    track: np.ndarray
    start: np.ndarray
    ms: np.ndarray
    seat: np.ndarray
    context: np.ndarray
    context_number: np.ndarray
    country: np.ndarray
    network: np.ndarray
    habit: np.ndarray
    offline: np.ndarray

    def __len__(self) -> int:
        return len(self.account)

    def take(self, index: np.ndarray) -> Heard:
        """Some of the rows."""
        return Heard(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    @staticmethod
    def together(parts: list[Heard]) -> Heard:
        """All rows of several."""
        return Heard(*(np.concatenate([getattr(p, name) for p in parts]) for name in Heard.__dataclass_fields__))


@dataclass(frozen=True)
class Campaign:
    """Bought streams: who plays what, from when to when."""

    number: int
    habit: int
    first_day: int
    last_day: int
    accounts: np.ndarray
    tracks: np.ndarray
    country: int


@dataclass
class Habits:
    """The campaigns and look-alikes of the world."""

    settings: Settings
    members: Members
    catalog: Catalog

    @cached_property
    def campaigns(self) -> list[Campaign]:
        """Three at a time, each some days long, habits in turn."""
        settings, rng = self.settings, generator(self.settings.seed, "campaigns")
        budget = settings.plays_per_day * SHARE_OF_BOTS / CONCURRENT
        made, pool = [], self.members.bots
        real = np.flatnonzero(
            (self.members.signup < settings.start_second) & ~self.members.is_bot & (self.members.kind == 0)
        )
        for lane in range(CONCURRENT):
            day, habit = -int(rng.integers(0, 5)), lane * 2
            while day < settings.days:
                which = habit % 7 + 1
                length = 3 if which == BURST else int(rng.integers(5, 15))
                wanted = max({FARM: 8, BURST: 12, STOLEN: 8}.get(which, 1), int(budget / PER_ACCOUNT[which]))
                source = real if which == STOLEN else pool
                accounts = rng.choice(source, min(wanted, len(source)), replace=False)
                artists = rng.choice(self.catalog.bought_artists, 1 if which in (LOOP, BURST) else 3)
                tracks = np.flatnonzero(np.isin(self.catalog.artist, artists) & (self.catalog.from_day == 0))
                if which in (LOOP, BURST):
                    tracks = tracks[:2]
                if len(tracks):
                    made.append(
                        Campaign(
                            len(made), which, day, day + length, np.sort(accounts), tracks, int(rng.integers(0, 15))
                        )
                    )
                day, habit = day + length + int(rng.integers(0, 2)), habit + 1
        return made

    def plays(self, day: int) -> Heard:
        """All plays of a day that are not ordinary."""
        parts = [self._bought(c, day) for c in self.campaigns if c.first_day <= day < c.last_day]
        parts += [self._honest(kind, day) for kind in (SUPERFAN, SLEEPER, CAFE)]
        return Heard.together([p for p in parts if len(p)] or [self._none()])

    def _none(self) -> Heard:
        return self._heard(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), 0, network=0)

    def _heard(self, account: np.ndarray, track: np.ndarray, start: np.ndarray, ms: np.ndarray, habit: int, *,
               network: np.ndarray | int, seat: np.ndarray | int = 0, country: np.ndarray | int | None = None,
               context: int = 2) -> Heard:  # fmt: skip
        def full(value: np.ndarray | int, kind: type) -> np.ndarray:
            return np.broadcast_to(np.asarray(value), (len(account),)).astype(kind)

        where = self.members.country[account] if country is None else country
        return Heard(
            account.astype(np.int32), track.astype(np.int32), start.astype(np.int64), ms.astype(np.int32),
            full(seat, np.int8), full(context, np.int8), full(-1, np.int32), full(where, np.int8),
            full(network, np.int64), full(habit, np.int8), full(False, bool),
        )  # fmt: skip

    def _bought(self, campaign: Campaign, day: int) -> Heard:
        """A campaign's plays of a day, in the manner of its habit."""
        rng = generator(self.settings.seed, "bought", campaign.number, day)
        habit, accounts = campaign.habit, campaign.accounts
        each = np.maximum(1, rng.normal(PER_ACCOUNT[habit], PER_ACCOUNT[habit] * 0.15, len(accounts))).astype(np.int64)
        who = np.repeat(accounts, each)
        position = np.arange(len(who)) - np.repeat(np.cumsum(each) - each, each)
        tracks = campaign.tracks
        track = tracks[rng.integers(0, len(tracks), len(who))]
        full = self.catalog.duration[track]
        short = np.minimum(rng.integers(30_200, 36_000, len(who)), full)
        network, seat, country = (
            hashed(self.settings.seed, "home", who) % np.uint64(60_000),
            np.zeros(len(who), int),
            None,
        )
        begin = np.repeat(rng.integers(0, 7 * 3_600_000, len(accounts)), each)
        if habit == FARM:
            # All in step: the same tracks in the same order, within two seconds, from a rack of a few devices.
            script = tracks[rng.integers(0, len(tracks), int(each.max()))]
            track = script[position]
            ms = np.minimum(self.catalog.duration[track], 60_000 + position % 3 * 7_000)
            begin = 9 * 3_600_000 + rng.integers(0, 2_000, len(who))
            network = 70_000 + campaign.number * 4 + who % 3
            country = campaign.country
        elif habit == BURST:
            ms = np.where(rng.random(len(who)) < 0.7, full, short)
            begin = np.repeat(rng.integers(0, 20 * 3_600_000, len(accounts)), each)
            country = campaign.country
        elif habit == NONSTOP:
            ms, begin = np.minimum(full, 230_000), np.repeat(rng.integers(0, 600_000, len(accounts)), each)
        elif habit == SHALLOW:
            ms = short
        elif habit == CAROUSEL:
            ms = np.where(rng.random(len(who)) < 0.5, full, short)
            seat = 10 + position % 30
            network = 80_000 + (campaign.number * 64 + position % 40)
            country = position % 40 % 15
        elif habit == STOLEN:
            ms, begin = short, np.repeat(rng.integers(0, 4 * 3_600_000, len(accounts)), each)
            network, seat = 90_000 + campaign.number, np.full(len(who), 9)
        else:
            ms = short
        gap = rng.integers(300, 2_500, len(who)) if habit != BURST else rng.integers(1_000, 400_000, len(who))
        if habit == FARM:
            gap = np.full(len(who), 1_500)
        start = begin + _since_first(ms + gap, each)
        keep = start + ms < DAY_MS - 60_000
        heard = self._heard(
            who,
            track,
            self.settings.midnight(day) * 1000 + start,
            ms,
            habit,
            network=network,
            seat=seat,
            country=country,
        )
        return heard.take(np.flatnonzero(keep))

    def _honest(self, kind: int, day: int) -> Heard:
        """Superfans play one artist all day, sleepers one soft track all night, cafés a list all day."""
        seed, catalog = self.settings.seed, self.catalog
        rng = generator(seed, "honest", kind, day)
        accounts = np.flatnonzero(self.members.kind == kind)
        # One week in four is such a week; in it, most days.
        this_week = unit(seed, "such a week", accounts, np.full(len(accounts), day // 7)) < WEEKS_ON
        accounts = accounts[this_week & (rng.random(len(accounts)) < 0.85)]
        mean = PLAYS_A_DAY[kind]
        each = np.maximum(3, rng.normal(mean, mean * 0.25, len(accounts))).astype(np.int64)
        who = np.repeat(accounts, each)
        network = hashed(seed, "home", who) % np.uint64(60_000)
        if kind == SLEEPER and len(catalog.sleepy_tracks):
            track = catalog.sleepy_tracks[
                (hashed(seed, "lullaby", who) % np.uint64(len(catalog.sleepy_tracks))).astype(int)
            ]
            ms, first, gap = catalog.duration[track], 22, rng.integers(50, 900, len(who))
        elif kind == SUPERFAN:
            idol = catalog.artist[self.members.favourite(who, np.zeros(len(who), int))]
            first_track = np.searchsorted(catalog.artist, idol)
            own = np.searchsorted(catalog.artist, idol, side="right") - first_track
            track = first_track + (rng.random(len(who)) ** 1.5 * own).astype(int)
            ms, first, gap = catalog.duration[track], 8, rng.integers(500, 500_000, len(who))
        else:
            track = self.members.favourite(who, rng.integers(0, 400, len(who)))
            ms, first, gap = catalog.duration[track], 7, rng.integers(200, 3_000, len(who))
        track = np.where(
            catalog.playable(track, self.members.country[who], day), track, catalog.fallback[self.members.taste[who]]
        )
        ms = np.where(rng.random(len(who)) < 0.9, ms, rng.integers(3_000, 30_000, len(who)))
        zone = world.UTC_OFFSET[self.members.country[who]] * 3_600_000
        begin = (first * 3_600_000 - zone) % DAY_MS + np.repeat(rng.integers(0, 1_800_000, len(accounts)), each)
        start = begin + _since_first(ms + gap, each)
        # What would run past midnight belongs to the night before; it is told as the morning of this day.
        start = np.where(start >= DAY_MS - 1_200_000, start - DAY_MS, start)
        keep = (start >= 0) & (start + ms < DAY_MS - 60_000)
        habit = FIRST_HONEST + kind - 1
        heard = self._heard(who, track, self.settings.midnight(day) * 1000 + start, ms, habit, network=network)
        return heard.take(np.flatnonzero(keep))


def _since_first(step: np.ndarray, each: np.ndarray) -> np.ndarray:
    """Running sums of steps before each row, beginning anew for each account."""
    total = np.cumsum(step) - step
    return total - np.repeat(total[np.cumsum(each) - each], each) if len(step) else step
