"""The business as a whole: every backend of one world, made when something of it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .billing import Billing
from .cash import Cash
from .catalog import Catalog
from .desks import Mail, Support
from .members import Members
from .news import News
from .playback import Playback
from .rates import Rates
from .settings import Settings
from .treasury import Treasury

PARTS = {
    "members": ("members", "billing"),
    "billing": ("cash",),
    "processor": ("treasury",),
    "bank": ("treasury",),
    "rates": ("rates",),
    "catalog": ("catalog",),
    "playback": ("playback",),
    "newsroom": ("news",),
    "editorial": ("news",),
    "mail": ("mail",),
    "support": ("support", "playback"),
}


@dataclass
class Shop:
    """All backends of one settings; each is made when something of it is asked for."""

    settings: Settings

    def make(self, backends: Iterable[str]) -> None:
        """Make the lasting parts of some backends now: processes that fork afterwards share them."""
        for part in sorted({part for backend in backends for part in PARTS.get(backend, ())}):
            getattr(self, part)
        if "playback" in self.__dict__:
            self.playback.prepare()
        if "catalog" in self.__dict__:
            self.catalog.prepare()

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
