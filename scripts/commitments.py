"""What Nightshift has committed, read from the landing itself: commands that must not do a thing twice ask here."""

from __future__ import annotations

from datetime import date

from scripts.home import folder


def committed_files(table: str, until: date | None = None) -> list[str]:
    """The Parquet files of a commitment table's whole dumps; with ``until``, of those that had arrived by then."""
    return [
        str(part)
        for dump in sorted((folder("landing") / "nightshift" / table).glob("dt=*/*"))
        if (dump / "_manifest.json").exists() and (until is None or dump.parent.name[3:] <= str(until))
        for part in sorted(dump.glob("*.parquet"))
    ]
