"""Outbox rows become messages, on as many processors as there are: rendering and signing are what sending costs."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.mail import addresses, campaigns, message
from scripts.mail.addresses import Address, BadAddress
from scripts.mail.campaigns import Sender
from scripts.mail.message import Signer
from scripts.mail.outbox import Due
from scripts.mail.rendering import Letter, Template, Unfit

# Fewer mails than these are not worth other processes.
WORTH_A_POOL = 400
CHUNK = 50


@dataclass(frozen=True)
class Prepared:
    """A mail ready to be handed over, or why it is not sent (``is_defect``: for a reason that lies with us)."""

    due: Due
    data: bytes = b""
    address: Address | None = None
    withheld: str | None = None
    is_defect: bool = False


class Preparer:
    """Makes messages: templates are compiled once for each campaign."""

    def __init__(self, sender: Sender, key: bytes, signer: Signer | None) -> None:
        self.sender, self.key, self.signer = sender, key, signer
        self.campaigns = campaigns.load_all()
        self.templates: dict[str, Template] = {}

    def prepare(self, due: Due, person: Mapping[str, Any] | None, extra: Mapping[str, Any], at: datetime) -> Prepared:
        """The message for one row of the outbox and what the vault knows of the person."""
        if person is None:
            return Prepared(due, withheld="the vault no longer knows her")
        try:
            address = addresses.parse(person.get("email"))
        except BadAddress as error:
            return Prepared(due, withheld=f"address: {error}")
        if due.is_holdout:
            return Prepared(due, address=address)
        name = addresses.display_name(person.get("full_name"))
        try:
            data = {**json.loads(due.data_json), **extra}
            template = self._template(due.campaign)
            rendered = template.render(Letter(due.send_key, due.language, data, name))
            composed = message.compose(rendered, template, due.send_key, due.period, address, name, at)
        except Unfit as error:
            return Prepared(due, withheld=str(error), is_defect=True)
        return Prepared(due, self.signer.sign(composed) if self.signer else composed, address)

    def _template(self, campaign: str) -> Template:
        if campaign not in self.templates:
            if campaign not in self.campaigns:
                raise Unfit(f"there is no campaign {campaign} any more")
            self.templates[campaign] = Template(self.campaigns[campaign], self.sender, self.key)
        return self.templates[campaign]


Work = tuple[Due, Mapping[str, Any] | None, Mapping[str, Any]]


def prepare_all(preparer: Preparer, work: Iterable[Work], total: int, at: datetime) -> Iterator[Prepared]:
    """Every message, in order; other processes help where there are many."""
    processors = len(os.sched_getaffinity(0))
    if total < WORTH_A_POOL or processors < 2:
        for due, person, extra in work:
            yield preparer.prepare(due, person, extra, at)
        return
    arguments = (preparer.sender, preparer.key, preparer.signer)
    context = multiprocessing.get_context("spawn")  # threads run here already, a fork would copy their locks
    with ProcessPoolExecutor(processors, context, _start, arguments) as pool:
        waiting: list[Future[list[Prepared]]] = []
        chunk: list[Work] = []
        for item in work:
            chunk.append(item)
            if len(chunk) == CHUNK:
                waiting.append(pool.submit(_prepare, chunk, at))
                chunk = []
            while len(waiting) > 3 * processors:
                yield from waiting.pop(0).result()
        if chunk:
            waiting.append(pool.submit(_prepare, chunk, at))
        for done in waiting:
            yield from done.result()


_here: list[Preparer] = []


def _start(sender: Sender, key: bytes, signer: Signer | None) -> None:
    _end_with(os.getppid())
    _here.append(Preparer(sender, key, signer))


def _end_with(parent: int) -> None:
    """Have this process end when its parent does, however that ends: a killed sender leaves nobody waiting."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _prepare(chunk: Sequence[Work], at: datetime) -> list[Prepared]:
    return [_here[0].prepare(due, person, extra, at) for due, person, extra in chunk]
