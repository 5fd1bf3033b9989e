"""Addresses as members typed them: which can be written to, and how they stand on the wire."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import idna

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
LOCAL = re.compile(rf"{ATOM}(\.{ATOM})*")
LONGEST_LOCAL, LONGEST = 64, 254


class BadAddress(ValueError):
    """An address that is not written to, and why."""


@dataclass(frozen=True)
class Address:
    """An address that can be written to: the domain in ASCII, the local part as it is."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether the server must understand SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()


def parse(text: object) -> Address:
    """The address, or ``BadAddress``: what could end a header or a command, or names no mailbox, is refused."""
    if not isinstance(text, str) or not text.strip():
        raise BadAddress("there is no address")
    text = unicodedata.normalize("NFC", text.strip(" "))
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") for character in text):
        raise BadAddress("the address has line breaks, spaces or invisible characters in it")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("the address has no domain" if not domain else "the address has no @")
    if not LOCAL.fullmatch(local) or len(local.encode()) > LONGEST_LOCAL:
        raise BadAddress("what stands before the @ names no mailbox")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise BadAddress("the domain cannot be a domain") from None
    if "." not in ascii_domain or ascii_domain.rpartition(".")[2].isdigit():
        raise BadAddress("the domain has no ending")
    if len(local.encode()) + 1 + len(ascii_domain) > LONGEST:
        raise BadAddress("the address is too long")
    return Address(local, ascii_domain)


def display_name(text: object) -> str | None:
    """A name fit for a header and a greeting: on one line, no control characters, not endless; None if none is left."""
    if not isinstance(text, str):
        return None
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join(kept.split())[:80].strip() or None
