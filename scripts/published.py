"""What a published run is: the record in its folder, who sees what, and how each mart is doing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.files import read_json
from scripts.home import folder

RECORD = "_published.json"
CURRENT = "current"
ROLLED_BACK = "rolled_back.json"
MAKING = ".making-"
HEALTH = "operations.mart_health"

# Which domains a file shows; None: all of them. A file none of whose domains has a mart yet is not made.
FILES: dict[str, tuple[str, ...] | None] = {
    "marts.duckdb": None,
    "finance.duckdb": ("finance", "royalties"),
    "business.duckdb": ("business",),
}
# The file that everybody may open: aggregates, small counts of people hidden.
EVERYBODY = "business.duckdb"
# Domains that are published together or not at all.
TOGETHER = {"royalties": "finance"}

HEALTH_COLUMNS = {
    "mart": ("varchar", "Schema and name of the mart."),
    "domain": ("varchar", "The unit that is tested and published together."),
    "owner": ("varchar", "Who answers for the mart."),
    "found_in": ("varchar", "The file or folder of a published run that holds it."),
    "row_count": ("bigint", "Rows in this version."),
    "content_hash": (
        "varchar",
        "A hash of the mart's rows that any engine and version can compute again (macros/dialect/content_hash.sql).",
    ),
    "changed_run": ("varchar", "The run that first published these rows."),
    "published_night": ("date", "The night this file was last written; an unchanged file is kept as it is."),
    "is_late": ("boolean", "True if last night's version did not pass its tests and an older one is shown."),
    "late_since": ("date", "The first night whose version is missing; null if none is."),
    "reason": ("varchar", "What keeps the newer version back: tests that failed, models that were not built."),
    "warning": ("varchar", "What was odd about the newest dumps it is made of; null if nothing was."),
}


@dataclass
class Mart:
    """One published mart, as ``_published.json`` keeps it."""

    name: str
    schema: str
    domain: str
    owner: str
    publish: str
    row_count: int | None
    hash: str | None
    described: str
    changed_run: str | None = None
    day: str | None = None
    days: dict[str, str] = field(default_factory=dict)  # facts only: day → output hash
    audience: str = "everybody"  # or analysts: not in business.duckdb
    warning: str | None = None  # what was odd about the newest dumps it is made of
    few_people: dict[str, Any] | None = None  # what business.duckdb hides of it
    grain: list[str] = field(default_factory=list)  # the columns that a row is known by
    content_hash: str | None = None  # the same on every engine; of runs published before there was one: None

    @property
    def key(self) -> str:
        """Schema and name, as readers write it."""
        return f"{self.schema}.{self.name}"

    def relation(self, file: str | None = None) -> str:
        """Its name in SQL, in the warehouse or in a published file.

        ``business.duckdb`` opened by itself is a catalog called business; a schema of that name in it would make
        ``business.revenue_daily`` ambiguous. So that schema is the file's main one, and the name is right everywhere.
        """
        schema = "main" if file and self.schema == Path(file).stem else self.schema
        return f'"{schema}"."{self.name}"'

    @property
    def is_facts(self) -> bool:
        """True if it is published as Parquet by day instead of as a table."""
        return self.publish == "facts"


@dataclass
class Domain:
    """Whether a domain's newest version may be shown, and what is shown instead if not."""

    name: str
    sequence: int | None  # how far in the ledger what is shown reaches
    late_since: str | None = None
    reason: str | None = None


@dataclass
class Published:
    """The record of one published run."""

    run_id: str
    number: int
    night: str
    previous: str | None
    identity: str
    engine: str  # its version: hashes are an engine's own
    marts: list[Mart]
    domains: dict[str, Domain]
    files: dict[str, str]  # name → signature of what is in it

    @staticmethod
    def read(run: Path) -> Published | None:
        """The record in a run's folder, None if the folder holds none."""
        found = read_json(run / RECORD)
        if found is None:
            return None
        return Published(
            **{key: found[key] for key in ("run_id", "number", "night", "previous", "identity", "engine", "files")},
            marts=[Mart(**mart) for mart in found["marts"]],
            domains={name: Domain(**domain) for name, domain in found["domains"].items()},
        )

    def health(self, mart: Mart) -> tuple[object, ...]:
        """The mart's row in ``operations.mart_health``, without the night the file is written."""
        domain = self.domains[mart.domain]
        place = f"facts/{mart.name}" if mart.is_facts else "marts.duckdb"
        return (
            mart.key,
            mart.domain,
            mart.owner,
            place if mart.hash else None,
            mart.row_count,
            mart.content_hash,
            mart.changed_run,
            domain.late_since is not None,
            domain.late_since,
            domain.reason,
            mart.warning,
        )

    def shown_in(self, file: str) -> list[Mart]:
        """The marts a file tells of (those published as facts appear in its health table only)."""
        domains = FILES[file]
        return [
            mart
            for mart in self.marts
            if domains is None or (mart.domain in domains and (file != EVERYBODY or mart.audience == "everybody"))
        ]

    def signature(self, file: str) -> str:
        """A hash of everything in a file that a reader could tell apart, save the night it was written."""
        content = [
            [mart.hash, mart.described, *self.health(mart), *([mart.few_people] if file == EVERYBODY else [])]
            for mart in self.shown_in(file)
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def current_folder() -> Path | None:
    """The folder readers are shown now."""
    link = folder("published") / CURRENT
    return link.resolve() if link.is_symlink() and link.exists() else None


def published_runs() -> list[Published]:
    """Every whole run that is kept, oldest first."""
    found = (
        Published.read(run)
        for run in folder("published").iterdir()
        if run.is_dir() and not run.is_symlink() and not run.name.startswith(".")
    )
    return sorted((run for run in found if run), key=lambda run: run.number)
