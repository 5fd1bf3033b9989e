"""Who is paid for the catalogue: licensors, payees, contracts, and splits of which some are wrong for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import names, world
from .columns import NEVER, Rows, days, decimals, money, seconds
from .keyed import hashed, numbered, pick, unit, weighted
from .settings import DAY

if TYPE_CHECKING:
    from .catalog import Catalog

LICENSORS = (
    ("Meridian Music Group", "US", "USD", 0.28),
    ("Halcyon Records International", "GB", "GBP", 0.22),
    ("Nordlicht Musik", "DE", "EUR", 0.16),
    ("Independent Rights Alliance", "NL", "EUR", 0.18),
    ("OpenDoor Distribution", "US", "USD", 0.12),
    ("Sakura Sound", "JP", "JPY", 0.04),
)
SPLIT = pa.decimal128(9, 6)
LABELS = len(LICENSORS) * 20
FUND = LABELS
WHOLE = 1_000_000
FINE, SHORT, OVER, NONE, UNKNOWN = range(5)
FAULT_SHARE = (98.9, 0.4, 0.25, 0.3, 0.15)
UNKNOWN_HOLDERS = 900_000
FOREVER = 1 << 30
# A table with all its rows, and the days from and to which each is in the snapshot.
Snapshots = tuple[pa.Table, np.ndarray, np.ndarray]


def label_name(label: np.ndarray) -> pa.Array:
    """Names of labels by number."""
    word = pick(names.NOUNS, label % len(names.NOUNS))
    return pc.binary_join_element_wise(word, pick(("Records", "Recordings", "Sound"), label % 3), " ")


def always(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are in every snapshot."""
    return np.zeros(rows, dtype=np.int64), np.full(rows, FOREVER)


def by_key(table: pa.Table, first: np.ndarray, last: np.ndarray, key: np.ndarray) -> Snapshots:
    """In order of the key, so that files of neighbouring days look alike."""
    order = np.lexsort((first, key))
    return table.take(pa.array(order)).combine_chunks(), first[order], last[order]


@dataclass
class Rights:
    """Tables about rights, from the catalogue's arrays."""

    catalog: Catalog

    def tables(self) -> dict[str, Snapshots]:
        """All of them."""
        return {
            "licensors": self._licensor_rows(),
            "rights_holders": self._holder_rows(),
            "contracts": self._contract_rows(),
            "splits": self._split_rows(),
        }

    def _licensor_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        rows = len(LICENSORS)
        table = pa.table(
            {
                "licensor_id": numbered("l", np.arange(rows), 2),
                "name": pa.array([name for name, *_ in LICENSORS]),
                "ddex_party_id": numbered("PADPIDA2019", 1_000_000 + np.arange(rows) * 137, 7),
                "country": pa.array([country for _, country, *_ in LICENSORS]),
                "currency": pa.array([currency for _, _, currency, _ in LICENSORS]),
                "created_at": seconds(np.full(rows, self.catalog.settings.start_second - 900 * DAY)),
            }
        )
        return table, *always(rows)

    @cached_property
    def holder_artists(self) -> np.ndarray:
        """Artists with an agreement of their own: one in six, whose split is shared with the label."""
        return np.flatnonzero(
            unit(self.catalog.settings.seed, "holder", np.arange(len(self.catalog.artist_name))) < 1 / 6
        )

    def _holder_rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        """A label each (20 a licensor), one fund, and some artists."""
        labels, artists = len(LICENSORS) * 20, self.holder_artists
        seed, rows = self.catalog.settings.seed, labels + 1 + len(self.holder_artists)
        kind = np.array([0] * labels + [2] + [1] * len(artists))
        licensor = np.concatenate([np.arange(labels) // 20, [3], self.catalog.artist_licensor[artists]])
        home = np.array([world.CODES.index(c) for _, c, *_ in LICENSORS])[licensor]
        country = np.where(
            kind == 1, np.append(np.zeros(labels + 1, dtype=int), self.catalog.artist_country[artists]), home
        )
        currency = np.array([world.CURRENCIES.index(c) for _, _, c, _ in LICENSORS])[licensor]
        advance = np.where(unit(seed, "advance", np.arange(rows)) < 0.04, 50_000, 0) * np.where(kind == 1, 1, 10)
        yen = np.where(currency == world.CURRENCIES.index("JPY"), 100, 1)
        withheld = np.array([0, 100_000, 150_000, 0])[(hashed(seed, "withheld", country) % 4).astype(int)]
        label_names = pa.concat_arrays([label_name(np.arange(labels)), pa.array(["Musicians' Relief Fund"])])
        artist_names = self.catalog.artist_name.take(pa.array(artists))
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
                "created_at": seconds(np.full(rows, self.catalog.settings.start_second - 800 * DAY)),
            }
        )
        return table, *always(rows)

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
                "created_at": seconds(np.full(len(rows), self.catalog.settings.start_second - 800 * DAY)),
            }
        )
        return table, *always(len(rows))

    def _split_rows(self) -> Snapshots:
        """A label's and an artist's share of each recording; an id stays when its row is repaired."""
        settings = self.catalog.settings
        self._recordings()
        rows = Rows()
        self._label_splits(rows)
        self._artist_splits(rows)
        whole = rows.done()
        entered = np.where(whole["entered"] == 0, -1, whole["entered"])
        table = pa.table(
            {
                "split_id": numbered("s", whole["recording"] * 4 + whole["place"], 8),
                "recording_id": numbered("rec", whole["recording"], 7),
                "rights_holder_id": numbered("h", whole["holder"], 6),
                "share": decimals(whole["share"], SPLIT),
                "valid_from": days(whole["begin"]),
                "valid_to": days(whole["end"]),
                "created_at": seconds(settings.start_second + np.minimum(entered, settings.days) * DAY + 30_000),
            }
        )
        return by_key(table, whole["shown"], whole["gone"], whole["recording"] * 4 + whole["place"])

    def _recordings(self) -> None:
        """Each recording's label and share, what is wrong with its splits, and when somebody repairs it."""
        catalog, settings = self.catalog, self.catalog.settings
        seed = settings.seed
        self.recording = np.unique(catalog.recording)
        artist = catalog.artist[self.recording]
        self.label = catalog.artist_label[artist]
        self.place = np.searchsorted(self.holder_artists, artist).clip(max=max(0, len(self.holder_artists) - 1))
        self.own = np.isin(artist, self.holder_artists)
        deal = np.array([500_000, 650_000, 800_000])[(hashed(seed, "deal", artist) % np.uint64(3)).astype(int)]
        self.label_share = np.where(self.own, deal, WHOLE)
        self.begin = catalog.released[catalog.release[self.recording]] * DAY
        self.known = catalog.from_day[self.recording]
        self.fault = weighted(FAULT_SHARE, unit(seed, "fault", self.recording))
        half = settings.days // 2
        when = half + (unit(seed, "when", self.recording) * max(1, settings.days - half)).astype(np.int64)
        mended = (self.fault != FINE) & (unit(seed, "mended", self.recording) < 0.65)
        # Somebody sits down to it once a week.
        self.repaired = np.where(mended, np.maximum(np.maximum(when // 7 * 7, half), self.known), FOREVER)

    def _add(
        self,
        rows: Rows,
        index: np.ndarray,
        place: int,
        holder: np.ndarray | int,
        share: np.ndarray | int,
        shown: np.ndarray,
        gone: np.ndarray | int = FOREVER,
        entered: np.ndarray | None = None,
        **when: np.ndarray,
    ) -> None:
        """Splits of some recordings; ``place`` tells the rows of a recording apart, and so makes the id."""
        rows.add(
            len(index), recording=self.recording[index], place=place, holder=holder, share=share, shown=shown,
            gone=gone, entered=shown if entered is None else entered, begin=when.get("begin", self.begin[index]),
            end=when.get("end", NEVER),
        )  # fmt: skip

    def _label_splits(self, rows: Rows) -> None:
        """The label's row, right from the beginning or from the repair on; before that what is wrong."""
        fault, known, repaired = self.fault, self.known, self.repaired
        every = np.arange(len(fault))
        wrong = np.isin(fault, (SHORT, UNKNOWN))
        shown = np.where(wrong | (fault == NONE), repaired, known)
        entered = np.where(fault == NONE, repaired, known)
        self._add(rows, every, 0, self.label, self.label_share, shown, entered=entered)
        bad = np.flatnonzero(wrong)
        share = self.label_share[bad] - np.where(fault[bad] == SHORT, 100_000, 0)
        holder = self.label[bad] + np.where(fault[bad] == UNKNOWN, UNKNOWN_HOLDERS, 0)
        self._add(rows, bad, 0, holder, share, known[bad], repaired[bad])
        over = np.flatnonzero(fault == OVER)
        self._add(rows, over, 2, FUND, 200_000, known[over], repaired[over])
        # One row that can never be right: it ends before it starts.
        first = np.zeros(1, dtype=int)
        self._add(rows, first, 2, FUND, 100_000, known[first], end=self.begin[first] - DAY)

    def _artist_splits(self, rows: Rows) -> None:
        """The artist's row, for those who have one; one in fifty sells the share to the fund in mid-time."""
        settings = self.catalog.settings
        mine = np.flatnonzero(self.own)
        shown = np.where(self.fault == NONE, self.repaired, self.known)[mine]
        holder, share = FUND + 1 + self.place[mine], WHOLE - self.label_share[mine]
        quarter = settings.days // 4
        day = quarter + (unit(settings.seed, "sale day", self.recording[mine]) * max(1, settings.days // 2)).astype(int)
        sale = settings.start_second + day * DAY
        sells = (unit(settings.seed, "sale", self.recording[mine]) < 0.02) & (self.begin[mine] < sale) & (shown < day)
        self._add(rows, mine, 1, holder, share, shown, np.where(sells, day, FOREVER))
        sold = mine[sells]
        self._add(rows, sold, 1, holder[sells], share[sells], day[sells], entered=shown[sells], end=sale[sells])
        self._add(rows, sold, 3, FUND, share[sells], day[sells], begin=sale[sells])
