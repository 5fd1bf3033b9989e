"""A small company for the tests of the landing: backends' YAML, an inbox to ship into, a landing to look at."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import zstandard

from scripts import land
from scripts.home import PROJECT

BILLING = """
backend: billing
description: Invoices and payments.
owner: {name: Billing team, email: billing@example.com}
tables:
  payments:
    kind: log
    description: One row per version of a payment.
    files: "payments*.csv*"
    key: [payment_id]
    version: updated_at
    event_at: paid_at
    control_totals: [amount]
    renamed: {total: amount}
    rules: {negative_amount: amount < 0}
    columns:
      payment_id: {type: varchar}
      account_id: {type: varchar, person: true, required: true}
      amount: {type: "decimal(18,2)", required: true, currency: EUR}
      paid_at: {type: timestamp}
      due_on: {type: date}
      attempt: {type: integer}
      rate: {type: double}
      is_final: {type: boolean}
      note: {type: varchar}
      card: {type: varchar, personal: hash}
      updated_at: {type: timestamp}
  prices:
    kind: snapshot
    description: One row per plan.
    files: "prices*.csv"
    key: [plan]
    columns:
      plan: {type: varchar}
      amount: {type: "decimal(18,2)", required: true}
"""
PLAYBACK = """
backend: playback
description: Plays.
owner: {name: Playback team, email: playback@example.com}
tables:
  plays:
    kind: log
    description: One row per play.
    files: "plays*.jsonl*"
    format: jsonl
    key: [play_id]
    event_at: started_at
    clock: {sent_at: sent_at, received_at: received_at}
    control_totals: [ms_played]
    renamed: {played_ms: ms_played}
    columns:
      play_id: {type: varchar}
      account_id: {type: varchar, person: true, required: true}
      started_at: {type: timestamp}
      sent_at: {type: timestamp}
      received_at: {type: timestamp}
      ms_played: {type: integer, required: true}
      price: {type: "decimal(18,4)"}
      offline: {type: boolean}
      device: {type: varchar, personal: hash}
"""
MEMBERS = """
backend: members
description: Accounts.
owner: {name: Accounts team, email: accounts@example.com}
tables:
  accounts:
    kind: snapshot
    description: One row per account.
    files: "accounts*"
    format: csv
    key: [account_id]
    columns:
      account_id: {type: varchar, person: true}
      country: {type: varchar, required: true}
      email: {type: varchar, personal: vault}
      full_name: {type: varchar, personal: vault}
      email_hash: {type: varchar, personal: hash, of: email, normalise: email}
  erasure_requests:
    kind: log
    description: One row per request to be forgotten.
    files: "erasure_requests*.jsonl"
    format: jsonl
    key: [request_id]
    event_at: requested_at
    erasure: true
    columns:
      request_id: {type: varchar}
      account_id: {type: varchar, person: true, required: true}
      requested_at: {type: timestamp}
"""
NIGHTSHIFT = """
backend: nightshift
description: What Nightshift has done.
owner: {name: Data platform, email: data@example.com}
tables:
  statements:
    kind: commitment
    description: One row per line issued.
    key: [line_id]
    event_at: issued_on
    control_totals: [amount]
    columns:
      line_id: {type: varchar}
      issued_on: {type: date}
      amount: {type: "decimal(18,2)", required: true}
      score: {type: double}
      is_final: {type: boolean}
      note: {type: varchar}
  erasures:
    kind: commitment
    description: One row per request carried out.
    key: [request_id]
    event_at: erased_on
    columns:
      request_id: {type: varchar}
      erased_on: {type: date}
      account_id: {type: varchar, required: true}
      vault_rows: {type: integer}
"""
DAY = date(2026, 1, 10)


class Estate:
    """Backends' YAML and state in a folder of the test's own."""

    def __init__(self, root: Path) -> None:
        self.project, self.home = root / "project", root / "home"
        (self.project / "backends").mkdir(parents=True)
        for name, text in {
            "billing": BILLING, "playback": PLAYBACK, "members": MEMBERS, "nightshift": NIGHTSHIFT,
        }.items():  # fmt: skip
            self.describe(name, text)

    def describe(self, backend: str, text: str) -> None:
        (self.project / "backends" / f"{backend}.yml").write_text(text)

    def ship(self, backend: str, name: str, content: bytes | str, day: date | str = DAY) -> Path:
        """Put a file into the inbox; the day may be followed by folders (``2026-01-10/for-2026-01-03``)."""
        path = self.home / "inbox" / backend / str(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        if name.endswith(".gz"):
            raw = gzip.compress(raw, mtime=0)
        elif name.endswith(".zst"):
            raw = zstandard.compress(raw)
        path.write_bytes(raw)
        return path

    def declare(self, backend: str, totals: dict, day: date | str = DAY) -> None:
        self.ship(backend, "_totals.json", json.dumps(totals), day)

    def land(self, on: date | None = None, only: tuple[str, ...] = (), again: bool = False) -> land.Report:
        with land.landing_lock("test"):
            return land.land_all(on, only, again=again)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A step of Nightshift in a process of its own, which may be killed."""
        settings = {
            "NIGHTSHIFT_HOME": str(self.home),
            "NIGHTSHIFT_PROJECT": str(self.project),
            "NIGHTSHIFT_THREADS": "1",
            "PYTHONPATH": str(PROJECT),
        }
        command = [sys.executable, "-m", "scripts.nightshift", *arguments]
        return subprocess.run(command, env={**os.environ, **settings, **environment}, capture_output=True, text=True)

    def manifests(self, table: str) -> list[dict]:
        """Manifests of ``backend.table`` in order of arrival and of superseding."""
        folder = self.home / "landing" / table.replace(".", "/")
        found = [json.loads(p.read_bytes()) for p in folder.glob("dt=*/*/_manifest.json")]
        return sorted(found, key=lambda m: (m["arrived_on"], len(m["supersedes"])))

    def rows(self, table: str, columns: str = "*", order: str = "_source_file, _source_line") -> list[tuple]:
        """Landed rows."""
        glob = self.home / "landing" / table.replace(".", "/") / "dt=*/*/*.parquet"
        return duckdb.sql(
            f"select {columns} from read_parquet('{glob}', hive_partitioning = false) order by {order}"
        ).fetchall()

    def quarantine(self, table: str) -> list[dict]:
        """Quarantined lines, by line."""
        folder = self.home / "quarantine" / table.replace(".", "/")
        lines = [json.loads(line) for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]
        return sorted(lines, key=lambda entry: (entry["file"], entry["line"]))

    def contents(self) -> dict[str, bytes]:
        """Every byte of the landing but the clock's."""
        root = self.home / "landing"
        found = {}
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not name.startswith("."):
                raw = path.read_bytes()
                if path.name == "_manifest.json":
                    raw = b"\n".join(line for line in raw.split(b"\n") if b'"landed_at"' not in line)
                found[name] = raw
        return found


PAYMENT = {
    "payment_id": "p1", "account_id": "a1", "amount": "9.99", "paid_at": "2026-01-10T12:00:00Z", "due_on": "2026-01-20",
    "attempt": "1", "rate": "0.5", "is_final": "true", "note": "", "card": "c1", "updated_at": "2026-01-10 12:00:00",
}  # fmt: skip


def payments(*rows: dict, columns: tuple[str, ...] = tuple(PAYMENT), delimiter: str = ",") -> str:
    """A CSV of payments; what a row leaves out is as in PAYMENT."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        full = PAYMENT | {"payment_id": f"p{number}"} | row
        writer.writerow([full.get(c, "") for c in columns])
    return out.getvalue()


PLAY = {
    "play_id": "s1", "account_id": "a1", "started_at": "2026-01-10T12:00:00Z", "sent_at": "2026-01-10T12:05:00Z",
    "received_at": "2026-01-10T12:05:00Z", "ms_played": 30000, "price": None, "offline": False, "device": "d1",
}  # fmt: skip


def plays(*rows: dict) -> str:
    """JSON lines of plays; what a row leaves out is as in PLAY, what it sets to ``...`` is left out."""
    lines = []
    for number, row in enumerate(rows, 1):
        full = PLAY | {"play_id": f"s{number}"} | row
        lines.append(json.dumps({k: v for k, v in full.items() if v is not ...}) + "\n")
    return "".join(lines)


def accounts_of(*people: str) -> str:
    """A CSV of accounts."""
    rows = (f"{person},DE,{person}@example.com,Name of {person}\n" for person in people)
    return "account_id,country,email,full_name\n" + "".join(rows)
