"""What is due now: the published outbox, less what was sent, less whom the newest word forbids to write to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from scripts.commitments import committed_files
from scripts.console import Stop
from scripts.files import read_json
from scripts.home import folder
from scripts.mail.ledger import FINAL, Ledger
from scripts.mail.smtp import verdicts
from scripts.published import current_folder
from scripts.warehouse import settings

COLUMNS = ("send_key", "campaign", "topic", "period", "priority", "account_id", "address_hash", "language", "country",
           "is_holdout", "send_on", "not_before_at", "not_after_at", "data_json")  # fmt: skip
LOOK_BACK = timedelta(days=10)


@dataclass(frozen=True)
class Due:
    """One row of the outbox."""

    send_key: str
    campaign: str
    topic: str
    period: str
    priority: int
    account_id: str
    address_hash: str
    language: str
    country: str
    is_holdout: bool
    send_on: Any
    not_before_at: datetime
    not_after_at: datetime
    data_json: str

    def entry(self, state: str, at: datetime, **more: object) -> dict[str, Any]:
        """Its row in the ledger."""
        names = ("send_key", "campaign", "topic", "period", "account_id", "address_hash")
        own = {name: getattr(self, name) for name in names} | {"send_on": str(self.send_on)}
        own |= {"state": state, "occurred_at": at.isoformat(" ", "seconds"), "is_holdout": int(self.is_holdout)}
        return own | more


class Outbox:
    """The published outbox, and what has been heard since it was made."""

    def __init__(self, at: datetime) -> None:
        here = current_folder()
        if here is None or not (here / "marts.duckdb").exists():
            raise Stop("nothing is published yet; run `./nightshift night` first")
        self.at = at
        self.connection = duckdb.connect(config=settings())
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(f"attach '{here / 'marts.duckdb'}' as published (read_only)")
        found = self.connection.execute(
            "select 1 from duckdb_tables() where database_name = 'published' and schema_name = 'engagement' "
            "and table_name = 'fct_outbox'"
        ).fetchone()
        if not found:
            raise Stop(f"{here.name} has no outbox (engagement.fct_outbox); see `./nightshift status`")

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    def due(self, ledger: Ledger, again: bool = False) -> list[Due]:
        """What may go out at this moment, in the order of the windows that close first."""
        known, sent = ledger.known(), self._committed()
        rows = self.connection.execute(
            f"select {', '.join(COLUMNS)} from published.engagement.fct_outbox "
            "where not_before_at <= $at and not_after_at > $at order by not_after_at, priority, send_key",
            {"at": self.at},
        ).fetchall()
        found = (Due(*row) for row in rows)
        return [due for due in found if due.send_key not in sent and self._is_open(known.get(due.send_key), due)]

    def _is_open(self, entry: dict[str, Any] | None, due: Due) -> bool:
        """Whether the ledger lets it be tried now."""
        if entry is None:
            return True
        if entry["state"] in (*FINAL, "intent") or (entry["state"] == "withheld" and entry["is_holdout"]):
            return False
        if entry["state"] == "withheld":
            return entry["send_on"] < str(due.send_on)
        return entry["next_at"] is None or entry["next_at"] <= self.at.isoformat(" ", "seconds")

    def _committed(self) -> set[str]:
        """Mails that the landing says are done: the ledger may have been lost, the landing not."""
        files = committed_files("sends")
        if not files:
            return set()
        rows = self.connection.execute(
            "select distinct send_key from read_parquet($files) "
            "where state in ('accepted', 'unknown', 'failed') or is_holdout",
            {"files": files},
        ).fetchall()
        return {key for (key,) in rows}

    def forbidden(self, due: Sequence[Due], ledger: Ledger) -> dict[str, str]:
        """By send key, why the newest word forbids a mail that the outbox still allowed."""
        self.connection.execute("create or replace temp table wanted (account_id varchar, topic varchar)")
        if due:
            import pyarrow as pa

            wanted = pa.table({name: [getattr(d, name) for d in due] for name in ("account_id", "topic")})
            self.connection.register("wanted_now", wanted)
            self.connection.execute("insert into wanted select distinct * from wanted_now")
            self.connection.unregister("wanted_now")
        given = {
            (account, topic): (is_given, changed_at)
            for account, topic, is_given, changed_at in self.connection.execute(
                "select account_id, topic, bool_and(is_given), max(changed_at) from "
                "read_parquet($files) semi join wanted using (account_id, topic) group by all",
                {"files": self._newest_consents()},
            ).fetchall()
        }
        left = self._left(ledger)
        found = {}
        for each in due:
            is_given, changed_at = given.get((each.account_id, each.topic), (False, None))
            if not is_given:
                found[each.send_key] = "the consent was withdrawn since"
                continue
            for recipient in (each.account_id, each.address_hash):
                for topic in ("all", each.topic):
                    event, at = left.get((recipient, topic), (None, None))
                    if event and (event != "unsubscribed" or changed_at is None or at >= changed_at):
                        said = "the mailbox is bad" if event == "bounced" else f"the reader {event} since"
                        found[each.send_key] = said
        return found

    def _newest_consents(self) -> list[str]:
        """The files of the newest whole copy of the consents that had arrived by now."""
        hour = self.at.strftime("%Y-%m-%dT%H")
        best: tuple[Any, Path] | None = None
        table = folder("landing") / "members" / "consents"
        for day in sorted(table.glob("dt=*"), reverse=True)[:5]:
            for path in day.glob("*/_manifest.json"):
                manifest = read_json(path)
                rank = (manifest["slot"], manifest["arrived_on"], len(manifest.get("supersedes") or ()))
                has_arrived = manifest["slot"] <= hour and manifest["arrived_on"] <= hour[:10]
                if has_arrived and (best is None or rank > best[0]):
                    best = (rank, path.parent)
        if best is None:
            raise Stop("no consents have landed: nobody may be written to")
        return [str(path) for path in sorted(best[1].glob("*.parquet"))]

    def _left(self, ledger: Ledger) -> dict[tuple[str, str], tuple[str, datetime]]:
        """Who left, complained or whose mailbox turned out bad in the last days, by (account or address, topic)."""
        found: dict[tuple[str, str], tuple[str, datetime]] = {}
        for table, event, columns in (
            ("unsubscribes", "unsubscribed", "coalesce(topic, 'all'), 'abuse'"),
            ("complaints", "complained", "'all', feedback_type"),
            ("bounces", "bounced", "'all', enhanced_status"),
        ):
            files = self._recent("mail", table)
            if not files:
                continue
            rows = self.connection.execute(
                f"select send_key, account_id, occurred_at, {columns} from read_parquet($files, union_by_name = true) "
                "order by occurred_at",
                {"files": files},
            ).fetchall()
            ours = ledger.recipients(row[0] for row in rows)
            for key, account, at, topic, kind in rows:
                if kind == "not-spam" or (event == "bounced" and verdicts().get(kind) != "bad_mailbox"):
                    continue
                account_id, address = ours.get(key, (account, None))
                # a bad mailbox is the address's matter, where that is known
                for recipient in [address] if event == "bounced" and address else [account_id, address]:
                    if recipient and found.get((recipient, topic), ("unsubscribed",))[0] == "unsubscribed":
                        found[recipient, topic] = (event, at)
        return found

    def _recent(self, backend: str, table: str) -> list[str]:
        since, until = f"dt={(self.at - LOOK_BACK).date()}", f"dt={self.at.date()}"
        return [
            str(part)
            for day in sorted((folder("landing") / backend / table).glob("dt=*"))
            if since <= day.name <= until
            for dump in sorted(day.glob("*/_manifest.json"))
            for part in sorted(dump.parent.glob("*.parquet"))
        ]
