"""A built ledger to copy, break and build again; building it once keeps the tests fast."""

from __future__ import annotations

import pytest
from ledger_harness import DAYS, Ledger, plays_of


@pytest.fixture(scope="session")
def built_ledger(tmp_path_factory) -> Ledger:
    """Six days of plays, three snapshots of the tracks (one day is missing, then one track changes), built once."""
    base = Ledger(tmp_path_factory.mktemp("ledger") / "base")
    for day in DAYS:
        base.land(day, plays_of(day))
    base.land("2026-01-01", [("t1", "a1"), ("t2", "a2")], "tracks")
    base.land("2026-01-02", [("t1", "a1"), ("t2", "a2")], "tracks")
    base.land("2026-01-04", [("t1", "a1"), ("t2", "a3")], "tracks")
    base.parse()
    base.build(tests=True)
    return base


@pytest.fixture
def ledger(built_ledger, tmp_path) -> Ledger:
    """A copy of the built project."""
    return Ledger(tmp_path / "project", built_ledger)
