"""The catalogue: artists in taste clusters, releases, tracks, contracts and splits, some wrong for a while."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import names, rights, world
from .columns import NEVER, days, seconds
from .keyed import generator, hashed, numbered, pick, unit, weighted
from .settings import DAY, Settings

CLUSTERS = 40
GENRES = names.words("""
pop rock hip-hop electronic jazz classical folk metal r&b latin country ambient indie punk reggae soul k-pop
afrobeats soundtrack spoken
""")
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
        self.artist_licensor = weighted([share for *_, share in rights.LICENSORS], rng.random(count))
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
            "availability": self._availability_rows(),
        } | rights.Rights(self).tables()

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
                "label": rights.label_name(self.artist_label[artist]),
                "released_on": days(self.released * DAY),
                "created_at": seconds(self.release_created),
            }
        )
        return table, np.maximum((self.release_created - self.settings.start_second) // DAY, 0), np.full(rows, FOREVER)

    def _track_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        rows = len(self.artist)
        isrc = numbered("QZNS0", np.maximum(self.isrc_number, 0) % 10_000_000, 7)
        spoken = self.genre != GENRES.index("ambient")
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
            "language": pick(languages, np.where(spoken, self.artist_country[self.artist], -1)),
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
        return by_key(pa.concat_tables([table, taken]), first, last, np.concatenate([np.arange(rows), down]))

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
        return by_key(table, self.from_day[all_tracks], np.full(len(all_tracks), FOREVER), all_tracks)


def by_key(
    table: pa.Table, first: np.ndarray, last: np.ndarray, key: np.ndarray
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """In order of the key, so that files of neighbouring days look alike."""
    order = np.lexsort((first, key))
    return table.take(pa.array(order)).combine_chunks(), first[order], last[order]
