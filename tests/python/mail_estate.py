"""A small world for sending: an inbox with accounts and consents, and a published outbox, without dbt or a night."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from scripts.landing.vault import Vault

AT = datetime(2026, 3, 5, 12)
ACCOUNT = {
    "created_at": "2025-01-01 10:00:00",
    "updated_at": "2025-01-01 10:00:00",
    "country": "DE",
    "time_zone": "Europe/Berlin",
    "language": "en",
    "acquisition_channel": "organic",
    "status": "active",
    "explicit_content": "true",
}
ACCOUNT_COLUMNS = (
    "account_id",
    "created_at",
    "updated_at",
    "country",
    "time_zone",
    "language",
    "birth_year_band",
    "acquisition_channel",
    "status",
    "closed_at",
    "explicit_content",
    "full_name",
    "email",
    "street_address",
    "postcode",
    "city",
)
DATA = {"days_away": 30, "streams": 12, "artists": [{"id": "a1", "name": "Ann & the <Amps>", "streams": 4}]}


class MailEstate:
    """The home of such a world."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def ship(self, table: str, columns: Iterable[str], rows: Iterable[Mapping[str, object]], slot: str = "") -> None:
        """A dump of the members' backend, arriving on the day of AT."""
        folder = self.home / "inbox" / "members" / str(AT.date()) / slot
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(folder / f"{table}.csv.gz", "wt", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(rows)

    def members(self, people: Mapping[str, str], names: Mapping[str, str] | None = None) -> None:
        """Accounts by id with their addresses."""
        rows = [
            {**ACCOUNT, "account_id": a, "email": email, "full_name": (names or {}).get(a, f"Member {a}")}
            for a, email in people.items()
        ]
        self.ship("accounts", ACCOUNT_COLUMNS, rows)

    def consents(self, given: Mapping[str, bool], slot: str = "T05", topic: str = "offers") -> None:
        """What accounts say to a topic."""
        rows = [
            {
                "account_id": a,
                "topic": topic,
                "is_given": str(yes).lower(),
                "changed_at": f"2026-03-0{1 + (not yes)} 08:00:00",
                "source": "settings",
            }
            for a, yes in given.items()
        ]
        self.ship("consents", ("account_id", "topic", "is_given", "changed_at", "source"), rows, slot)

    def publish(self, rows: Iterable[Mapping[str, object]]) -> list[str]:
        """An outbox as a night would publish it; returns the send keys."""
        with Vault() as vault:
            made = [self._row(vault, number, row) for number, row in enumerate(rows)]
        run = self.home / "published" / "run"
        run.mkdir(parents=True, exist_ok=True)
        (run / "marts.duckdb").unlink(missing_ok=True)
        with duckdb.connect(str(run / "marts.duckdb")) as connection:
            connection.execute(
                "create schema engagement; create table engagement.fct_outbox (send_key varchar, campaign varchar, "
                "topic varchar, period varchar, priority integer, account_id varchar, address_hash varchar, "
                "language varchar, country varchar, is_holdout boolean, send_on date, "
                "not_before_at timestamp, not_after_at timestamp, data_json varchar)"
            )
            connection.executemany(f"insert into engagement.fct_outbox values ({', '.join('?' * 14)})", made)
        link = self.home / "published" / "current"
        if not link.is_symlink():
            link.symlink_to("run")
        return [row[0] for row in made]

    def _row(self, vault: Vault, number: int, row: Mapping[str, object]) -> list[object]:
        account = vault.pseudonyms([str(row["account_id"])])[0]
        campaign = row.get("campaign", "win_back")
        return [
            row.get("send_key", f"{number:032x}"),
            campaign,
            row.get("topic", "offers"),
            row.get("period", "2026-W10"),
            40,
            account,
            row.get("address_hash", f"address-of-{row['account_id']}"),
            row.get("language", "en"),
            "DE",
            row.get("is_holdout", False),
            row.get("send_on", AT.date()),
            row.get("not_before_at", AT - timedelta(hours=3)),
            row.get("not_after_at", AT + timedelta(hours=6)),
            row.get("data_json", json.dumps(DATA)),
        ]

    def people(self, addresses: Iterable[str], rows: Iterable[Mapping[str, object]] | None = None) -> dict[str, str]:
        """Accounts that said yes, each with an outbox row (``rows``: what is special in each); account by send key."""
        listed = {f"m{number:04d}": address for number, address in enumerate(addresses)}
        self.members(listed)
        self.consents(dict.fromkeys(listed, True))
        special = rows or ({} for _ in listed)
        keys = self.publish({"account_id": a, **more} for a, more in zip(listed, special, strict=True))
        return dict(zip(keys, listed, strict=True))

    def committed(self) -> dict[str, str]:
        """What the landing says of mails: state by send key (a key that stands twice is an error of the test)."""
        files = [str(path) for path in self.home.glob("landing/nightshift/sends/*/*/*.parquet")]
        if not files:
            return {}
        rows = duckdb.execute("select distinct send_key, state from read_parquet($files)", {"files": files}).fetchall()
        return dict(rows)
