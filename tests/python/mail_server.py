"""A real SMTP server for tests, in this process or one of its own, that keeps what it took and misbehaves as told.

What it does with a mail stands in the recipient's address: ``busy-…`` 450, ``nobody-…`` 550 5.1.1, ``refuse-…``
554 5.7.1, ``full-…`` 552 5.2.2, ``bye-…`` 421, ``drop-…`` takes the data and closes without an answer, ``stall-…``
takes the data and is silent; with ``-once`` in it only the first time. Everything taken is appended to a file before
it is answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

RCPT = {
    "busy": "450 4.2.0 try again later",
    "nobody": "550 5.1.1 no such mailbox",
    "refuse": "554 5.7.1 refused by policy",
    "full": "552 5.2.2 mailbox full",
    "plain": "550 go away",
}


class Handler:
    """Answers by the recipient's address."""

    def __init__(self, taken: Path) -> None:
        self.taken, self.seen = taken, {}

    def misbehaves(self, address: str, *words: str) -> str | None:
        """The word by which this address misbehaves now."""
        word = address.partition("-")[0]
        if word not in words:
            return None
        self.seen[address] = self.seen.get(address, 0) + 1
        return None if "-once" in address and self.seen[address] > 1 else word

    async def handle_RCPT(self, server, session, envelope, address, options):
        """A recipient is given."""
        if word := self.misbehaves(address, *RCPT):
            return RCPT[word]
        if self.misbehaves(address, "bye"):
            return "421 4.3.2 closing"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        """The data has come, with its final dot."""
        address = envelope.rcpt_tos[0]
        with self.taken.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"to": address, "data": envelope.content.decode("utf-8")}) + "\n")
        if word := self.misbehaves(address, "drop", "stall"):
            if word == "stall":
                await asyncio.sleep(3600)
            server.transport.abort()
        return "250 2.0.0 taken"


class Server:
    """A server on a free port of this machine; what it took is in ``mails()``."""

    def __init__(self, folder: Path, smtputf8: bool = True, port: int = 0) -> None:
        self.taken = folder / "taken.jsonl"
        self.taken.touch()
        self.smtputf8 = smtputf8
        self.is_any_port, self.port = not port, port or free_port()
        self.controller: Controller | None = None

    def __enter__(self) -> Server:
        for attempt in range(20):
            handler = Handler(self.taken)
            self.controller = Controller(
                handler, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=self.smtputf8, ready_timeout=60
            )
            try:
                self.controller.start()
            except OSError:  # somebody took the port since it was looked for
                if not self.is_any_port or attempt == 19:
                    raise
                self.port = free_port()
            else:
                break
        return self

    def __exit__(self, *error: object) -> None:
        self.controller.stop()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def mails(self) -> list[dict[str, str]]:
        """Every mail taken, in order."""
        return [json.loads(line) for line in self.taken.read_text(encoding="utf-8").splitlines()]

    def count(self) -> int:
        """How many were taken."""
        return self.taken.read_bytes().count(b"\n")

    def recipients(self) -> list[str]:
        """To whom, in alphabetical order, as often as it was taken."""
        return sorted(mail["to"] for mail in self.mails())


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def _serve(folder: Path, port: int) -> None:
    handler = Handler(folder / "taken.jsonl")
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", port)
    (folder / "ready").write_text(str(listening.sockets[0].getsockname()[1]))
    await listening.serve_forever()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
