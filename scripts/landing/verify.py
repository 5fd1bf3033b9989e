"""Is what lies in the landing what its manifests say? Every file is read and hashed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as parquet

from scripts.landing.store import MANIFEST, manifest_paths
from scripts.landing.streams import sha256


def problems(root: Path) -> Iterator[tuple[str, str]]:
    """Dumps (as folders) that are not what they say, and why."""
    for folder in sorted(root.glob("*/*/dt=*/*")):
        if folder.is_dir() and not (folder / MANIFEST).exists():
            yield folder.relative_to(root).as_posix(), "has no manifest"
    with ThreadPoolExecutor() as pool:
        for path, found in pool.map(lambda p: (p, _wrong(p)), manifest_paths(root)):
            for problem in found:
                yield path.parent.relative_to(root).as_posix(), problem


def _wrong(path: Path) -> list[str]:
    """What is wrong with one dump."""
    try:
        manifest = json.loads(path.read_bytes())
        listed = {f["name"]: f for f in manifest["files"]}
        days = sum(day["rows"] for day in manifest["event_days"])
        place = (path.parent.name, path.parent.parent.name, path.parents[2].name, path.parents[3].name)
        says = (manifest["dump_id"], f"dt={manifest['arrived_on']}", manifest["table"], manifest["backend"])
    except (ValueError, KeyError, TypeError) as error:
        return [f"{MANIFEST} cannot be read ({type(error).__name__}: {error})"]
    found = [f"{MANIFEST} is that of {'/'.join(reversed(says))}"] if place != says else []
    for name in sorted({p.name for p in path.parent.iterdir()} - {MANIFEST} - set(listed)):
        found.append(f"{name} is not in the manifest")
    for name, entry in listed.items():
        file = path.parent / name
        if not file.exists():
            found.append(f"{name} is missing")
        elif sha256(file) != entry["sha256"]:
            found.append(f"{name} was changed: its hash is not the manifest's")
        elif (rows := parquet.read_metadata(file).num_rows) != entry["rows"]:
            found.append(f"{name} has {rows} rows, the manifest says {entry['rows']}")
    if sum(f["rows"] for f in listed.values()) != manifest["rows"] or days != manifest["rows"]:
        found.append("the manifest's rows do not add up")
    return found
