"""One day's files of all backends, with what goes wrong on that day, and the truth about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from scripts.backends import Table, load_all

from . import files
from .into_landing import LandingWriter
from .settings import Target
from .shop import Shop
from .truth import write_world

SERVERS = 4
DECLARING = ("billing", "processor", "bank")
BROKEN = (b'{"play_id":"00ff', b"\xff\xfe\x00garbage\x80\n", b'{"play_id": "f00d", "started_at": \n', b"\x00\x00\x00\n")


@dataclass
class Shipper:
    """Writes days. ``tables`` maps each feed that is one table a day to the function that makes it."""

    shop: Shop
    target: Target
    _catalog_bytes: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    @cached_property
    def lander(self) -> LandingWriter | None:
        """Where the landing is to be written directly."""
        return LandingWriter(self.target.landing, self.shop.settings) if self.target.landing else None

    @cached_property
    def backends(self) -> dict[str, dict[str, Table]]:
        """What the YAML says each backend ships."""
        return {name: dict(backend.tables) for name, backend in load_all().items()}

    @cached_property
    def tables(self) -> dict[str, Callable[[int], pa.Table]]:
        """The feeds, apart from plays and those by the hour."""
        s = self.shop
        return {
            "members.accounts": lambda day: s.members.accounts(day),
            "members.follows": lambda day: self._marks(day)["follows"],
            "members.saves": lambda day: self._marks(day)["saves"],
            "members.blocks": lambda day: self._marks(day)["blocks"],
            "members.erasure_requests": lambda day: s.members.erasure_requests(day),
            "billing.plans": lambda day: s.billing.plans(day),
            "billing.prices": lambda day: s.billing.price_rows(day),
            "billing.subscriptions": lambda day: s.billing.subscriptions(day),
            "billing.subscription_events": lambda day: s.billing.subscription_events(day),
            "billing.invoices": lambda day: s.billing.invoices(day),
            "billing.invoice_lines": self._invoice_lines,
            "billing.credit_notes": lambda day: s.cash.credit_notes(day),
            "billing.payments": lambda day: s.cash.payments(day),
            "billing.refunds": lambda day: s.cash.refunds(day),
            "billing.chargebacks": lambda day: s.cash.chargebacks(day),
            "billing.gift_cards": lambda day: s.cash.gift_cards(day),
            "billing.ad_revenue": lambda day: s.cash.ad_revenue(day),
            "processor.settlements": lambda day: s.treasury.settlements(day),
            "bank.statements": lambda day: s.treasury.statements(day),
            "playback.searches": lambda day: s.playback.searches(day),
            "support.payment_reviews": lambda day: s.support.payment_reviews(day),
            "support.streaming_appeals": lambda day: s.support.streaming_appeals(day),
            "mail.deliveries": lambda day: s.mail.deliveries(day),
            "mail.bounces": lambda day: s.mail.bounces(day),
            "mail.complaints": lambda day: s.mail.complaints(day),
            "mail.unsubscribes": lambda day: s.mail.unsubscribes(day),
            "mail.clicks": lambda day: s.mail.clicks(day),
        }

    def prepare(self) -> None:
        """Make what all days need before the work is shared out among processes, and tell the truth about it."""
        self.shop.make(b for b in self.backends if any(self.target.wants(b, name) for name in self.backends[b]))
        if self.target.truth and not self.target.feeds:
            write_world(self.shop, self.target.truth)

    def day(self, day: int) -> int:
        """Everything that arrives on a day; returns the number of plays reported."""
        incidents = self.shop.settings.incidents
        totals: dict[Path, dict[str, object]] = {}
        for feed, make in self.tables.items():
            backend, name = feed.split(".")
            if not self.target.wants(backend, name) or (
                feed == "members.accounts" and day == incidents.accounts_missing and not self.lander
            ):
                continue
            self._ship(backend, name, make(day), day, totals=totals)
        corrects = day == incidents.wrong_invoice_lines + 2 and not self.lander
        if corrects and self.target.wants("billing", "invoice_lines"):
            right = self.shop.billing.invoice_lines(day - 2)
            self._ship("billing", "invoice_lines", right, day, about=day - 2, totals=totals)
        for folder, declared in totals.items():
            text = json.dumps(dict(sorted(declared.items())), indent=1, sort_keys=True) + "\n"
            files.write(folder / "_totals.json", text.encode())
        self._rates(day)
        self._catalog(day)
        self._consents(day)
        self._news(day)
        return self._plays(day)

    def folder(self, backend: str, day: int, about: int | None = None, hour: int | None = None) -> Path:
        """The arrival folder of a backend."""
        folder = self.target.inbox / backend / str(self.shop.settings.date(day))
        if about is not None:
            folder = folder / f"for-{self.shop.settings.date(about)}"
        return folder if hour is None else folder / f"T{hour:02d}"

    def _ship(
        self, backend: str, name: str, table: pa.Table, day: int, *,
        about: int | None = None, hour: int | None = None, totals: dict | None = None,
    ) -> None:  # fmt: skip
        """One table as one file, columns as the YAML orders them; rare logs come only when they hold something."""
        contract = self.backends[backend][name]
        if self.lander:
            if table.num_rows or contract.kind == "snapshot":
                self.lander.write(contract, day, [(name, table)], hour)
            return
        folder = self.folder(backend, day, about, hour)
        table = table.select([c.name for c in contract.shipped])
        if not table.num_rows and contract.format == "jsonl":
            return
        end = {"csv": "csv.gz", "jsonl": "jsonl.gz", "parquet": "parquet"}[contract.format]
        path = folder / f"{name}.{end}"
        files.write(path, files.packed(table, contract.format))
        if totals is not None and contract.control_totals and backend in DECLARING:
            totals.setdefault(folder, {})[path.name] = files.declared(table, contract.control_totals)

    def _marks(self, day: int) -> dict[str, pa.Table]:
        if getattr(self, "_marks_of", (None,))[0] != day:
            self._marks_of = day, self.shop.members.marks(day, self.shop.billing.listening(day))
        return self._marks_of[1]

    def _invoice_lines(self, day: int) -> pa.Table:
        wrong = day == self.shop.settings.incidents.wrong_invoice_lines and not self.lander
        return self.shop.billing.invoice_lines(day, wrong=wrong)

    def _rates(self, day: int) -> None:
        if self.target.wants("rates", "eurofxref") and (data := self.shop.rates.file(day)):
            files.write(self.folder("rates", day) / "eurofxref-hist.csv", data)

    def _catalog(self, day: int) -> None:
        """Snapshots of the catalogue; most days nothing changed, and then the bytes are those of the day before."""
        late = self.shop.settings.incidents.tracks_late
        for name in self.backends["catalog"]:
            if not self.target.wants("catalog", name):
                continue
            if self.lander:
                self._ship("catalog", name, self.shop.catalog.snapshot(name, day)[0], day)
                continue
            if name != "tracks" or day != late:
                files.write(self.folder("catalog", day) / f"{name}.parquet", self._catalog_file(name, day))
            if name == "tracks" and day == late + 1:
                files.write(self.folder("catalog", day, about=late) / f"{name}.parquet", self._catalog_file(name, late))

    def _catalog_file(self, name: str, day: int) -> bytes:
        table, mark = self.shop.catalog.snapshot(name, day)
        known = self._catalog_bytes.get(name)
        if known is None or known[0] != mark:
            columns = [c.name for c in self.backends["catalog"][name].shipped]
            known = self._catalog_bytes[name] = (mark, files.parquet_bytes(table.select(columns)))
        return known[1]

    def _consents(self, day: int) -> None:
        """The whole table at the end of the day, and every six hours on recent days."""
        if not self.target.wants("members", "consents"):
            return
        settings = self.shop.settings
        recent = day >= settings.days - settings.hourly_days
        for hour in (5, 11, 17, 23) if recent else (23,):
            table = self.shop.members.consents(settings.midnight(day) + (hour + 1) * 3600)
            self._ship("members", "consents", table, day, hour=hour)

    def _news(self, day: int) -> None:
        """By the hour on recent days, else all of the day in its last hour; one hour's files come two hours late."""
        news, settings, truth = self.shop.news, self.shop.settings, self.target.truth
        recent = day >= settings.days - settings.hourly_days
        makers = {
            ("newsroom", "articles"): news.articles,
            ("newsroom", "reader_events"): lambda d: news.reader_events(d)[:2],
            ("editorial", "headline_overrides"): news.overrides,
        }
        for (backend, name), make in makers.items():
            if not self.target.wants(backend, name):
                continue
            table, at = make(day)
            hour = (at - settings.midnight(day)) // 3600 if recent else np.full(len(at), 23)
            late = settings.incidents.news_late
            hour = np.where((hour == 14) & (day == late), 16, hour)
            for each in np.unique(hour):
                part = table.take(pa.array(np.flatnonzero(hour == each)))
                self._ship(backend, name, part, day, hour=int(each))
            if truth and name == "articles":
                path = truth / "articles" / f"{settings.date(day)}.parquet"
                files.write(path, files.parquet_bytes(news.truth(day)))
            if truth and name == "reader_events":
                path = truth / "reader_bots" / f"{settings.date(day)}.parquet"
                files.write(path, files.parquet_bytes(news.reader_events(day)[2]))

    # Plays: many files, several servers, and accidents.

    def _plays(self, day: int) -> int:
        """The plays received on a day, and those of an earlier one whose export had been wrong."""
        if not self.target.wants("playback", "plays"):
            return 0
        if self.lander:
            return self._land_plays(day)
        wrong = self.shop.settings.incidents.wrong_plays
        count = self._plays_of(day, self.folder("playback", day), wrong=day == wrong, truth=True)
        if day == wrong + 2:
            self._plays_of(wrong, self.folder("playback", day, about=wrong), wrong=False, truth=False)
        return count

    def _plays_of(self, day: int, folder: Path, *, wrong: bool, truth: bool) -> int:
        playback, settings, count = self.shop.playback, self.shop.settings, 0
        truths = []
        for part, arrivals in enumerate(playback.arrivals(day)):
            count += len(arrivals.number)
            servers = (arrivals.number % np.uint64(SERVERS)).astype(np.int8)
            if self.target.form == "parquet":
                data = files.parquet_bytes(playback.table(arrivals, day))
                files.write(folder / f"plays-{part:04d}.parquet", data)
            for server in range(SERVERS if self.target.form == "files" else 0):
                mine = arrivals.take(np.flatnonzero(servers == server))
                table = playback.table(mine, day)
                if wrong and server == 1:
                    table = _with_country(table, "US")
                if day < settings.incidents.schema_change:
                    table = table.rename_columns(["played_ms" if c == "ms_played" else c for c in table.column_names])
                self._write_plays(folder, day, part * SERVERS + server, table)
            if truth and self.target.truth:
                truths.append(playback.truth(arrivals, day))
        if truths:
            path = self.target.truth / "plays" / f"{settings.date(day)}.parquet"
            files.write(path, files.parquet_bytes(pa.concat_tables(truths)))
        return count

    def _land_plays(self, day: int) -> int:
        """The plays received on a day straight into the landing, part by part."""
        playback = self.shop.playback
        parts = (("plays", playback.table(arrivals, day)) for arrivals in playback.arrivals(day))
        return self.lander.write(self.backends["playback"]["plays"], day, parts)

    def _write_plays(self, folder: Path, day: int, number: int, table: pa.Table) -> None:
        data = files.json_lines(table)
        cut, dirt = self.shop.settings.incidents.plays_broken(day)
        if number == 2 and dirt:
            whole = bytes(data)
            middle = whole.index(b"\n", len(whole) // 2) + 1 if whole else 0
            data = whole[:middle] + b"".join(BROKEN[1:]) + whole[middle:]
        if number == 3 and cut:
            data = bytes(data) + BROKEN[0]
        files.write(folder / f"plays-{number:04d}.jsonl.gz", files.gz(data))


def _with_country(table: pa.Table, country: str) -> pa.Table:
    column = pa.array([country] * table.num_rows)
    return table.set_column(table.column_names.index("country"), "country", column)
