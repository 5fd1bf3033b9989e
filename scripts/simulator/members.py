"""Accounts: who they are, what they like, how much they listen; consents and the marks they set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import names, world
from .catalog import CLUSTERS, Catalog
from .columns import NEVER, seconds
from .keyed import generator, hashed, hex_text, numbered, pick, unit, weighted
from .settings import DAY, Settings

CHANNELS = ("organic", "referral", "paid_social", "paid_search", "partner", "store")
BANDS = ("1950-1959", "1960-1969", "1970-1979", "1980-1989", "1990-1999", "2000-2009")
TOPICS = ("digest", "listening_report", "offers", "new_releases")
CONSENT_SOURCES = ("signup", "settings", "mail_link", "support")
BOT_SHARE = 0.03
NOBODY, SUPERFAN, SLEEPER, CAFE = range(4)
SHARE_OF_PLAYS = (0, 0.012, 0.02, 0.012)
PLAYS_A_DAY = (0, 45, 150, 170)
WEEKS_ON = 0.25


@dataclass
class Members:
    """All accounts there will be, in arrays by account number; bots among them."""

    settings: Settings
    catalog: Catalog

    def __post_init__(self) -> None:
        settings, count = self.settings, self.settings.members
        rng = generator(settings.seed, "members")
        self.country = weighted(world.SHARES, rng.random(count))
        self.signup = self._signups(rng, count)
        self.language = np.where(rng.random(count) < 0.85, 0, 1)
        # How much an account listens: few listen a lot. Who listens little leaves sooner (see billing).
        self.activity = np.exp(rng.normal(0, 0.8, count))
        # Heavy listeners play what is popular, light ones their own: so the way royalties are shared matters.
        self.lean = np.clip(self.activity**0.4, 0.55, 2.0)
        self.taste = weighted(self.catalog.cluster_weight**0.6, rng.random(count))
        self.second_taste = (self.taste + 1 + rng.integers(0, 4, count)) % CLUSTERS
        self.is_bot = np.zeros(count, dtype=bool)
        self.bots = np.sort(rng.choice(count, max(3, int(count * BOT_SHARE)), replace=False))
        self.is_bot[self.bots] = True
        self.kind = self._look_alikes(rng, count)
        self.closed = np.full(count, NEVER)
        self.erased = self._erasures(rng)
        self.label = rng.permutation(count)
        self.channel = rng.choice(len(CHANNELS), count, p=[0.38, 0.14, 0.2, 0.14, 0.1, 0.04])
        self.band = rng.choice(len(BANDS), count, p=[0.04, 0.08, 0.14, 0.22, 0.3, 0.22])

    def _signups(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Most were there before; the others come in growing numbers, many on the launch day."""
        settings = self.settings
        old = rng.random(count) < 0.72
        before = (
            settings.history_second - (rng.gamma(1.5, 220, count) * DAY).astype(np.int64) - rng.integers(0, DAY, count)
        )
        length = settings.end_second - settings.history_second
        after = settings.history_second + (length * np.sqrt(rng.random(count) * 0.75 + 0.25) * 2 - length).astype(
            np.int64
        )
        launch = rng.random(count) < 0.06
        after = np.where(launch, settings.midnight(settings.incidents.launch) + rng.integers(0, 2 * DAY, count), after)
        return np.where(old, before, np.clip(after, settings.history_second, settings.end_second - 1))

    def _look_alikes(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Honest listeners whose habits look strange; as many as a fixed share of all plays allows."""
        kind = np.zeros(count, dtype=np.int8)
        old = np.flatnonzero((self.signup < self.settings.start_second) & ~self.is_bot)
        plays = self.settings.plays_per_day
        wanted = {k: SHARE_OF_PLAYS[k] * plays / PLAYS_A_DAY[k] / WEEKS_ON for k in (SUPERFAN, SLEEPER, CAFE)}
        chosen = rng.permutation(old)
        for which, number in wanted.items():
            number = min(max(3, int(number)), len(chosen) // 8)
            kind[chosen[:number]] = which
            chosen = chosen[number:]
        return kind

    def _erasures(self, rng: np.random.Generator) -> np.ndarray:
        """Two accounts that ask to be forgotten, on the free plan."""
        plain = np.flatnonzero((self.signup < self.settings.start_second) & ~self.is_bot & (self.kind == NOBODY))
        who = rng.choice(plain, min(2, len(plain)), replace=False)
        for account, day in zip(who, self.settings.incidents.erasures, strict=False):
            self.closed[account] = self.settings.midnight(day) + 40_000 + int(account) % 30_000
        return who

    @cached_property
    def account_id(self) -> pa.Array:
        """Ids of the accounts, in no order that tells anything."""
        return numbered("u", self.label, 8)

    @cached_property
    def _fixed(self) -> dict[str, pa.Array]:
        """What of an account never changes."""
        count, seed = self.settings.members, self.settings.seed
        rng = generator(seed, "people")
        name, mailbox = names.people(rng, count)
        code = pa.array(world.CODES).take(pa.array(self.country))
        domain = pick(("example.com", "example.org", "example.net", "mail.example.com"), rng.integers(0, 4, count))
        number = pa.array(self.label).cast(pa.string())
        email = pc.binary_join_element_wise(mailbox, number, "@", domain, "")
        email = pc.if_else(pa.array(rng.random(count) < 0.03), pc.utf8_upper(email), email)
        listed = email.to_pylist()
        for index, odd in enumerate(
            (
                "eve@example.com\nBcc: everybody@example.org",
                "no-domain",
                "jürgen.groß@exämple.com",
                '"two words"@example.com',
            )
        ):
            listed[(7 + 31 * index) % count] = odd
        twin = min(count - 1, 60)
        listed[twin] = listed[twin - 1].swapcase()
        zones = [c.time_zone for c in world.COUNTRIES]
        languages = [c.languages for c in world.COUNTRIES]
        language = pc.if_else(
            pa.array(self.language == 0),
            pick([own[0] for own in languages], self.country),
            pick([own[-1] for own in languages], self.country),
        )
        street = pc.binary_join_element_wise(
            pick(names.LAST, rng.integers(0, len(names.LAST), count)),
            pick(("Street", "Road", "Straße", "Avenue"), rng.integers(0, 4, count)),
            pa.array(rng.integers(1, 200, count)).cast(pa.string()),
            " ",
        )
        city = self.country * 2 + rng.integers(0, 2, count)
        return {
            "account_id": self.account_id,
            "created_at": seconds(self.signup),
            "country": code,
            "time_zone": pick(zones, self.country),
            "language": language,
            "birth_year_band": pick(BANDS, np.where(rng.random(count) < 0.12, -1, self.band)),
            "acquisition_channel": pick(CHANNELS, self.channel),
            "explicit_content": pa.array(rng.random(count) < 0.85),
            "full_name": name,
            "email": pa.array(listed, pa.string()),
            "street_address": street,
            "postcode": numbered("", rng.integers(10_000, 99_999, count), 5),
            "city": pc.replace_substring(pick(names.CITIES, city), "-", " "),
        }

    def accounts(self, day: int) -> pa.Table:
        """The accounts at the end of a day. One that asked to be forgotten is gone a week later."""
        end = self.settings.midnight(day + 1)
        keep = np.flatnonzero(self.signup < end)
        gone = self.erased[self.closed[self.erased] < end - 7 * DAY]
        keep = keep[~np.isin(keep, gone)]
        keep = keep[np.argsort(self.signup[keep], kind="stable")]
        rows = pa.array(keep)
        closed = self.closed[keep] < end
        fixed = {name: column.take(rows) for name, column in self._fixed.items()}
        changed = np.where(closed, self.closed[keep], self.signup[keep])
        return pa.table(
            fixed
            | {
                "updated_at": seconds(changed),
                "status": pick(("active", "closed"), closed.astype(int)),
                "closed_at": seconds(np.where(closed, self.closed[keep], NEVER)),
            }
        )

    @cached_property
    def _consent_history(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Account, topic, when, word and source of every consent given or withdrawn, in order of time."""
        settings, count = self.settings, self.settings.members
        rng = generator(settings.seed, "consents")
        account, topic = np.repeat(np.arange(count), len(TOPICS)), np.tile(np.arange(len(TOPICS)), count)
        given = rng.random(len(account)) < np.array([0.62, 0.55, 0.4, 0.58])[topic]
        changes = rng.random(len(account)) < 0.1
        begin = np.maximum(self.signup[account], settings.start_second - 60 * DAY)
        later = begin + (rng.random(len(account)) * (settings.end_second - begin)).astype(np.int64)
        by_mail = rng.random(len(account)) < 0.5
        source = np.where(given & by_mail, 2, np.where(rng.random(len(account)) < 0.9, 1, 3))
        parts = [
            np.concatenate([whole, part[changes]])
            for whole, part in (
                (account, account),
                (topic, topic),
                (self.signup[account], later),
                (given, ~given),
                (np.zeros(len(account), dtype=int), source),
            )
        ]
        order = np.lexsort((parts[2], parts[1], parts[0]))
        return tuple(part[order] for part in parts)

    def consents(self, second: int) -> pa.Table:
        """The newest word of each account on each topic before a moment."""
        account, topic, at, given, source = self._consent_history
        known = np.flatnonzero((at < second) & (self.closed[account] >= second))
        key = account[known] * len(TOPICS) + topic[known]
        last = known[np.append(key[1:] != key[:-1], True)] if len(known) else known
        return pa.table(
            {
                "account_id": self.account_id.take(pa.array(account[last])),
                "topic": pick(TOPICS, topic[last]),
                "is_given": pa.array(given[last]),
                "changed_at": seconds(at[last]),
                "source": pick(CONSENT_SOURCES, source[last]),
            }
        )

    def left_by_mail(self, day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Accounts that withdrew a consent through the link of a mail on a day: account, topic, when."""
        account, topic, at, given, source = self._consent_history
        begin, end = self.settings.midnight(day), self.settings.midnight(day + 1)
        index = np.flatnonzero((at >= begin) & (at < end) & ~given & (source == 2))
        return account[index], topic[index], at[index]

    def favourite(self, account: np.ndarray, number: np.ndarray) -> np.ndarray:
        """An account's favourite track number 0, 1, …: in its taste, always the same."""
        seed = self.settings.seed
        place = unit(seed, "favourite", account, number) ** self.lean[account]
        first = unit(seed, "favourite cluster", account, number) < 0.75
        cluster = np.where(first, self.taste[account], self.second_taste[account])
        return self.catalog.draw(cluster, place)

    def marks(self, day: int, listening: np.ndarray) -> dict[str, pa.Table]:
        """Follows, saves and blocks of a day, by accounts in proportion to how much they listen."""
        seed, plays = self.settings.seed, self.settings.plays_per_day
        return {
            "follows": self._mark(
                day, "follow", "artist_id", generator(seed, "follows", day).poisson(plays * 0.006), listening
            ),
            "saves": self._mark(
                day, "save", "track_id", generator(seed, "saves", day).poisson(plays * 0.012), listening
            ),
            "blocks": self._mark(
                day, "block", "item_id", generator(seed, "blocks", day).poisson(plays * 0.0005), listening
            ),
        }

    def _mark(self, day: int, name: str, item: str, count: int, listening: np.ndarray) -> pa.Table:
        rng = generator(self.settings.seed, name, "rows", day)
        cumulative = np.cumsum(listening)
        account = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
        account = account.clip(max=len(listening) - 1)
        track = self.favourite(account, (20 * rng.random(count) ** 2).astype(np.int64))
        country = self.country[account]
        fine = self.catalog.playable(track, country, day)
        if name == "block":
            track = self.catalog.draw(np.full(count, -1), rng.random(count))
        track = np.where(fine, track, self.catalog.fallback[self.taste[account]])
        at = np.sort(self.settings.midnight(day) * 1000 + rng.integers(0, DAY * 1000, count)) // 1000
        artist_ids = numbered("a", self.catalog.artist[track], 7)
        track_ids = numbered("t", track, 7)
        by_artist = np.full(count, item == "artist_id") | ((item == "item_id") & (rng.random(count) < 0.6))
        columns = {
            f"{name}_id": hex_text(
                hashed(self.settings.seed, name, np.full(count, day), np.arange(count)), name[0], 14
            ),
            "account_id": self.account_id.take(pa.array(account)),
        }
        if item == "item_id":
            columns["item_kind"] = pick(("track", "artist"), by_artist.astype(int))
        columns[item] = pc.if_else(pa.array(by_artist), artist_ids, track_ids)
        columns["is_on"] = pa.array(rng.random(count) < 0.9)
        columns["changed_at"] = seconds(at)
        return pa.table(columns)

    def erasure_requests(self, day: int) -> pa.Table:
        """Requests to be forgotten made on a day."""
        begin, end = self.settings.midnight(day), self.settings.midnight(day + 1)
        at = self.closed[self.erased]
        who = self.erased[(at >= begin) & (at < end)]
        return pa.table(
            {
                "request_id": numbered("er", self.label[who], 8),
                "account_id": self.account_id.take(pa.array(who)),
                "requested_at": seconds(self.closed[who]),
            }
        )
