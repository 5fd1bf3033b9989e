"""Plays and searches as servers log them: sessions of listeners, lateness, duplicates, wrong clocks.

A day's arrivals are what was heard and reported that day, what was heard offline on one of the ten days before and is
reported now, and what is reported a second time. Each of these is a pure function of its own day, so any day can be
made alone; the late parts of the last days are kept at hand while days are made in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import world
from .billing import Billing
from .cash import network_prefix
from .catalog import Catalog
from .columns import millis
from .habits import DAY_MS, FIRST_HONEST, HABITS, LAUNCH, VIRAL, Habits, Heard
from .keyed import generator, hashed, hex_text, mix, numbered, pick
from .members import Members
from .settings import DAY, Settings

LATE_SHARE, LATE_DAYS = 0.03, 10
AGAIN_SHARE = 0.004
LATE_AGAIN_SHARE = 0.03
SKEWED_DEVICES, SKEW_HOURS = 0.01, 48
PART_ROWS = 1_000_000
CONTEXTS = ("library", "search", "playlist", "radio", "album", "recommendation", "editorial")
RECOMMENDATION = CONTEXTS.index("recommendation")
CONTEXT_SHARE = np.array([0.3, 0.12, 0.24, 0.1, 0.12, 0.08, 0.04])
QUALITIES = ("low", "normal", "high", "lossless")
APP_OLD, APP_NEW = ("6.8.0", "6.8.3", "6.9.0", "6.9.1"), ("6.9.1", "7.0.0", "7.0.1", "7.0.2")
WEEKDAY = np.array([0.94, 0.95, 0.97, 1.0, 1.1, 1.08, 0.96])
HOURS_WEEK = np.array([12, 7, 4, 3, 3, 6, 18, 38, 46, 40, 38, 40, 44, 42, 42, 46, 54, 64, 66, 62, 58, 52, 40, 24.0])
HOURS_WEEKEND = np.array([22, 15, 9, 5, 4, 4, 8, 16, 28, 42, 52, 56, 56, 56, 56, 56, 58, 60, 60, 60, 60, 58, 50, 36.0])
SESSION_MEAN = 7.0


@dataclass
class Arrivals:
    """Reports as received: what was heard, with its number, when it was sent and received, both true."""

    heard: Heard
    number: np.ndarray
    sent: np.ndarray
    received: np.ndarray
    again: np.ndarray = field(default=None)

    def take(self, index: np.ndarray) -> Arrivals:
        """Some of the rows."""
        return Arrivals(
            self.heard.take(index), *(getattr(self, n)[index] for n in ("number", "sent", "received", "again"))
        )

    @staticmethod
    def together(parts: list[Arrivals]) -> Arrivals:
        """All rows of several."""
        whole = [np.concatenate([getattr(p, n) for p in parts]) for n in ("number", "sent", "received", "again")]
        return Arrivals(Heard.together([p.heard for p in parts]), *whole)


@dataclass
class Playback:
    """What devices report."""

    settings: Settings
    catalog: Catalog
    members: Members
    billing: Billing

    def __post_init__(self) -> None:
        self.habits = Habits(self.settings, self.members, self.catalog)
        self._late = lru_cache(LATE_DAYS + 2)(self._make_late)
        self._weights = lru_cache(2)(self._make_weights)
        both = self.catalog.duration, self.members.country
        self._lean = self.members.lean.astype(np.float32)
        self._duration, self._country = both[0].astype(np.int32), both[1].astype(np.int8)
        self.viral_track = int(self.catalog.fallback[7])

    def prepare(self) -> None:
        """Make what is made once and used on every day."""
        _ = self._networks, self._context_ids, self._artist_ids, self.habits.campaigns, self.members.account_id

    # How much is heard on a day, and by whom.

    def volume(self, day: int) -> int:
        """Ordinary plays of a day: growth, the week, an outage, a launch; 15,000 a day on average as asked for."""
        settings, incidents = self.settings, self.settings.incidents
        days = np.arange(settings.days)
        growth = np.exp(0.0018 * (days - settings.days / 2))
        shape = growth * WEEKDAY[(days + settings.start.weekday()) % 7]
        shape = shape / shape.mean()
        factor = shape[day] * generator(settings.seed, "volume", day).normal(1, 0.02)
        if day == incidents.outage:
            factor *= 0.25
        elif day == incidents.launch:
            factor *= 1.6
        elif day == incidents.launch + 1 or day == incidents.viral:
            factor *= 1.25
        return max(1, int(settings.plays_per_day * 0.92 * factor))

    def _make_weights(self, day: int) -> np.ndarray:
        return np.cumsum(self.billing.listening(day))

    def _sessions(self, rng: np.random.Generator, day: int, rows: int) -> tuple[np.ndarray, ...]:
        """Account, seat, begin (ms of the day, UTC) and length of listening sessions that make up so many plays."""
        length = np.minimum(rng.geometric(1 / SESSION_MEAN, int(rows / SESSION_MEAN * 1.1) + 20), 60)
        total = np.cumsum(length)
        last = int(np.searchsorted(total, rows))
        length = length[: last + 1]
        length[-1] -= total[last] - rows if last < len(total) else 0
        count = len(length)
        weights = self._weights(day)
        account = np.searchsorted(weights, rng.random(count) * weights[-1], side="right").clip(max=len(weights) - 1)
        weekday = (day + self.settings.start.weekday()) % 7
        hours = HOURS_WEEKEND if weekday >= 5 else HOURS_WEEK
        edges = np.concatenate([[0], np.cumsum(hours) / hours.sum()])
        local = np.interp(rng.random(count), edges, np.arange(25) * 3_600_000.0)
        begin = (local - world.UTC_OFFSET[self._country[account]] * 3_600_000.0) % DAY_MS
        if day == self.settings.incidents.outage:
            begin = begin * 0.35
        seats = np.where(self._plan(day)[account] == world.FAMILY, 5, 2)
        seat = (rng.random(count) ** 1.7 * seats).astype(np.int8)
        return account, seat, begin.astype(np.int64), length

    @cached_property
    def _plan(self):  # noqa: ANN202 (a cached function of the day)
        return lru_cache(2)(self.billing.plan_on)

    def ordinary(self, day: int, purpose: str, rows: int) -> Heard:
        """So many plays of ordinary listeners on a day."""
        rng, catalog, members = generator(self.settings.seed, purpose, day), self.catalog, self.members
        account, seat, begin, length = self._sessions(rng, day, rows)
        sessions, rows = len(account), int(length.sum())
        offline = rng.random(sessions) < (1.0 if purpose == "late" else 0.02)
        context = np.searchsorted(np.cumsum(CONTEXT_SHARE), rng.random(sessions)).clip(max=6).astype(np.int8)
        mood = rng.random(sessions)
        taste = np.where(mood < 0.62, members.taste[account], np.where(mood < 0.88, members.second_taste[account], -1))
        abroad = rng.random(sessions) < 0.02
        country = np.where(abroad, rng.integers(0, len(world.CODES), sessions), self._country[account]).astype(np.int8)
        mobile = rng.random(sessions) < 0.35
        home = hashed(self.settings.seed, "home", account) % np.uint64(60_000)
        network = np.where(mobile, 60_000 + rng.integers(0, 8_000, sessions), home).astype(np.int64)
        number = np.repeat(np.arange(sessions, dtype=np.int32), length)
        who = account[number]
        uniform = np.power(rng.random(rows, dtype=np.float32), self._lean[who]).astype(np.float64)
        known = rng.random(rows, dtype=np.float32) < 0.33
        known &= ~np.isin(context, (1, RECOMMENDATION))[number]
        place = np.flatnonzero(known)
        which = (20 * rng.random(len(place)) ** 2).astype(np.int64)
        wander = rng.random(rows, dtype=np.float32) < 0.1
        track = catalog.draw(np.where(wander, -1, taste[number]), uniform)
        track[place] = members.favourite(who[place], which)
        track = self._possible(rng, track, taste[number], country[number], day)
        habit = self._fashions(rng, day, track)
        duration = self._duration[track]
        manner = rng.random(rows, dtype=np.float32)
        part = rng.random(rows, dtype=np.float32)
        ms = np.where(
            manner < 0.27, 2_000 + part * 27_500, np.where(manner < 0.87, duration, 30_000 + part * (duration - 30_000))
        )
        ms = np.minimum(ms, duration).astype(np.int32)
        step = ms + 400 + (part * 5_000).astype(np.int32)
        ends = np.cumsum(length)
        before = np.cumsum(step, dtype=np.int64) - step
        offset = before - before[ends - length][number]
        span = before[ends - 1] + step[ends - 1] - before[ends - length]
        begin = _one_after_the_other(account.astype(np.int64) * 16 + seat, begin, span)
        start = self.settings.midnight(day) * 1000 + begin[number] + offset
        late = DAY_MS - 5_000 - (begin + span)
        start += np.minimum(late, 0)[number]
        start = np.maximum(start, self.settings.midnight(day) * 1000)
        listed = np.where(np.isin(context, (1, 2, RECOMMENDATION, 6)), rng.integers(0, 1 << 20, sessions), -1)
        return Heard(
            who.astype(np.int32), track, start, ms, seat[number], context[number], listed[number].astype(np.int32),
            country[number], network[number], habit, offline[number],
        )  # fmt: skip

    def _possible(
        self, rng: np.random.Generator, track: np.ndarray, taste: np.ndarray, country: np.ndarray, day: int
    ) -> np.ndarray:
        """Draw again what is not out yet, taken down or shut there; at last what everybody in the cluster plays."""
        bad = np.flatnonzero(~self.catalog.playable(track, country, day))
        for _ in range(3):
            track[bad] = self.catalog.draw(taste[bad], rng.random(len(bad)))
            bad = bad[~self.catalog.playable(track[bad], country[bad], day)]
        track[bad] = self.catalog.fallback[taste[bad]]
        return track

    def _fashions(self, rng: np.random.Generator, day: int, track: np.ndarray) -> np.ndarray:
        """The new album everybody plays, and one old song that is everywhere for a day."""
        incidents, habit = self.settings.incidents, np.zeros(len(track), dtype=np.int8)
        since = day - incidents.launch
        if 0 <= since < 21:
            album = np.flatnonzero(rng.random(len(track)) < 0.22 * 0.8**since)
            tracks = self.catalog.launch_tracks
            track[album] = tracks[(rng.random(len(album)) ** 2 * len(tracks)).astype(int)]
            habit[album] = LAUNCH
        if 0 <= day - incidents.viral < 3:
            song = np.flatnonzero(rng.random(len(track)) < 0.06 * 0.4 ** (day - incidents.viral))
            track[song] = self.viral_track
            habit[song] = VIRAL
        return habit

    # Reports: numbers, times, lateness, copies.

    def _numbers(self, day: int, batch: int, rows: int) -> np.ndarray:
        """Numbers no other play has: a bijection of day, batch and row."""
        plain = (np.uint64(day + 100) << np.uint64(44)) | (np.uint64(batch) << np.uint64(34))
        salt = hashed(self.settings.seed, "plays", 0)[0]
        return mix((plain + np.arange(rows, dtype=np.uint64)) ^ salt)

    def _online(self, heard: Heard, day: int, batch: int) -> Arrivals:
        """Reported when it ended, within the day; some twice."""
        rng = generator(self.settings.seed, "online", batch, day)
        end_of_day = self.settings.midnight(day + 1) * 1000 - 1
        sent = np.minimum(heard.start + heard.ms + rng.integers(0, 3_000, len(heard)), end_of_day - 1_000)
        latency = rng.integers(40, 900, len(heard))
        number = self._numbers(day, batch, len(heard))
        first = Arrivals(heard, number, sent, sent + latency, np.zeros(len(heard), dtype=bool))
        twice = np.flatnonzero(rng.random(len(heard), dtype=np.float32) < AGAIN_SHARE)
        copy = first.take(twice)
        copy.sent = np.minimum(copy.sent + rng.integers(20_000, 1_800_000, len(twice)), end_of_day - 1_000)
        copy.received = copy.sent + rng.integers(40, 900, len(twice))
        copy.again = np.ones(len(twice), dtype=bool)
        return Arrivals.together([first, copy])

    def _make_late(self, day: int) -> tuple[Arrivals, np.ndarray]:
        """What was heard offline on a day and is reported on another, and how many days later."""
        rows = max(1, int(self.volume(day) * LATE_SHARE))
        heard = self.ordinary(day, "late", rows)
        heard.offline[:] = True
        rng = generator(self.settings.seed, "lateness", day)
        lag = np.minimum(rng.geometric(0.35, len(heard)), LATE_DAYS)
        of_day = np.sort(rng.integers(0, DAY_MS - 5_000, len(heard)))
        sent = (self.settings.midnight(day) + lag * DAY) * 1000 + of_day
        latency = rng.integers(40, 900, len(heard))
        first = Arrivals(
            heard, self._numbers(day, 0, len(heard)), sent, sent + latency, np.zeros(len(heard), dtype=bool)
        )
        twice = np.flatnonzero((rng.random(len(heard)) < LATE_AGAIN_SHARE) & (lag < LATE_DAYS))
        copy = first.take(twice)
        copy.sent, copy.received = copy.sent + DAY_MS, copy.received + DAY_MS
        copy.again = np.ones(len(twice), dtype=bool)
        return Arrivals.together([first, copy]), np.concatenate([lag, lag[twice] + 1])

    def arrivals(self, day: int) -> Iterator[Arrivals]:
        """Reports received on a day, in parts of at most a million or so, each in order of receipt."""
        odd = self.habits.plays(day)
        odd = odd.take(np.flatnonzero(self._plan(day)[odd.account] >= 0))
        extra = [self._online(odd, day, 1)]
        for before in range(1, LATE_DAYS + 1):
            if day - before >= 0:
                late, lag = self._late(day - before)
                extra.append(late.take(np.flatnonzero(lag == before)))
        rows = int(self.volume(day) * (1 - LATE_SHARE))
        parts = max(1, -(-rows // PART_ROWS))
        for part in range(parts):
            size = rows * (part + 1) // parts - rows * part // parts
            heard = self.ordinary(day, f"plays {part}" if part else "plays", size)
            whole = Arrivals.together([self._online(heard, day, 2 + part), *(extra if part == 0 else [])])
            yield whole.take(np.argsort(whole.received, kind="stable"))

    def skew(self, account: np.ndarray, seat: np.ndarray) -> np.ndarray:
        """Milliseconds by which a device's clock is ahead; most are right."""
        device = account.astype(np.int64) * 16 + seat
        bits = hashed(self.settings.seed, "skew", device)
        wrong = (bits & np.uint64(0xFFFF)).astype(np.float64) < SKEWED_DEVICES * 0x10000
        span = ((bits >> np.uint64(16)) & np.uint64(0xFFFFFF)).astype(np.float64) / 0xFFFFFF * 2 - 1
        return np.where(wrong, (span * SKEW_HOURS * 3_600_000).astype(np.int64), 0)

    def table(self, arrivals: Arrivals, day: int) -> pa.Table:
        """The reports as columns; keys of few values as dictionaries."""
        heard, new = arrivals.heard, day >= self.settings.incidents.schema_change
        skew = self.skew(heard.account, heard.seat)
        version = hashed(self.settings.seed, "app", heard.account)
        adopted = (version % np.uint64(30)).astype(np.int64) + self.settings.incidents.schema_change <= day
        app = (version >> np.uint64(8)) % np.uint64(4)
        names = (*APP_OLD, *APP_NEW)
        app = np.where(adopted, 4 + np.maximum(app.astype(np.int64), 1), app.astype(np.int64))
        listed = self._context_ids
        place = np.where(
            heard.context_number < 0, -1, heard.context.astype(np.int64) * 4096 + heard.context_number % 4096
        )
        columns = {
            "play_id": hex_text(arrivals.number),
            "account_id": _coded(self.members.account_id, heard.account),
            "track_id": _coded(self.catalog.track_id, heard.track),
            "started_at": millis(heard.start + skew),
            "sent_at": millis(arrivals.sent + skew),
            "received_at": millis(arrivals.received),
            "ms_played": pa.array(heard.ms),
            "country": _coded(pa.array(world.CODES), heard.country),
            "device_id": hex_text(
                hashed(self.settings.seed, "player", heard.account.astype(np.int64) * 64 + heard.seat), "d", 12
            ),
            "network_prefix": _coded(self._networks, heard.network),
            "app_version": _coded(pa.array(names), app),
            "context": _coded(pa.array(CONTEXTS), heard.context),
            "context_id": _coded(listed, place),
            "is_offline": pa.array(heard.offline),
        }
        if new:
            quality = (hashed(self.settings.seed, "quality", heard.account) % np.uint64(4)).astype(np.int64)
            columns["audio_quality"] = _coded(pa.array(QUALITIES), np.where(adopted, quality, -1))
        return pa.table(columns)

    @cached_property
    def _networks(self) -> pa.Array:
        return network_prefix(self.settings.seed, np.arange(100_000))

    @cached_property
    def _context_ids(self) -> pa.Array:
        number = np.arange(4096)
        salt = hashed(self.settings.seed, "context", number)
        kinds = ("", "q", "pl", "", "", "rc", "ed")
        return pa.concat_arrays([hex_text(salt ^ np.uint64(k), prefix, 8) for k, prefix in enumerate(kinds)])

    def truth(self, arrivals: Arrivals, day: int) -> pa.Table:
        """What really happened: true times, habits, which reports are copies."""
        heard = arrivals.heard
        return pa.table(
            {
                "play_id": hex_text(arrivals.number),
                "account_id": _coded(self.members.account_id, heard.account),
                "track_id": _coded(self.catalog.track_id, heard.track),
                "artist_id": _coded(self._artist_ids, self.catalog.artist[heard.track]),
                "started_at": millis(heard.start),
                "played_on": pa.array((heard.start // DAY_MS).astype(np.int32)).cast(pa.date32()),
                "arrived_on": pa.array(np.full(len(heard), (self.settings.midnight(day) // DAY), dtype=np.int32)).cast(
                    pa.date32()
                ),
                "ms_played": pa.array(heard.ms),
                "country": _coded(pa.array(world.CODES), heard.country),
                "plan_code": _coded(pa.array(world.PLANS), self._plan(day)[heard.account]),
                "is_copy": pa.array(arrivals.again),
                "is_skewed": pa.array(self.skew(heard.account, heard.seat) != 0),
                "habit": _coded(pa.array(HABITS), heard.habit),
                "is_artificial": pa.array((heard.habit > 0) & (heard.habit < FIRST_HONEST)),
            }
        )

    @cached_property
    def _artist_ids(self) -> pa.Array:
        return numbered("a", np.arange(self.settings.artists), 7)

    # Searches.

    def searches(self, day: int) -> pa.Table:
        """Queries for artists and tracks people like, some mistyped, some cut short, some without any result."""
        settings, members, catalog = self.settings, self.members, self.catalog
        rng = generator(settings.seed, "searches", day)
        count = int(self.volume(day) * 0.06)
        account, _, begin, _ = self._sessions(rng, day, count * 7)
        count = len(account)
        track = members.favourite(account, (20 * rng.random(count)).astype(np.int64))
        track = self._possible(rng, track.copy(), members.taste[account], self._country[account], day)
        by_artist = rng.random(count) < 0.6
        artist = catalog.artist[track]
        wanted = pc.if_else(
            pa.array(by_artist), catalog.artist_name.take(pa.array(artist)), catalog.title.take(pa.array(track))
        )
        text = pc.utf8_lower(wanted)
        manner = rng.random(count)
        typo = pc.utf8_replace_slice(text, 3, 4, "")
        text = pc.if_else(pa.array(manner < 0.1), typo, text)
        text = pc.if_else(pa.array((manner >= 0.1) & (manner < 0.25)), pc.utf8_slice_codeunits(text, 0, 5), text)
        nothing = rng.random(count) < 0.06
        text = pc.if_else(pa.array(nothing), pc.binary_join_element_wise(text, "lyrics", "karaoke", " "), text)
        clicked = ~nothing & (rng.random(count) < 0.62)
        rank = np.minimum(rng.geometric(0.5, count), 10)
        ids = pc.if_else(pa.array(by_artist), numbered("a", artist, 7), numbered("t", track, 7))
        none = pa.scalar(None, pa.string())
        own = [c.languages for c in world.COUNTRIES]
        where = members.country[account]
        table = pa.table(
            {
                "search_id": hex_text(hashed(settings.seed, "search", np.full(count, day), np.arange(count)), "q", 14),
                "account_id": members.account_id.take(pa.array(account)),
                "searched_at": millis(settings.midnight(day) * 1000 + begin),
                "query": text,
                "country": pick(world.CODES, where),
                "language": pick([languages[0] for languages in own], where),
                "results_shown": pa.array(np.where(nothing, 0, rng.integers(1, 21, count)).astype(np.int32)),
                "clicked_kind": pick(("track", "artist"), np.where(clicked, by_artist.astype(int), -1)),
                "clicked_id": pc.if_else(pa.array(clicked), ids, none),
                "clicked_rank": pa.array(rank.astype(np.int32), mask=~clicked),
            }
        )
        return table.take(pa.array(np.argsort(begin, kind="stable")))


def _coded(values: pa.Array, index: np.ndarray) -> pa.DictionaryArray:
    codes = np.asarray(index).astype(np.int32)
    gone = codes < 0
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=gone if gone.any() else None), values)


def _one_after_the_other(who: np.ndarray, begin: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Move sessions of the same device so that they do not overlap (a few passes are enough for nearly all)."""
    order = np.lexsort((begin, who))
    who, begin_, span = who[order], begin[order].copy(), span[order]
    same = who[1:] == who[:-1]
    for _ in range(4):
        begin_[1:] = np.where(same, np.maximum(begin_[1:], begin_[:-1] + span[:-1] + 20_000), begin_[1:])
    result = np.empty_like(begin_)
    result[order] = begin_
    return result
