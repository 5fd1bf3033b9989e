"""What the run state takes on the disk, by layer; written down after each night, so that its growth can be told."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from typing import Any

from scripts.faults import fault_point
from scripts.files import files_below, read_json, replace_json
from scripts.home import folder, home

LAYERS = ("inbox", "landing", "quarantine", "vault", "warehouse", "rebuild", "hourly", "published", "exports",
          "registry", "mail", "logs", "spill", "target")  # fmt: skip
SIZES = "sizes.json"
# So many nights are kept, and so many of them tell how fast it grows now.
KEPT, RECENT = 400, 30


def layer_bytes() -> dict[str, int]:
    """Bytes by layer; a file that several names share (runs, backups) counts once, where it is found first."""
    seen: set[tuple[int, int]] = set()
    found = dict.fromkeys(LAYERS, 0)
    for layer in LAYERS:
        for entry in files_below(home() / layer):
            stat = entry.stat()
            if stat.st_nlink > 1:
                if (stat.st_dev, stat.st_ino) in seen:
                    continue
                seen.add((stat.st_dev, stat.st_ino))
            found[layer] += stat.st_size
    return found


def record(night: date) -> None:
    """Write down the sizes after a night; a night run again replaces what it wrote."""
    file = folder("warehouse") / SIZES
    known = [entry for entry in read_json(file) or [] if entry["night"] != str(night)]
    fault_point("night:before-sizes")
    replace_json(file, [*known, {"night": str(night), "bytes": layer_bytes()}][-KEPT:])


def growth() -> dict[str, Any] | None:
    """Bytes a night by layer and in all, of the last nights; the day the disk is full, if it ever is. None: not known.

    ``a_year`` is what 365 such nights add.
    """
    known = (read_json(folder("warehouse") / SIZES) or [])[-RECENT:]
    if len(known) < 2:
        return None
    first, last = known[0], known[-1]
    nights = (date.fromisoformat(last["night"]) - date.fromisoformat(first["night"])).days
    if nights < 1:
        return None
    by_layer = {layer: (size - first["bytes"].get(layer, 0)) / nights for layer, size in last["bytes"].items()}
    total = sum(by_layer.values())
    free = shutil.disk_usage(home()).free
    left = int(free / total) if total > 0 else None
    is_soon = left is not None and left < 365_000
    return {
        "nights": nights,
        "bytes_a_night": {layer: round(size) for layer, size in by_layer.items() if round(size)},
        "total_a_night": round(total),
        "a_year": round(total * 365),
        "full_on": str(date.fromisoformat(last["night"]) + timedelta(days=left)) if is_soon else None,
    }
