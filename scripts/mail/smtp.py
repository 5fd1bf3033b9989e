"""One connection to the mail server, and what an answer means.

The one moment at which nobody can know whether a mail was taken lies between our last byte and the server's answer to
it. Everything before can be said with certainty not to have been sent, so that moment is kept apart: the sender puts
its intent on record right before the final dot.
"""

from __future__ import annotations

import csv
import functools
import ipaddress
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from scripts.console import USAGE, Stop
from scripts.faults import fault_point
from scripts.home import PROJECT
from scripts.mail.addresses import Address

SERVER, TLS = "NIGHTSHIFT_SMTP", "NIGHTSHIFT_SMTP_TLS"
USER, PASSWORD = "NIGHTSHIFT_SMTP_USER", "NIGHTSHIFT_SMTP_PASSWORD"
TIMEOUT = "NIGHTSHIFT_SMTP_TIMEOUT"
ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
DOTS = re.compile(rb"(?m)^\.")
CLOSING = 421


@dataclass(frozen=True)
class Server:
    """Where mails are handed over."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = None
    timeout: float = 60

    @classmethod
    def configured(cls) -> Server:
        """The server the environment names; without a word, a test server on this machine."""
        text = os.environ.get(SERVER, "127.0.0.1:8025")
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            raise Stop(f"{SERVER} is host:port, not {text!r}", USAGE)
        host = host.strip("[]")
        tls = os.environ.get(TLS, "none" if is_local(host) else "starttls")
        if tls not in ("none", "starttls", "tls"):
            raise Stop(f"{TLS} is none, starttls or tls, not {tls!r}", USAGE)
        user, password = os.environ.get(USER), os.environ.get(PASSWORD)
        return cls(host, int(port), tls, user, password, float(os.environ.get(TIMEOUT, "60")))

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_local(self.host)


def is_local(host: str) -> bool:
    """Whether a host is this machine by its very name (a name in the DNS may lead anywhere)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Answer:
    """What became of an attempt.

    ``accepted``; ``refused`` for good; ``later``: not sent, to be tried again; ``unknown``: the connection broke after
    the data. ``is_connection_lost`` says that the connection, and not this mail, is the matter.
    """

    kind: str
    code: int | None = None
    enhanced: str | None = None
    text: str = ""
    is_connection_lost: bool = False

    @property
    def verdict(self) -> str | None:
        """For a refusal: bad_mailbox, policy, or None for any other."""
        if self.kind != "refused" or not self.enhanced:
            return None
        return verdicts().get(self.enhanced) or ("policy" if self.enhanced.startswith("5.7.") else None)


@functools.cache
def verdicts() -> dict[str, str]:
    """What enhanced status codes mean: the seed that the models read as well."""
    with (PROJECT / "seeds" / "mail_replies.csv").open(newline="", encoding="utf-8") as file:
        return {row["enhanced_status"]: row["verdict"] for row in csv.DictReader(file)}


class Connection:
    """A connection that is opened when it is needed, kept, and opened anew when it broke."""

    def __init__(self, server: Server, sender: str, helo: str) -> None:
        self.server, self.sender, self.helo = server, sender, helo
        self.smtp: smtplib.SMTP | None = None

    def close(self) -> None:
        """Say goodbye if anybody is there."""
        if self.smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self.smtp.quit()
        self.drop()

    def drop(self) -> None:
        """Close the connection without a word: what was not finished counts as not sent."""
        if self.smtp is not None:
            self.smtp.close()
        self.smtp = None

    def send(self, message: bytes, address: Address, before_end: Callable[[], None]) -> Answer:
        """Hand one message over. ``before_end`` is called before the final dot; if it raises, nothing was sent."""
        try:
            smtp = self._open()
            if address.needs_utf8 and not smtp.has_extn("smtputf8"):
                return Answer("refused", None, "5.6.7", "the server takes no address outside ASCII")
            for command, good in ((f"MAIL FROM:<{self.sender}>" + " SMTPUTF8" * address.needs_utf8, 250),
                                  (f"RCPT TO:<{address}>", 250), ("DATA", 354)):  # fmt: skip
                answer = self._say(smtp, command)
                if answer.code != good and not (good == 250 and answer.code in (251, 252)):
                    return self._reset(answer)
            smtp.sock.sendall(DOTS.sub(b"..", message))
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            return _broken("later", error)
        fault_point("deliver:before-intent")
        try:
            before_end()
        except BaseException:
            self.drop()  # without its final dot a message was never sent
            raise
        fault_point("deliver:after-intent")
        try:
            smtp.sock.sendall(b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")
            fault_point("deliver:after-data")
            answer = _answer(*smtp.getreply())
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            return _broken("unknown", error)
        if answer.code == CLOSING:
            self.drop()
        return answer

    def _open(self) -> smtplib.SMTP:
        if self.smtp is None:
            server, secure = self.server, ssl.create_default_context()
            kind = functools.partial(smtplib.SMTP_SSL, context=secure) if server.tls == "tls" else smtplib.SMTP
            smtp = kind(server.host, server.port, local_hostname=self.helo, timeout=server.timeout)
            self.smtp = smtp
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the final dot must not wait for an answer
            smtp.ehlo_or_helo_if_needed()
            if server.tls == "starttls":
                smtp.starttls(context=secure)
                smtp.ehlo()
            if server.user:
                smtp.login(server.user, server.password or "")
        return self.smtp

    def _say(self, smtp: smtplib.SMTP, command: str) -> Answer:
        smtp.sock.sendall(command.encode() + b"\r\n")
        return _answer(*smtp.getreply())

    def _reset(self, answer: Answer) -> Answer:
        """Make the connection ready for the next mail; a server that says goodbye, or cannot, is left."""
        if answer.code == CLOSING:
            self.drop()
            return Answer("later", answer.code, answer.enhanced, answer.text, is_connection_lost=True)
        try:
            self._say(self.smtp, "RSET")
        except (OSError, smtplib.SMTPException):
            self.drop()
        return answer


def _answer(code: int, text: bytes) -> Answer:
    said = " ".join(text.decode("utf-8", "replace").split())[:300]
    found = ENHANCED.match(said)
    kind = "accepted" if 200 <= code < 300 else "refused" if 500 <= code < 600 else "later"
    return Answer(kind, code, found[0] if found else None, said, is_connection_lost=code == CLOSING)


def _broken(kind: str, error: Exception) -> Answer:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        raise Stop(f"the mail server refuses our credentials: {error}", USAGE)
    return Answer(kind, None, None, f"{type(error).__name__}: {error}"[:300], is_connection_lost=True)
