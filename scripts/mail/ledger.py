"""The sender's memory: what was about to be sent, what became of it, on the disk before the next thing happens.

SQLite, written through to the disk at every commit. One thread writes, and what several connections want to put on
record at the same moment shares one commit, so that durability costs a write a handful of mails and not two a mail.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.faults import fault_point
from scripts.home import folder

SCHEMA = """
create table if not exists mails (
    send_key text primary key, campaign text not null, topic text not null, period text not null,
    account_id text not null, address_hash text, message_id text, send_on text not null, state text not null,
    attempts integer not null default 0, next_at text, smtp_code integer, enhanced_status text, reason text,
    is_holdout integer not null default 0, occurred_at text not null, is_committed integer not null default 0
) without rowid;
create unique index if not exists one_mail_an_address on mails (campaign, period, address_hash)
    where state in ('intent', 'accepted', 'unknown');
create index if not exists to_commit on mails (state) where is_committed = 0;
create table if not exists stopped (campaign text primary key, stopped_at text not null, reason text not null);
"""
# Words that are last for a period; a mail deferred or withheld may be tried again.
FINAL = ("accepted", "unknown", "failed")
COLUMNS = ("send_key", "campaign", "topic", "period", "account_id", "address_hash", "message_id", "send_on", "state",
           "attempts", "next_at", "smtp_code", "enhanced_status", "reason", "is_holdout", "occurred_at")  # fmt: skip
TOGETHER = 500


class AlreadySent(Exception):
    """Another mail of the campaign and period went, or is going, to that address."""


class Ledger:
    """An open ledger. Use as a context manager; one process at a time (the lock of ``deliver`` sees to it)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or folder("mail") / "ledger.sqlite"
        self.path.parent.chmod(0o700)
        self.database = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        self.database.executescript("pragma journal_mode = wal; pragma synchronous = full;")
        self.database.executescript(SCHEMA)
        self.wanted: queue.SimpleQueue[tuple[str, Sequence[Any], Future] | None] = queue.SimpleQueue()
        self.writer = threading.Thread(target=self._write, name="ledger", daemon=True)
        self.writer.start()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self.wanted.put(None)
        self.writer.join()
        self.database.close()

    # What is known

    def known(self) -> dict[str, dict[str, Any]]:
        """Every mail by its key: state, attempts, when to try again."""
        rows = self.database.execute("select send_key, state, attempts, next_at, send_on, is_holdout from mails")
        names = ("state", "attempts", "next_at", "send_on", "is_holdout")
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    def recipients(self, send_keys: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """Account and address of mails by their key."""
        found = {}
        for key in send_keys:
            row = self.database.execute("select account_id, address_hash from mails where send_key = ?", (key,))
            if one := row.fetchone():
                found[key] = one
        return found

    def stopped(self) -> dict[str, str]:
        """Campaigns that a refusal by policy stopped, and why."""
        return dict(self.database.execute("select campaign, reason from stopped order by campaign"))

    def listed(self, *states: str) -> list[dict[str, Any]]:
        """The mails in some states, for people."""
        marks = ", ".join("?" * len(states))
        rows = self.database.execute(
            f"select {', '.join(COLUMNS)} from mails where state in ({marks}) order by occurred_at, send_key", states
        )
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def of(self, campaign: str, account_id: str) -> list[dict[str, Any]]:
        """What is known of a campaign's mails to an account."""
        rows = self.database.execute(
            f"select {', '.join(COLUMNS)} from mails where campaign = ? and account_id = ? order by period",
            (campaign, account_id),
        )
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def to_commit(self) -> list[dict[str, Any]]:
        """Outcomes that are not yet in the landing."""
        rows = self.database.execute(
            f"select {', '.join(COLUMNS)} from mails where is_committed = 0 and state in "
            "('accepted', 'failed', 'unknown', 'withheld') order by send_key"
        )
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    # What is put on record: each call returns when it is on the disk

    def record(self, mail: Mapping[str, Any]) -> None:
        """A mail's newest word. ``AlreadySent`` if it would be the second to an address."""
        marks = ", ".join("?" * len(COLUMNS))
        kept = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
        self._run(
            f"insert into mails ({', '.join(COLUMNS)}) values ({marks}) "
            f"on conflict (send_key) do update set {kept}, is_committed = 0",
            [mail.get(name, 0 if name in ("attempts", "is_holdout") else None) for name in COLUMNS],
        )

    def settle_intents(self, state: str, reason: str, at: datetime, campaigns: Sequence[str]) -> None:
        """Give the intents that a dead sender left a word: unknown, or deferred to be sent again."""
        marks = ", ".join("?" * len(campaigns))
        self._run(
            "update mails set state = ?, reason = ?, occurred_at = ?, next_at = null, is_committed = 0 "
            f"where state = 'intent' and campaign in ({marks})",
            (state, reason, str(at), *campaigns),
        )

    def committed(self, send_keys: Sequence[str]) -> None:
        """These outcomes are in the landing."""
        for first in range(0, len(send_keys), TOGETHER):
            some = send_keys[first : first + TOGETHER]
            self._run(f"update mails set is_committed = 1 where send_key in ({', '.join('?' * len(some))})", some)

    def stop(self, campaign: str, at: datetime, reason: str) -> None:
        """No more mails of a campaign until a person resumes it."""
        self._run("insert or ignore into stopped values (?, ?, ?)", (campaign, str(at), reason))

    def resume(self, campaign: str) -> None:
        """A person has seen to what stopped it."""
        self._run("delete from stopped where campaign = ?", (campaign,))

    def _run(self, sql: str, values: Sequence[Any]) -> None:
        done: Future = Future()
        self.wanted.put((sql, values, done))
        try:
            done.result()
        except sqlite3.IntegrityError as error:
            raise AlreadySent(str(error)) from None

    def _write(self) -> None:
        """The writing thread: whatever waits goes into one transaction."""
        ended = False
        while not ended:
            batch = [self.wanted.get()]
            while len(batch) < TOGETHER:
                try:
                    batch.append(self.wanted.get_nowait())
                except queue.Empty:
                    break
            ended = None in batch
            self._commit([item for item in batch if item])

    def _commit(self, batch: Sequence[tuple[str, Sequence[Any], Future]]) -> None:
        failed: dict[int, BaseException] = {}
        try:
            self.database.execute("begin immediate")
            for number, (sql, values, _) in enumerate(batch):
                try:
                    self.database.execute(sql, values)
                except sqlite3.IntegrityError as error:
                    failed[number] = error
            fault_point("deliver:before-ledger")
            self.database.execute("commit")
        except sqlite3.Error as error:
            if self.database.in_transaction:
                self.database.execute("rollback")
            failed = dict.fromkeys(range(len(batch)), error)
        for number, (_, _, done) in enumerate(batch):
            if number in failed:
                done.set_exception(failed[number])
            else:
                done.set_result(None)
