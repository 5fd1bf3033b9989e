"""The same landing built in other ways comes out the same; and if it did not, it would be said."""

from __future__ import annotations

import duckdb
import pytest
from test_correct import DAYS, PLAYBACK, make, ship

from scripts.console import DONE, FAILED
from scripts.determinism import WAYS

OVER_THE_LANDING = [text for way in WAYS if not way.lands_again for text in ("--way", way.name)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Some nights of a project of a few marts."""
    made = make(tmp_path_factory.mktemp("determinism") / "project")
    for file in (made.root / "backends").iterdir():
        file.unlink()
    (made.root / "backends/playback.yml").write_text(PLAYBACK)
    for number, day in enumerate(DAYS, 4):
        ship(made, day, number)
        made.land(day, [("t1", "a1"), ("t2", "a2")], table="tracks")
    done = made.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    return made


@pytest.mark.nightly
def test_threads_memory_zones_and_locales_change_no_mart(project):
    """The order of dumps is for a home with an inbox: `./nightshift determinism --way order` in the sample's."""
    done = project.run("determinism", *OVER_THE_LANDING)
    assert done.returncode == DONE, done.stdout + done.stderr
    assert done.stdout.count(" 0 differ") == len(OVER_THE_LANDING) // 2
    assert not list((project.home / "scratch").iterdir())


@pytest.mark.nightly
def test_a_row_that_is_another_is_shown(project):
    with duckdb.connect(str(project.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute("update business.listening_daily set plays = plays + 1 where played_on = ?", [DAYS[1]])
        connection.execute(
            "insert into ops.ledger by name "
            "select (select max(sequence) + 1 from ops.ledger) as sequence, 'changed by hand' as output_hash, "
            "columns(* exclude (sequence, output_hash)) from ops.fresh where relation = 'listening_daily' and day = ?",
            [DAYS[1]],
        )
    done = project.run("determinism", "--way", "eight")
    assert done.returncode == FAILED, done.stdout + done.stderr
    assert "1 differ" in done.stdout and f"played_on={DAYS[1]}" in done.stderr
