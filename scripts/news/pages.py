"""Editions as others read them: JSON with a hash of its content, a page for people, a feed."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2

SCHEMA = Path(__file__).with_name("edition.schema.json")
WORLD = "world"

LONGEST_ADDRESS = 2000
# What XML cannot hold, even escaped, and what turns a line of text around without its reader seeing it.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


def edition_files(hour: datetime, editions: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    """All files of an hour by name. ``editions``: rows of ``headlines_now`` by edition, in the order of their rank."""
    names = sorted(editions, key=lambda edition: (edition != WORLD, edition))
    files = {SCHEMA.name: SCHEMA.read_bytes()}
    for edition in names:
        headlines = [_plain(row) for row in editions[edition]]
        document = {
            "format": 1,
            "edition": edition,
            "edition_at": _time(hour),
            "content_hash": content_hash(headlines),
            "headlines": headlines,
        }
        files[f"{edition}.json"] = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
        shown = {
            "edition": edition,
            "editions": names,
            "name": "world" if edition == WORLD else edition,
            "as_of": _time(hour + timedelta(hours=1)),
            "hour_text": f"{hour + timedelta(hours=1):%-d %B %Y, %H:%M} UTC",
            "base": os.environ.get("NIGHTSHIFT_NEWS_URL", "https://news.nightshift.example/"),
            "headlines": [_shown(headline) for headline in headlines],
        }
        files[f"{edition}.html"] = _template("edition.html.j2").render(shown).encode()
        files[f"{edition}.atom"] = _template("feed.atom.j2").render(shown).encode()
    files["index.html"] = files[f"{WORLD}.html"]
    return files


def content_hash(headlines: list[dict[str, Any]]) -> str:
    """A hash of what an edition says, whenever it was made."""
    return hashlib.sha256(json.dumps(headlines, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A headline as JSON has it."""
    found = {}
    for name, value in row.items():
        if name in ("edition", "edition_at"):
            continue
        if isinstance(value, datetime):
            found[name] = _time(value)
        elif value is None or isinstance(value, bool | int):
            found[name] = value
        else:
            found[name] = UNPRINTABLE.sub("", str(value))
    return found


def _shown(headline: dict[str, Any]) -> dict[str, Any]:
    """A headline as pages have it: addresses only of the kind a browser may follow."""
    published = datetime.fromisoformat(headline["published_at"])
    return {
        **headline,
        "href": _address(headline["url"]),
        "correction_href": _address(headline.get("correction_url")),
        "published_text": f"{published:%-d %B, %H:%M}",
    }


def _address(url: str | None) -> str | None:
    """The address, if it is one of the web and no browser refuses it; ``javascript:`` and its like are none."""
    if len(url or "") > LONGEST_ADDRESS:
        return None
    try:
        parts = urlsplit((url or "").strip())
    except ValueError:
        return None
    return (url or "").strip() if parts.scheme in ("http", "https") and parts.netloc else None


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.cache
def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False
    )
    return environment.get_template(name)
