"""The unsubscribe token: what the backend that answers the link can check without asking anybody.

``v1.<send key>.<topic>.<code>``: the code is the first 16 bytes of HMAC-SHA256 over everything before the last dot,
with the mail key, as base64url without padding. docs/emails.md has test vectors.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

from scripts.console import warn
from scripts.home import folder
from scripts.landing.vault import parse_key, write_key

KEY = "NIGHTSHIFT_MAIL_KEY"
VERSION = "v1"
CODE_BYTES = 16


def sign(key: bytes, send_key: str, topic: str) -> str:
    """The token for one mail."""
    said = f"{VERSION}.{send_key}.{topic}"
    return f"{said}.{_code(key, said)}"


def read(key: bytes, token: str) -> tuple[str, str] | None:
    """The send key and the topic that a token is about; None if we did not make it."""
    said, _, code = token.rpartition(".")
    parts = said.split(".")
    if len(parts) != 3 or parts[0] != VERSION or not hmac.compare_digest(code.encode(), _code(key, said).encode()):
        return None
    return parts[1], parts[2]


def mail_key() -> tuple[bytes, bool]:
    """The key that signs tokens, and whether it is a real one: for development a key is made beside the ledger."""
    if text := os.environ.get(KEY):
        return parse_key(text, KEY), True
    path = key_file()
    if not path.exists():
        warn("mail", f"{KEY} is not set; made a key for development in {path}")
        write_key(path, os.urandom(32))
    return parse_key(path.read_text(), str(path)), False


def key_file() -> Path:
    """Where the development key lies."""
    return folder("mail") / "development.key"


def _code(key: bytes, said: str) -> str:
    code = hmac.digest(key, said.encode(), hashlib.sha256)[:CODE_BYTES]
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()
