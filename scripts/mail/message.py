"""The message as it goes over the wire: headers by RFC 5322 and 8058, two parts, signed where there is a DKIM key."""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from pathlib import Path

import dkim
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from scripts.console import USAGE, Stop
from scripts.mail.addresses import Address
from scripts.mail.campaigns import Campaign, Sender
from scripts.mail.rendering import Rendered, Template, Unfit

DKIM_KEY, DKIM_SELECTOR = "NIGHTSHIFT_DKIM_KEY", "NIGHTSHIFT_DKIM_SELECTOR"
MOST_BYTES = 100_000
# RFC 8058 wants the two unsubscribe headers covered; the others are what RFC 6376 recommends and we set.
SIGNED = (b"from", b"reply-to", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
          b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id", b"auto-submitted")  # fmt: skip
LONGEST_LINE = 900
FOLD = "\r\n "
BREAKS = re.compile(r"[\r\n\0](?! )")
QUOTABLE = re.compile(r"[^\"\\\\,<>@:;()\[\].]+")


@functools.cache
def _fast_key(modulus: int, private: int, public: int, prime_1: int, prime_2: int) -> rsa.RSAPrivateKey:
    """dkimpy's key as OpenSSL's."""
    factors = (prime_1, prime_2, rsa.rsa_crt_dmp1(private, prime_1), rsa.rsa_crt_dmq1(private, prime_2))
    numbers = rsa.RSAPrivateNumbers(
        *factors[:2], private, *factors[2:], rsa.rsa_crt_iqmp(prime_1, prime_2), rsa.RSAPublicNumbers(public, modulus)
    )
    return numbers.private_key()


def _fast_signature(hashed: object, key: Mapping[str, int]) -> bytes:
    """What dkimpy computes in Python, computed by OpenSSL: of 200,000 signatures it is the time of 20 minutes."""
    names = ("modulus", "privateExponent", "publicExponent", "prime1", "prime2")
    signer = _fast_key(*(key[name] for name in names))
    return signer.sign(hashed.digest(), padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


# dkimpy has no way to be told; what it signs is rsa-sha256, and a test has its own verification check the outcome.
dkim.RSASSA_PKCS1_v1_5_sign = _fast_signature


@dataclass(frozen=True)
class Signer:
    """A DKIM key and what it is called in the DNS."""

    domain: str
    selector: str
    key: bytes

    @classmethod
    def configured(cls, sender: Sender) -> Signer | None:
        """The signer the environment names; None without one."""
        path = os.environ.get(DKIM_KEY)
        if not path:
            return None
        selector = os.environ.get(DKIM_SELECTOR)
        if not selector:
            raise Stop(f"{DKIM_SELECTOR} is not set: under which name does {sender.domain} publish the key?", USAGE)
        try:
            key = Path(path).read_bytes()
            dkim.parse_pem_private_key(key)
        except OSError as error:
            raise Stop(f"{DKIM_KEY}: {error}", USAGE) from None
        except (dkim.KeyFormatError, ValueError) as error:
            raise Stop(f"{DKIM_KEY}: {path} is no RSA key in PEM: {error}", USAGE) from None
        return cls(sender.domain, selector, key)

    def sign(self, message: bytes) -> bytes:
        """The message with its signature in front."""
        signature = dkim.sign(
            message,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=list(SIGNED),
        )
        return signature + message


def message_id(send_key: str, sender: Sender) -> str:
    """The Message-ID, the same for every attempt: a server or reader that sees it twice can tell."""
    return f"<{send_key}@{sender.domain}>"


def compose(
    rendered: Rendered,
    template: Template,
    send_key: str,
    period: str,
    address: Address,
    name: str | None,
    at: datetime,
) -> bytes:
    """The message's bytes, unsigned; ``Unfit`` if it is too big to be shown whole.

    Written out here and not by ``email.message``, which folds long headers as encoded words: no mail program finds the
    addresses in a List-Unsubscribe that was encoded.
    """
    campaign, sender = template.campaign, template.sender
    fields = {
        "From": formataddr((sender.name, sender.address)),
        "Reply-To": sender.reply_to,
        "To": _recipient(name, address),
        "Subject": _words(rendered.subject),
        "Date": format_datetime(at.replace(tzinfo=UTC) if at.tzinfo is None else at),
        "Message-ID": message_id(send_key, sender),
        **headers(campaign, sender, template.unsubscribe_token(send_key), period),
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="=_{send_key}"',
    }
    lines = []
    for field, value in fields.items():
        if BREAKS.search(value.replace(FOLD, " ")):
            raise Unfit(f"a line break would stand in {field}")
        lines.append(f"{field}: {value}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    parts = [_part("plain", rendered.text), _part("html", rendered.html)]
    mark = f"--=_{send_key}".encode()
    data = head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    if len(data) > MOST_BYTES:
        raise Unfit(f"the mail has {len(data):,} bytes; clients cut what is above {MOST_BYTES:,}")
    return data


def _recipient(name: str | None, address: Address) -> str:
    """The To field: a name outside ASCII encoded, an address outside ASCII as it is (SMTPUTF8)."""
    if not address.needs_utf8:
        return formataddr((name or "", str(address)))
    return f"{_words(name)} <{address}>" if name and QUOTABLE.fullmatch(name) else str(address)


def _words(text: str) -> str:
    """Text of a header: as it is in ASCII, otherwise as encoded words of whole characters (RFC 2047)."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=72).encode(linesep="\r\n")


def _part(kind: str, text: str) -> bytes:
    """A part of the body: short lines of ASCII as they are, all else as base64, which nobody changes on the way."""
    body = "\r\n".join(text.splitlines()) + "\r\n"
    is_plain = body.isascii() and max(map(len, body.split("\r\n"))) <= LONGEST_LINE
    encoding = "7bit" if is_plain else "base64"
    data = body.encode() if is_plain else base64.encodebytes(body.encode()).replace(b"\n", b"\r\n")
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + data


def headers(campaign: Campaign, sender: Sender, token: str, period: str) -> dict[str, str]:
    """The headers by which mail programs and servers know what kind of mail this is and how to be rid of it."""
    list_name = campaign.topic.replace("_", "-")
    by_mail = f"mailto:{sender.unsubscribe_mailto}?subject={token}"
    return {
        "List-Id": f"<{list_name}.{sender.domain}>",
        "List-Unsubscribe": f"<{sender.unsubscribe}/{token}>,{FOLD}<{by_mail}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": f"{campaign.name}:{period}:{campaign.topic}:nightshift",
        "Auto-Submitted": "auto-generated",
    }
