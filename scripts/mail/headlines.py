"""The headlines of the moment in which a mail goes out, from the edition that the hour published."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import duckdb

from scripts.home import folder

MOST, WORLD = 5, "world"
# Yesterday's news is none: a mail rather goes out without.
FRESH = timedelta(hours=24)


class Headlines:
    """Headlines by edition, read once a run; empty if none are published or they are old.

    ``newest`` says in words of which hour the published ones are.
    """

    def __init__(self, at: datetime) -> None:
        self.editions: dict[str, list[dict[str, str]]] = {}
        self.newest = "none are published"
        path = folder("published") / "hourly" / "current" / "headlines.parquet"
        if not path.exists():
            return
        (hour,) = duckdb.execute("select max(edition_at) from read_parquet($path)", {"path": str(path)}).fetchone()
        if hour:
            self.newest = f"those published are of {hour:%Y-%m-%d %H:%M}, and count for a day"
        rows = duckdb.execute(
            "select edition, title, url, outlet from read_parquet($path) "
            "where edition_at > $since and edition_at <= $at order by edition, rank",
            {"path": str(path), "since": at - FRESH, "at": at},
        ).fetchall()
        for edition, title, url, outlet in rows:
            parts = urlsplit(url or "")
            if title and outlet and parts.scheme in ("http", "https") and parts.netloc:
                self.editions.setdefault(edition, []).append({"title": title, "url": url, "outlet": outlet})

    def of(self, country: str | None) -> list[dict[str, str]]:
        """The first headlines of a country's edition, or of the world's where it has none."""
        return (self.editions.get(country or "") or self.editions.get(WORLD, []))[:MOST]
