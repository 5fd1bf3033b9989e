"""Hashes by which steps know that they have seen all this before."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from scripts.files import files_below
from scripts.home import PROJECT, folder
from scripts.landed import OWN_RECORDS, dumps

# What decides what dbt makes and whether its unit tests pass.
MODELS = ("dbt_project.yml", "profiles.yml", "packages.yml", "models", "campaigns", "macros", "seeds", "snapshots",
          "tests/sql", "tests/generic", "backends")  # fmt: skip
# What decides what a night computes, beside what has landed; pages for people are no reason for a night.
PROJECT_FILES = (*MODELS, "scripts")
PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb")


def of_models(project: Path = PROJECT) -> str:
    """A hash of everything that decides what dbt makes of given data, here or in another checkout."""
    return _of_files(MODELS, project).hexdigest()


def of_night(day: date) -> str:
    """A hash of everything that decides what the night of ``day`` computes: project, champions, visible dumps."""
    digest = _of_files(PROJECT_FILES)
    for champion in sorted(folder("registry").glob("*/champion*")):
        content = champion.read_bytes() if champion.is_file() else champion.resolve().name.encode()
        digest.update(f"{champion.parent.name}/{champion.name}\0".encode() + content + b"\0")
    for dump in dumps(day):
        if (dump.backend, dump.table) not in OWN_RECORDS:
            digest.update(f"{dump.backend} {dump.table} {dump.arrived_on} {dump.dump_id}\n".encode())
    return digest.hexdigest()


def _of_files(parts: Iterable[str], project: Path = PROJECT) -> hashlib._Hash:
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    for part in parts:
        path = project / part
        files = sorted(Path(entry.path) for entry in files_below(path)) if path.is_dir() else [path] * path.exists()
        for file in files:
            if "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(project)}\0".encode() + file.read_bytes() + b"\0")
    return digest
