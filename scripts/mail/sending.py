"""Messages handed over: few kept connections, a rate, patience with a busy server, and a word on record for each."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scripts.faults import fault_point
from scripts.mail.campaigns import Sender
from scripts.mail.ledger import AlreadySent, Ledger
from scripts.mail.message import message_id
from scripts.mail.preparing import Prepared
from scripts.mail.smtp import Answer, Connection, Server

FIRST_RETRY = timedelta(minutes=15)
LONGEST_RETRY = timedelta(hours=4)
# A server that breaks connections is asked again after a second, two, four, …; after so many in a row not in this run.
MOST_BREAKS = 6
HOLDOUT = "held out to compare with"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 20.0


class Clock:
    """The moment that counts: the real one, or the one a run was told to take for now."""

    def __init__(self, at: datetime) -> None:
        self.at, self.begun = at, time.monotonic()

    def now(self) -> datetime:
        """The moment, in whole seconds (UTC)."""
        return (self.at + timedelta(seconds=time.monotonic() - self.begun)).replace(microsecond=0)


class Rate:
    """So many mails a second over all connections."""

    def __init__(self, per_second: float) -> None:
        self.gap, self.next, self.lock = 1 / per_second, time.monotonic(), threading.Lock()

    def wait(self) -> None:
        """Wait for this mail's turn."""
        with self.lock:
            now = time.monotonic()
            turn = max(self.next, now - self.gap)
            self.next = turn + self.gap
        if turn > now:
            time.sleep(turn - now)


@dataclass
class Sent:
    """What a run did."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    stopped: dict[str, str] = field(default_factory=dict)
    gave_up: str | None = None


class Dispatcher:
    """Sends what it is given; a mail is on record before the server can have it, and its answer right after."""

    def __init__(
        self, ledger: Ledger, server: Server, sender: Sender, clock: Clock, connections: int, rate: float
    ) -> None:
        self.ledger, self.server, self.sender, self.clock = ledger, server, sender, clock
        self.connections, self.rate = connections, Rate(rate)
        self.sent = Sent(stopped=ledger.stopped())
        self.attempts = {key: entry["attempts"] for key, entry in ledger.known().items()}
        self.lock, self.over = threading.Lock(), threading.Event()
        self.breaks = 0
        self.errors: list[BaseException] = []

    def run(self, prepared: Iterable[Prepared]) -> Sent:
        """Send all; returns when every one has its word or the server is given up for this run."""
        waiting: queue.Queue[Prepared | None] = queue.Queue(maxsize=self.connections * 20)
        threads = [threading.Thread(target=self._work, args=(waiting,), daemon=True) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        try:
            for each in prepared:
                if self.over.is_set():
                    break
                self._put(waiting, each)
        finally:
            for _ in threads:
                self._put(waiting, None)
            for thread in threads:
                thread.join()
        if self.errors:
            raise self.errors[0]
        return self.sent

    def _put(self, waiting: queue.Queue, item: Prepared | None) -> None:
        """Hand an item to the workers; when they have all stopped, nobody takes it."""
        while True:
            try:
                return waiting.put(item, timeout=0.5)
            except queue.Full:
                if self.over.is_set():
                    return None

    def _work(self, waiting: queue.Queue[Prepared | None]) -> None:
        connection = Connection(self.server, self.sender.address, self.sender.domain)
        try:
            while (mail := waiting.get()) is not None:
                if not self.over.is_set():
                    self._one(connection, mail)
        except BaseException as error:
            self.errors.append(error)
            self.over.set()
        finally:
            connection.close()

    def _one(self, connection: Connection, mail: Prepared) -> None:
        due, now = mail.due, self.clock.now()
        if mail.withheld:
            if mail.is_defect:
                self._count(self.sent.defects, f"{due.campaign}: {mail.withheld}")
            return self._say(mail, "withheld", reason=mail.withheld)
        if due.is_holdout:
            return self._say(mail, "withheld", reason=HOLDOUT)
        while not self.over.is_set():
            if due.campaign in self.sent.stopped or now >= due.not_after_at:
                return None
            self.rate.wait()
            answer = self._attempt(connection, mail)
            if answer is None or not self._is_lost(answer):
                return None
            now = self.clock.now()
        return None

    def _attempt(self, connection: Connection, mail: Prepared) -> Answer | None:
        """One attempt; its word is on record when this returns. None: another mail went to that address."""
        key = mail.due.send_key
        with self.lock:
            self.attempts[key] = attempts = self.attempts.get(key, 0) + 1
        known = {"attempts": attempts, "message_id": message_id(key, self.sender)}

        def intend() -> None:
            self.ledger.record(mail.due.entry("intent", self.clock.now(), **known))

        try:
            answer = connection.send(mail.data, mail.address, intend)
        except AlreadySent:
            self._say(mail, "withheld", reason="another account at the same address got it")
            return None
        fault_point("deliver:before-outcome")
        said = known | {"smtp_code": answer.code, "enhanced_status": answer.enhanced, "reason": answer.text or None}
        if answer.kind == "accepted":
            self._say(mail, "accepted", **said)
        elif answer.kind == "refused":
            self._say(mail, "failed", **said)
            if answer.verdict == "policy":
                self._stop(mail.due.campaign, answer)
        elif answer.kind == "unknown":
            self._say(mail, "unknown", **said)
        elif not answer.is_connection_lost or answer.code is not None:
            wait = min(FIRST_RETRY * 2 ** (attempts - 1), LONGEST_RETRY)
            again = (self.clock.now() + wait).isoformat(" ", "seconds")
            self._say(mail, "deferred", next_at=again, **said)
        fault_point("deliver:after-outcome")
        return answer

    def _is_lost(self, answer: Answer) -> bool:
        """True if the mail is to be tried again at once, over a new connection; waits before that."""
        with self.lock:
            if not answer.is_connection_lost:
                self.breaks = 0
                return False
            self.breaks += 1
            breaks = self.breaks
            if breaks >= MOST_BREAKS:
                self.sent.gave_up = answer.text
                self.over.set()
        if not self.over.is_set():
            self.over.wait(min(FIRST_PAUSE * 2 ** (breaks - 1), LONGEST_PAUSE))
        return answer.kind == "later" and answer.code is None

    def _stop(self, campaign: str, answer: Answer) -> None:
        reason = f"{answer.code} {answer.text}"
        self.ledger.stop(campaign, self.clock.now(), reason)
        self.sent.stopped.setdefault(campaign, reason)

    def _say(self, mail: Prepared, state: str, **said: object) -> None:
        self.ledger.record(mail.due.entry(state, self.clock.now(), **said))
        self._count(self.sent.counts, "held out" if said.get("reason") == HOLDOUT else state)
        if state == "failed" or (state == "withheld" and said["reason"] != HOLDOUT):
            self._count(self.sent.reasons, f"{said.get('smtp_code') or ''} {said.get('reason') or ''}".strip()[:100])

    def _count(self, counter: Counter[str], what: str) -> None:
        with self.lock:
            counter[what] += 1
