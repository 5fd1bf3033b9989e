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
from .billing import Billing
from .cash import Cash
from .catalog import Catalog
from .desks import Mail, Support
from .members import Members
from .news import News
from .playback import Playback
from .rates import Rates
from .settings import Settings, Target
from .treasury import Treasury
from .truth import write_world

SERVERS = 4
DECLARING = ("billing", "processor", "bank")
BROKEN = (b'{"play_id":"00ff', b"\xff\xfe\x00garbage\x80\n", b'{"play_id": "f00d", "started_at": \n', b"\x00\x00\x00\n")


@dataclass
class World:
    """All backends of one settings; each is made when something of it is asked for."""

    settings: Settings

    @cached_property
    def catalog(self) -> Catalog:
        """The catalogue."""
        return Catalog(self.settings)

    @cached_property
    def members(self) -> Members:
        """The accounts."""
        return Members(self.settings, self.catalog)

    @cached_property
    def billing(self) -> Billing:
        """Subscriptions and invoices."""
        return Billing(self.settings, self.members)

    @cached_property
    def cash(self) -> Cash:
        """Payments and what follows."""
        return Cash(self.settings, self.members, self.billing)

    @cached_property
    def rates(self) -> Rates:
        """Exchange rates."""
        return Rates(self.settings)

    @cached_property
    def treasury(self) -> Treasury:
        """Settlements and bookings."""
        return Treasury(self.settings, self.cash, self.rates)

    @cached_property
    def playback(self) -> Playback:
        """Plays and searches."""
        return Playback(self.settings, self.catalog, self.members, self.billing)

    @cached_property
    def news(self) -> News:
        """Articles and their readers."""
        return News(self.settings, self.catalog)

    @cached_property
    def mail(self) -> Mail:
        """The mail gateway."""
        return Mail(self.settings, self.members)

    @cached_property
    def support(self) -> Support:
        """Reviews and appeals."""
        return Support(self.settings, self.cash, self.playback)


@dataclass
class Shipper:
    """Writes days. ``tables`` maps each feed that is one table a day to the function that makes it."""

    world: World
    target: Target
    _catalog_bytes: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    @cached_property
    def backends(self) -> dict[str, dict[str, Table]]:
        """What the YAML says each backend ships."""
        return {name: dict(backend.tables) for name, backend in load_all().items()}

    @cached_property
    def tables(self) -> dict[str, Callable[[int], pa.Table]]:
        """The feeds, apart from plays and those by the hour."""
        w = self.world
        return {
            "members.accounts": lambda day: w.members.accounts(day),
            "members.follows": lambda day: self._marks(day)["follows"],
            "members.saves": lambda day: self._marks(day)["saves"],
            "members.blocks": lambda day: self._marks(day)["blocks"],
            "members.erasure_requests": lambda day: w.members.erasure_requests(day),
            "billing.plans": lambda day: w.billing.plans(day),
            "billing.prices": lambda day: w.billing.price_rows(day),
            "billing.subscriptions": lambda day: w.billing.subscriptions(day),
            "billing.subscription_events": lambda day: w.billing.subscription_events(day),
            "billing.invoices": lambda day: w.billing.invoices(day),
            "billing.invoice_lines": self._invoice_lines,
            "billing.credit_notes": lambda day: w.cash.credit_notes(day),
            "billing.payments": lambda day: w.cash.payments(day),
            "billing.refunds": lambda day: w.cash.refunds(day),
            "billing.chargebacks": lambda day: w.cash.chargebacks(day),
            "billing.gift_cards": lambda day: w.cash.gift_cards(day),
            "billing.ad_revenue": lambda day: w.cash.ad_revenue(day),
            "processor.settlements": lambda day: w.treasury.settlements(day),
            "bank.statements": lambda day: w.treasury.statements(day),
            "playback.searches": lambda day: w.playback.searches(day),
            "support.payment_reviews": lambda day: w.support.payment_reviews(day),
            "support.streaming_appeals": lambda day: w.support.streaming_appeals(day),
            "mail.deliveries": lambda day: w.mail.deliveries(day),
            "mail.bounces": lambda day: w.mail.bounces(day),
            "mail.complaints": lambda day: w.mail.complaints(day),
            "mail.unsubscribes": lambda day: w.mail.unsubscribes(day),
            "mail.clicks": lambda day: w.mail.clicks(day),
        }

    def prepare(self) -> None:
        """Make what all days need before the work is shared out among processes, and tell the truth about it."""
        world, wants = self.world, self.target.wants
        if wants("playback", "plays") or wants("members", "accounts"):
            world.playback._networks, world.playback._context_ids, world.playback.habits.campaigns  # noqa: B018
            world.catalog.track_id, world.members.account_id  # noqa: B018
        for feed in self.tables:
            if wants(*feed.split(".")):
                self._touch(feed.split(".")[0])
        if wants("catalog", "tracks"):
            world.catalog._tables  # noqa: B018
        if self.target.truth and not self.target.feeds:
            write_world(world, self.target.truth)

    def _touch(self, backend: str) -> None:
        """Compute a backend's arrays once, here."""
        world = self.world
        {
            "billing": lambda: world.cash,
            "processor": lambda: world.treasury,
            "bank": lambda: world.treasury,
            "support": lambda: world.support,
        }.get(backend, lambda: world.billing)()

    def day(self, day: int) -> int:
        """Everything that arrives on a day; returns the number of plays reported."""
        incidents = self.world.settings.incidents
        totals: dict[Path, dict[str, object]] = {}
        for feed, make in self.tables.items():
            backend, name = feed.split(".")
            if not self.target.wants(backend, name) or (
                feed == "members.accounts" and day == incidents.accounts_missing
            ):
                continue
            self._ship(backend, name, make(day), self.folder(backend, day), totals)
        if self.target.wants("billing", "invoice_lines") and day == incidents.wrong_invoice_lines + 2:
            right = self.world.billing.invoice_lines(day - 2)
            self._ship("billing", "invoice_lines", right, self.folder("billing", day, about=day - 2), totals)
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
        folder = self.target.inbox / backend / str(self.world.settings.date(day))
        if about is not None:
            folder = folder / f"for-{self.world.settings.date(about)}"
        return folder if hour is None else folder / f"T{hour:02d}"

    def _ship(
        self, backend: str, name: str, table: pa.Table, folder: Path, totals: dict | None = None, stem: str = ""
    ) -> None:
        """One table as one file, columns as the YAML orders them; rare logs come only when they hold something."""
        contract = self.backends[backend][name]
        table = table.select([c.name for c in contract.shipped])
        if not table.num_rows and contract.format == "jsonl":
            return
        end = {"csv": "csv.gz", "jsonl": "jsonl.gz", "parquet": "parquet"}[contract.format]
        path = folder / f"{stem or name}.{end}"
        files.write(path, files.packed(table, contract.format))
        if totals is not None and contract.control_totals and backend in DECLARING:
            totals.setdefault(folder, {})[path.name] = files.declared(table, contract.control_totals)

    def _marks(self, day: int) -> dict[str, pa.Table]:
        if getattr(self, "_marks_of", (None,))[0] != day:
            self._marks_of = day, self.world.members.marks(day, self.world.billing.listening(day))
        return self._marks_of[1]

    def _invoice_lines(self, day: int) -> pa.Table:
        return self.world.billing.invoice_lines(day, wrong=day == self.world.settings.incidents.wrong_invoice_lines)

    def _rates(self, day: int) -> None:
        if self.target.wants("rates", "eurofxref") and (data := self.world.rates.file(day)):
            files.write(self.folder("rates", day) / "eurofxref-hist.csv", data)

    def _catalog(self, day: int) -> None:
        """Snapshots of the catalogue; most days nothing changed, and then the bytes are those of the day before."""
        late = self.world.settings.incidents.tracks_late
        for name in self.backends["catalog"]:
            if not self.target.wants("catalog", name):
                continue
            if name != "tracks" or day != late:
                files.write(self.folder("catalog", day) / f"{name}.parquet", self._catalog_file(name, day))
            if name == "tracks" and day == late + 1:
                files.write(self.folder("catalog", day, about=late) / f"{name}.parquet", self._catalog_file(name, late))

    def _catalog_file(self, name: str, day: int) -> bytes:
        table, mark = self.world.catalog.snapshot(name, day)
        known = self._catalog_bytes.get(name)
        if known is None or known[0] != mark:
            columns = [c.name for c in self.backends["catalog"][name].shipped]
            known = self._catalog_bytes[name] = (mark, files.parquet_bytes(table.select(columns)))
        return known[1]

    def _consents(self, day: int) -> None:
        """The whole table at the end of the day, and every six hours on recent days."""
        if not self.target.wants("members", "consents"):
            return
        settings = self.world.settings
        recent = day >= settings.days - settings.hourly_days
        for hour in (5, 11, 17, 23) if recent else (23,):
            table = self.world.members.consents(settings.midnight(day) + (hour + 1) * 3600)
            self._ship("members", "consents", table, self.folder("members", day, hour=hour))

    def _news(self, day: int) -> None:
        """By the hour on recent days, else all of the day in its last hour; one hour's files come two hours late."""
        news, settings, truth = self.world.news, self.world.settings, self.target.truth
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
                self._ship(backend, name, part, self.folder(backend, day, hour=int(each)))
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
        wrong = self.world.settings.incidents.wrong_plays
        count = self._plays_of(day, self.folder("playback", day), wrong=day == wrong, truth=True)
        if day == wrong + 2:
            self._plays_of(wrong, self.folder("playback", day, about=wrong), wrong=False, truth=False)
        return count

    def _plays_of(self, day: int, folder: Path, *, wrong: bool, truth: bool) -> int:
        playback, settings, count = self.world.playback, self.world.settings, 0
        truths = []
        for part, arrivals in enumerate(playback.arrivals(day)):
            count += len(arrivals.number)
            servers = (arrivals.number % np.uint64(SERVERS)).astype(int)
            for server in range(SERVERS):
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

    def _write_plays(self, folder: Path, day: int, number: int, table: pa.Table) -> None:
        if self.target.form == "parquet":
            files.write(folder / f"plays-{number:04d}.parquet", files.parquet_bytes(table))
            return
        data = files.json_lines(table)
        cut, dirt = self.world.settings.incidents.plays_broken(day)
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
