"""The catalogue: artists in taste clusters, releases, tracks, contracts and splits, some wrong for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import names, world
from .columns import NEVER, days, decimals, money, seconds
from .keyed import generator, hashed, numbered, pick, unit, weighted
from .settings import DAY, Settings

CLUSTERS = 40
GENRES = names.words("""
pop rock hip-hop electronic jazz classical folk metal r&b latin country ambient indie punk reggae soul k-pop
afrobeats soundtrack spoken
""")
LICENSORS = (
    ("Meridian Music Group", "US", "USD", 0.28),
    ("Halcyon Records International", "GB", "GBP", 0.22),
    ("Nordlicht Musik", "DE", "EUR", 0.16),
    ("Independent Rights Alliance", "NL", "EUR", 0.18),
    ("OpenDoor Distribution", "US", "USD", 0.12),
    ("Sakura Sound", "JP", "JPY", 0.04),
)
SPLIT = pa.decimal128(9, 6)
FOREVER = 1 << 30


@dataclass
class Catalog:
    """The whole catalogue in arrays, future releases included; ``from_day`` says since when a row is known."""

    settings: Settings

    def __post_init__(self) -> None:
        settings = self.settings
        rng = generator(settings.seed, "catalog")
        self._artists(rng, settings.artists)
        self._tracks(rng, settings.tracks)
        self._popularity(rng)

    def _artists(self, rng: np.random.Generator, count: int) -> None:
        """Popularity falls with rank as in life; an artist belongs to one taste cluster."""
        self.artist_rank = rng.permutation(count)
        self.artist_cluster = (hashed(self.settings.seed, "cluster", np.arange(count)) % CLUSTERS).astype(np.int64)
        self.artist_name = names.artists(rng, count)
        self.artist_country = weighted(world.SHARES, rng.random(count))
        self.artist_licensor = weighted([share for *_, share in LICENSORS], rng.random(count))
        self.artist_label = self.artist_licensor * 20 + rng.integers(0, 20, count)
        # The artists behind bought streams: nobody knows them. They have a label of their own kind of luck.
        tail = np.flatnonzero(self.artist_rank > count * 0.6)
        self.bought_artists = rng.choice(tail, max(3, count // 300), replace=False)
        self.star = int(np.flatnonzero(self.artist_rank == min(3, count - 1))[0])

    def _tracks(self, rng: np.random.Generator, count: int) -> None:
        """Each artist has a track; the known ones have many. Releases are runs of an artist's tracks."""
        settings, artists = self.settings, self.settings.artists
        weight = 1.0 / (self.artist_rank + 20.0) ** 0.6
        first = np.arange(artists) if count >= artists else rng.choice(artists, count, replace=False)
        more = weighted(weight, rng.random(max(0, count - artists)))
        self.artist = np.sort(np.concatenate([first, more])[:count]).astype(np.int32)
        self.position = np.arange(count) - np.searchsorted(self.artist, self.artist)
        per_release = 1 + (hashed(settings.seed, "album", self.artist) % 11).astype(np.int64)
        begins = self.position % per_release == 0
        self.release = np.cumsum(begins) - 1
        self.release_first = np.flatnonzero(begins)
        releases = len(self.release_first)
        age = (rng.gamma(1.2, 1500, releases)).astype(np.int64)
        out = settings.start_second // DAY - 1 - age
        fresh = np.flatnonzero(rng.random(releases) < 0.035 * settings.days / 95)
        # New music comes out on Fridays (1970-01-02 was one).
        friday = settings.start_second // DAY + rng.integers(0, settings.days, len(fresh))
        out[fresh] = friday - (friday - 1) % 7
        self.released = out
        self._launch(rng)
        in_catalog = np.where(self.released < settings.start_second // DAY, self.released, self.released - 1)
        self.release_created = in_catalog * DAY + 36_000
        self.created = self.release_created[self.release]
        self.from_day = np.maximum((self.created - settings.start_second) // DAY, 0)
        self.duration = np.clip(rng.lognormal(np.log(200_000), 0.35, count), 31_500, 1_800_000).astype(np.int64)
        self.genre = self.artist_cluster[self.artist] % len(GENRES)
        sleepy = (self.genre == GENRES.index("ambient")) & (unit(settings.seed, "sleepy", np.arange(count)) < 0.3)
        self.duration[sleepy] = rng.integers(35_000, 95_000, sleepy.sum())
        self.sleepy_tracks = np.flatnonzero(sleepy & (self.from_day == 0))
        self.title = names.titles(rng, count)
        self.explicit = rng.random(count) < 0.12
        # A recording that came as a single and again on the album.
        again = np.flatnonzero((rng.random(count) < 0.05) & (self.position > 0))
        self.recording = np.arange(count)
        self.recording[again] = self.recording[again - 1]
        self.duration[again] = self.duration[again - 1]
        self._trouble(rng, count)

    def _launch(self, rng: np.random.Generator) -> None:
        """The album everybody waits for."""
        mine = np.flatnonzero(self.artist[self.release_first] == self.star)
        self.launch_release = int(mine[-1])
        self.released[self.launch_release] = self.settings.start_second // DAY + self.settings.incidents.launch
        self.launch_tracks = np.flatnonzero(self.release == self.launch_release)

    def _trouble(self, rng: np.random.Generator, count: int) -> None:
        """Codes missing or shared, takedowns, shut territories."""
        settings = self.settings
        self.isrc_number = self.recording.copy()
        shared = np.flatnonzero(rng.random(count) < 0.002)
        self.isrc_number[shared] = np.maximum(self.isrc_number[shared] - 7, 0)
        self.isrc_number[rng.random(count) < 0.01] = -1
        self.down = np.full(count, NEVER)
        some = np.flatnonzero((rng.random(count) < 0.004) & (self.from_day == 0) & (self.artist != self.star))
        self.down[some] = settings.start_second + rng.integers(DAY, max(DAY + 1, settings.days * DAY), len(some))
        self.down_day = np.where(self.down == NEVER, FOREVER, (self.down - settings.start_second) // DAY)
        self.shut = np.zeros((count, len(world.COUNTRIES)), dtype=bool)
        regional = rng.random(count) < 0.03
        self.shut[regional] = rng.random((regional.sum(), len(world.COUNTRIES))) < 0.3
        self.shut[self.launch_tracks] = False
        self.shut_somewhere = self.shut.any(axis=1)

    def _popularity(self, rng: np.random.Generator) -> None:
        """Zipf over artists, then over an artist's tracks; laid out by cluster for drawing."""
        count = len(self.artist)
        by_artist = 1.0 / (self.artist_rank[self.artist] + 5.0) ** 0.85
        noise = np.exp(rng.normal(0, 0.5, count))
        self.popularity = by_artist * noise / (self.position + 1.0) ** 0.6
        self.popularity[np.isin(self.artist, self.bought_artists)] *= 0.2
        cluster = self.artist_cluster[self.artist]
        order = np.lexsort((-self.popularity, cluster))
        self.order = order.astype(np.int32)
        self.cumulative = np.cumsum(self.popularity[order])
        ends = np.searchsorted(cluster[order], np.arange(CLUSTERS), side="right")
        totals = np.concatenate([[0.0], self.cumulative])
        begins = np.searchsorted(cluster[order], np.arange(CLUSTERS), side="left")
        self.cluster_base, self.cluster_width = totals[begins], totals[ends] - totals[begins]
        self.cluster_weight = self.cluster_width / self.cluster_width.sum()
        old = (self.from_day == 0) & (self.down == NEVER) & ~self.shut.any(axis=1)
        self.fallback = np.array([self._best(order, cluster, old, c) for c in range(CLUSTERS)], dtype=np.int32)

    @staticmethod
    def _best(order: np.ndarray, cluster: np.ndarray, old: np.ndarray, number: int) -> int:
        fine = order[(cluster[order] == number) & old[order]]
        return int(fine[0]) if len(fine) else int(order[old[order]][0])

    def draw(self, cluster: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Tracks of a cluster by popularity; a negative cluster draws from all."""
        everything = cluster < 0
        base = np.where(everything, 0.0, self.cluster_base[cluster])
        width = np.where(everything, self.cumulative[-1], self.cluster_width[cluster])
        place = np.searchsorted(self.cumulative, base + uniform * width, side="right")
        return self.order[np.minimum(place, len(self.order) - 1)]

    def playable(self, track: np.ndarray, country: np.ndarray, day: int) -> np.ndarray:
        """Whether a track can be played there on that day."""
        today = self.settings.start_second // DAY + day
        alive = (self.released[self.release] <= today) & (self.down_day >= day)
        fine = (alive & ~self.shut_somewhere)[track]
        unsure = np.flatnonzero(~fine)
        fine[unsure] = alive[track[unsure]] & ~self.shut[track[unsure], np.broadcast_to(country, track.shape)[unsure]]
        return fine

    @cached_property
    def track_id(self) -> pa.Array:
        """Ids of the tracks."""
        return numbered("t", np.arange(len(self.artist)), 7)

    def prepare(self) -> None:
        """Make what is made once and used on every day."""
        _ = self._tables, self.track_id

    def snapshot(self, table: str, day: int) -> tuple[pa.Table, int]:
        """A table as it is at the end of a day, and a number that is the same for days with the same rows."""
        whole, first, last = self._tables[table]
        keep = (first <= day) & (last > day)
        changes = np.count_nonzero(first <= day) + np.count_nonzero(last <= day)
        return (whole if keep.all() else whole.filter(pa.array(keep))), changes

    @cached_property
    def _tables(self) -> dict[str, tuple[pa.Table, np.ndarray, np.ndarray]]:
        """Each table with all its rows, and the days from and to which a row is in the snapshot."""
        return {
            "artists": self._artist_rows(),
            "releases": self._release_rows(),
            "tracks": self._track_rows(),
            "licensors": self._licensor_rows(),
            "rights_holders": self._holder_rows(),
            "contracts": self._contract_rows(),
            "splits": self._split_rows(),
            "availability": self._availability_rows(),
        }

    def _always(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(rows, dtype=np.int64), np.full(rows, FOREVER)

    def _artist_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        rows = len(self.artist_name)
        first_track = np.searchsorted(self.artist, np.arange(rows))
        known = np.full(rows, NEVER)
        np.minimum.at(known, self.artist, self.created)
        known = np.where(known == NEVER, self.settings.start_second - 400 * DAY, known)
        upper = pc.utf8_upper(self.artist_name)
        reversed_name = pc.replace_substring_regex(self.artist_name, "^The (.*)$", r"\1, The")
        odd = unit(self.settings.seed, "alias", first_track)
        aliases = pc.choose(pa.array(np.where(odd < 0.08, 0, 1)), upper, reversed_name)
        has = (odd < 0.08) | pc.starts_with(self.artist_name, "The ").to_numpy(zero_copy_only=False)
        table = pa.table(
            {
                "artist_id": numbered("a", np.arange(rows), 7),
                "name": self.artist_name,
                "aliases": pc.if_else(pa.array(has), aliases, pa.scalar(None, pa.string())),
                "country": pick(world.CODES, self.artist_country),
                "main_genre": pick(GENRES, self.artist_cluster % len(GENRES)),
                "created_at": seconds(known),
            }
        )
        return table, np.maximum((known - self.settings.start_second) // DAY, 0), np.full(rows, FOREVER)

    def _release_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        first, rows = self.release_first, len(self.release_first)
        artist = self.artist[first]
        size = np.diff(np.append(first, len(self.artist)))
        upc = np.where(unit(self.settings.seed, "upc", first) < 0.01, -1, np.arange(rows))
        codes = numbered("72", np.maximum(upc, 0) * 7 + 10_000_000, 10)
        table = pa.table(
            {
                "release_id": numbered("r", np.arange(rows), 7),
                "artist_id": numbered("a", artist, 7),
                "licensor_id": numbered("l", self.artist_licensor[artist], 2),
                "title": self.title.take(pa.array(first)),
                "upc": pc.if_else(pa.array(upc >= 0), codes, pa.scalar(None, pa.string())),
                "release_kind": pick(("single", "ep", "album"), np.digitize(size, [3, 6])),
                "label": self._label_name(self.artist_label[artist]),
                "released_on": days(self.released * DAY),
                "created_at": seconds(self.release_created),
            }
        )
        return table, np.maximum((self.release_created - self.settings.start_second) // DAY, 0), np.full(rows, FOREVER)

    @staticmethod
    def _label_name(label: np.ndarray) -> pa.Array:
        word = pick(names.NOUNS, label % len(names.NOUNS))
        return pc.binary_join_element_wise(word, pick(("Records", "Recordings", "Sound"), label % 3), " ")

    def _track_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        rows = len(self.artist)
        isrc = numbered("QZNS0", np.maximum(self.isrc_number, 0) % 10_000_000, 7)
        spoken = self.genre != GENRES.index("ambient")
        country_language = np.array([hash_ for hash_ in range(len(world.COUNTRIES))])
        languages = [c.languages[0] for c in world.COUNTRIES]
        alone = {
            "track_id": self.track_id,
            "recording_id": numbered("rec", self.recording, 7),
            "release_id": numbered("r", self.release, 7),
            "artist_id": numbered("a", self.artist, 7),
            "licensor_id": numbered("l", self.artist_licensor[self.artist], 2),
            "isrc": pc.if_else(pa.array(self.isrc_number >= 0), isrc, pa.scalar(None, pa.string())),
            "title": self.title,
            "genre": pick(GENRES, self.genre),
            "language": pick(languages, np.where(spoken, country_language[self.artist_country[self.artist]], -1)),
            "released_on": days(self.released[self.release] * DAY),
            "is_explicit": pa.array(self.explicit),
            "duration_ms": pa.array(self.duration.astype(np.int32)),
            "taken_down_at": seconds(np.full(rows, NEVER)),
            "created_at": seconds(self.created),
        }
        table = pa.table(alone)
        down = np.flatnonzero(self.down != NEVER)
        taken = table.take(pa.array(down)).set_column(12, "taken_down_at", seconds(self.down[down]))
        first = np.concatenate([self.from_day, self.down_day[down]])
        last = np.concatenate([self.down_day, np.full(len(down), FOREVER)])
        return _sorted(pa.concat_tables([table, taken]), first, last, np.concatenate([np.arange(rows), down]))

    def _licensor_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        rows = len(LICENSORS)
        table = pa.table(
            {
                "licensor_id": numbered("l", np.arange(rows), 2),
                "name": pa.array([name for name, *_ in LICENSORS]),
                "ddex_party_id": numbered("PADPIDA2019", 1_000_000 + np.arange(rows) * 137, 7),
                "country": pa.array([country for _, country, *_ in LICENSORS]),
                "currency": pa.array([currency for _, _, currency, _ in LICENSORS]),
                "created_at": seconds(np.full(rows, self.settings.start_second - 900 * DAY)),
            }
        )
        return table, *self._always(rows)

    @cached_property
    def _holder_artists(self) -> np.ndarray:
        """Artists with an agreement of their own: one in six, whose split is shared with the label."""
        return np.flatnonzero(unit(self.settings.seed, "holder", np.arange(len(self.artist_name))) < 1 / 6)

    def _holder_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        """A label each (20 a licensor), one fund, and some artists."""
        labels, artists = len(LICENSORS) * 20, self._holder_artists
        seed, rows = self.settings.seed, labels + 1 + len(self._holder_artists)
        kind = np.array([0] * labels + [2] + [1] * len(artists))
        licensor = np.concatenate([np.arange(labels) // 20, [3], self.artist_licensor[artists]])
        home = np.array([world.CODES.index(c) for _, c, *_ in LICENSORS])[licensor]
        country = np.where(kind == 1, np.append(np.zeros(labels + 1, dtype=int), self.artist_country[artists]), home)
        currency = np.array([world.CURRENCIES.index(c) for _, _, c, _ in LICENSORS])[licensor]
        advance = np.where(unit(seed, "advance", np.arange(rows)) < 0.04, 50_000, 0) * np.where(kind == 1, 1, 10)
        yen = np.where(currency == world.CURRENCIES.index("JPY"), 100, 1)
        withheld = np.array([0, 100_000, 150_000, 0])[(hashed(seed, "withheld", country) % 4).astype(int)]
        label_names = pa.concat_arrays([self._label_name(np.arange(labels)), pa.array(["Musicians' Relief Fund"])])
        artist_names = self.artist_name.take(pa.array(artists))
        table = pa.table(
            {
                "rights_holder_id": numbered("h", np.arange(rows), 6),
                "licensor_id": numbered("l", licensor, 2),
                "name": pa.concat_arrays([label_names, artist_names]),
                "holder_kind": pick(("label", "artist", "fund"), kind),
                "country": pick(world.CODES, country),
                "currency": pick(world.CURRENCIES, currency),
                "payout_threshold": money(np.where(kind == 1, 500, 1000) * yen),
                "advance_amount": money(advance * yen),
                "withholding_tax_rate": decimals(np.where(kind == 1, withheld, 0), SPLIT),
                "created_at": seconds(np.full(rows, self.settings.start_second - 800 * DAY)),
            }
        )
        return table, *self._always(rows)

    def _contract_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        """World terms for each licensor, exceptions by plan and territory, one that changes on 1 February."""
        old, change, no = date(2023, 1, 1), date(2026, 2, 1), None
        rows: list[
            tuple
        ] = []  # a dozen rows: licensor, territory, plan, share, minimum, currency, method, trial, silent
        for index in range(len(LICENSORS)):
            method = "user_centric" if index == 3 else "pro_rata"
            share = (550_000, 540_000, 520_000, 520_000, 500_000, 520_000)[index]
            ends = change if index == 2 else no
            silent = "retained" if index == 3 else "pro_rata"
            rows.append((index, "WW", "ALL", share, -1, None, method, index != 0, silent, old, ends))
            if index == 2:
                rows.append((index, "WW", "ALL", 530_000, -1, None, method, True, silent, change, no))
            rows.append((index, "WW", "free", share - 50_000, -1, None, method, False, silent, old, no))
        rows.append((0, "WW", "individual", 550_000, 25_000, "EUR", "pro_rata", False, "pro_rata", old, no))
        rows.append((0, "US", "individual", 560_000, 30_000, "USD", "pro_rata", False, "pro_rata", old, no))
        rows.append((0, "GB", "individual", 560_000, 24_000, "GBP", "pro_rata", False, "pro_rata", old, no))
        rows.append((1, "WW", "student", 530_000, 14_000, "EUR", "pro_rata", True, "pro_rata", old, no))
        rows.append((3, "FR", "ALL", 540_000, -1, None, "user_centric", True, "retained", old, no))
        rows.append((5, "JP", "ALL", 560_000, -1, None, "pro_rata", True, "pro_rata", old, no))
        columns = list(zip(*rows, strict=True))
        minimum = np.array(columns[4])
        table = pa.table(
            {
                "contract_id": numbered("c", np.arange(len(rows)), 4),
                "licensor_id": numbered("l", np.array(columns[0]), 2),
                "territory": pa.array(columns[1]),
                "plan_code": pa.array(columns[2]),
                "revenue_share": decimals(np.array(columns[3]), SPLIT),
                "minimum_per_subscriber": money(minimum, 4, minimum < 0),
                "minimum_currency": pa.array(columns[5], pa.string()),
                "allocation_method": pa.array(columns[6]),
                "trial_streams_count": pa.array(columns[7]),
                "silent_subscribers": pa.array(columns[8]),
                "valid_from": pa.array(columns[9], pa.date32()),
                "valid_to": pa.array(columns[10], pa.date32()),
                "created_at": seconds(np.full(len(rows), self.settings.start_second - 800 * DAY)),
            }
        )
        return table, *self._always(len(rows))

    def _split_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        """A label's and an artist's share of each recording, a few wrong until somebody repairs them."""
        seed, settings = self.settings.seed, self.settings
        recording = np.unique(self.recording)
        artist = self.artist[recording]
        label = self.artist_label[artist]
        labels = len(LICENSORS) * 20
        place = np.searchsorted(self._holder_artists, artist).clip(max=len(self._holder_artists) - 1)
        own = self._holder_artists[place] == artist if len(self._holder_artists) else np.zeros(len(artist), bool)
        label_share = np.where(
            own, np.array([500_000, 650_000, 800_000])[(hashed(seed, "deal", artist) % 3).astype(int)], 1_000_000
        )
        begin = self.released[self.release[recording]] * DAY
        fault = weighted([98.9, 0.4, 0.25, 0.3, 0.15], unit(seed, "fault", recording))  # fine short over none unknown
        repaired = np.full(len(recording), FOREVER)
        mended = (fault > 0) & (unit(seed, "mended", recording) < 0.65)
        half = settings.days // 2
        when = half + (unit(seed, "when", recording) * max(1, settings.days - half)).astype(np.int64)
        repaired[mended] = np.maximum(when[mended] // 7 * 7, half)
        first = self.from_day[recording]
        parts = []

        def add(
            index: np.ndarray,
            holder: np.ndarray,
            share: np.ndarray,
            shown: np.ndarray,
            gone: np.ndarray,
            **when: np.ndarray,
        ) -> None:
            starts = when.get("starts", begin[index])
            ends = when.get("ends", np.full(len(index), NEVER))
            parts.append((recording[index], holder, share, starts, ends, shown, gone))

        # The label's row; wrong ones are replaced by right ones on the day of repair.
        for wrong in (False, True):
            index = np.flatnonzero(fault > 0) if wrong else np.flatnonzero(fault != 3)
            shown = np.where(fault[index] > 0, repaired[index], first[index]) if not wrong else first[index]
            share = label_share[index].copy()
            holder = label[index].copy()
            if wrong:
                index, shown, share, holder = (x[fault[index] != 3] for x in (index, shown, share, holder))
                share[fault[index] == 1] -= 100_000
                holder = np.where(fault[index] == 4, 900_000 + holder, holder)
            else:
                keep = shown < FOREVER
                index, shown, share, holder = index[keep], shown[keep], share[keep], holder[keep]
            add(index, holder, share, shown, repaired[index] if wrong else np.full(len(index), FOREVER))
        late = np.flatnonzero((fault == 3) & (repaired < FOREVER))
        add(late, label[late], label_share[late], repaired[late], np.full(len(late), FOREVER))
        over = np.flatnonzero(fault == 2)
        add(over, np.full(len(over), labels), np.full(len(over), 200_000), first[over], repaired[over])
        # The artist's row, for those who have one; one in fifty sells the share to the fund in mid-time.
        mine = np.flatnonzero(own)
        sells = unit(seed, "sale", recording[mine]) < 0.02
        sale_day = half // 2 + (unit(seed, "sale day", recording[mine]) * max(1, half)).astype(np.int64)
        sale = settings.start_second + sale_day * DAY
        sells &= begin[mine] < sale
        shown = np.where(fault[mine] == 3, repaired[mine], first[mine])
        holder = labels + 1 + place[mine]
        add(mine, holder, 1_000_000 - label_share[mine], shown, np.where(sells, np.maximum(sale_day, shown), FOREVER))
        sold, rest = mine[sells], 1_000_000 - label_share[mine][sells]
        after = np.maximum(sale_day, shown)[sells]
        add(sold, holder[sells], rest, after, np.full(len(sold), FOREVER), ends=sale[sells])
        add(sold, np.full(len(sold), labels), rest, after, np.full(len(sold), FOREVER), starts=sale[sells])
        # One row that can never be right: it ends before it starts.
        none = np.zeros(1, dtype=int)
        add(none, none + labels, none + 100_000, first[:1], none + FOREVER, ends=begin[:1] - DAY)
        rec, who, share, starts, ends, shown, gone = (np.concatenate(x) for x in zip(*parts, strict=True))
        entered = np.where(shown == 0, settings.start_second - DAY, settings.start_second + shown * DAY + 30_000)
        table = pa.table(
            {
                "split_id": numbered("s", np.arange(len(rec)), 8),
                "recording_id": numbered("rec", rec, 7),
                "rights_holder_id": numbered("h", who, 6),
                "share": decimals(share, SPLIT),
                "valid_from": days(starts),
                "valid_to": days(ends),
                "created_at": seconds(np.minimum(entered, settings.end_second)),
            }
        )
        return _sorted(table, shown, gone, rec)

    def _availability_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        rows = len(self.artist)
        track, country = np.nonzero(self.shut)
        territory = np.concatenate([np.full(rows, len(world.CODES)), country])
        all_tracks = np.concatenate([np.arange(rows), track])
        released = self.released[self.release] * DAY
        table = pa.table(
            {
                "track_id": numbered("t", all_tracks, 7),
                "territory": pick((*world.CODES, "WW"), territory),
                "valid_from": days(released[all_tracks]),
                "valid_to": days(np.full(len(all_tracks), NEVER)),
                "is_available": pa.array(territory == len(world.CODES)),
            }
        )
        return _sorted(table, self.from_day[all_tracks], np.full(len(all_tracks), FOREVER), all_tracks)


def _sorted(
    table: pa.Table, first: np.ndarray, last: np.ndarray, key: np.ndarray
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """In order of the key, so that files of neighbouring days look alike."""
    order = np.lexsort((first, key))
    return table.take(pa.array(order)).combine_chunks(), first[order], last[order]
