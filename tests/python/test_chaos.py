"""Chaos itself: what it would see if a kill had done harm; and, in the nightly tier, that none does."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from scripts.chaos.command import _shares, chaos
from scripts.chaos.readers import Reader, versions
from scripts.chaos.state import leftovers, state
from scripts.chaos.world import STAGES, World, killed_by
from scripts.faults import POINTS


def make(home: Path, amount: int, link: str = "1") -> Path:
    """A home that shows a published file and an export."""
    for run in ("1", "2"):
        (home / "published" / run).mkdir(parents=True)
        with duckdb.connect(str(home / "published" / run / "marts.duckdb")) as connection:
            connection.execute(f"create table revenue as select {amount} + {run} as amount, 'x' as words")
    (home / "published/current").symlink_to(link)
    (home / "exports/lists").mkdir(parents=True)
    (home / "exports/lists/manifest.json").write_text('{"key": "k", "published_at": "now"}')
    (home / "published/1/night.html").write_text(f"{home.name} took 5 s")
    return home


def test_the_same_rows_are_the_same_state_and_the_clock_is_left_out(tmp_path):
    one, two = make(tmp_path / "one", 5), make(tmp_path / "two", 5)
    (two / "exports/lists/manifest.json").write_text('{"published_at": "an hour later", "key": "k"}')
    assert state(one) == state(two)


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda home: _execute(home, "update revenue set amount = 7"), "published/1/marts.duckdb main.revenue"),
        (lambda home: _execute(home, "insert into revenue from revenue"), "published/1/marts.duckdb main.revenue"),
        (lambda home: (home / "exports/lists/manifest.json").write_text('{"key": "other"}'), "exports/lists/manifest"),
        (lambda home: (home / "exports/lists/manifest.json").unlink(), "exports/lists/manifest"),
        (lambda home: _link(home, "2").replace(home / "published/current"), "published/current ->"),
    ],
)
def test_whatever_differs_is_named(tmp_path, harm, named):
    one, two = make(tmp_path / "one", 5), make(tmp_path / "two", 5)
    harm(two)
    before, after = state(one), state(two)
    differing = [name for name in before if before[name] != after.get(name)]
    assert len(differing) == 1
    assert differing[0].startswith(named)


def _execute(home: Path, sql: str) -> None:
    with duckdb.connect(str(home / "published/1/marts.duckdb")) as connection:
        connection.execute(sql)


def _link(home: Path, target: str) -> Path:
    (home / "published/.new").symlink_to(target)
    return home / "published/.new"


def test_what_is_left_behind_is_named_and_logs_are_not(tmp_path):
    one, two = make(tmp_path / "one", 5), make(tmp_path / "two", 5)
    (two / "published/.making-3").mkdir()
    (two / "published/.making-3/marts.duckdb").touch()
    (two / "logs").mkdir()
    (two / "logs/dbt.log").touch()
    assert leftovers(two, one) == ["published/.making-3/marts.duckdb"]


def test_a_reader_takes_the_old_or_the_new_version_and_nothing_else(tmp_path):
    before, after, now = make(tmp_path / "before", 5), make(tmp_path / "after", 5, "2"), make(tmp_path / "now", 5)
    reader = Reader(now, versions(before, after))
    reader.look()
    _link(now, "2").replace(now / "published/current")
    reader.look()
    assert reader.wrong == []
    (now / "published/3").mkdir()
    _link(now, "3").replace(now / "published/current")
    reader.look()
    assert [text.partition(":")[0] for text in reader.wrong] == ["published/current -> 3"]


def test_quick_steps_get_more_of_the_random_kills(tmp_path):
    world = World(tmp_path, seconds={"land": 2.0, "build": 200.0})
    stages = [stage for stage in STAGES if stage.name in world.seconds]
    assert _shares(world, stages, 101) == [100, 1]


def test_every_point_is_killed_at_by_a_step_of_chaos_or_by_a_test():
    assert [point for point in POINTS if not killed_by(point)] == []
    elsewhere = {point: killed_by(point) for point in POINTS if killed_by(point).startswith("test_")}
    texts = {test: (Path(__file__).parent / f"{test}.py").read_text() for test in elsewhere.values()}
    names = {point: (point, point.partition(":")[2], "named_points", "POINTS") for point in POINTS}
    silent = {p: test for p, test in elsewhere.items() if not any(name in texts[test] for name in names[p])}
    assert silent == {}, "the test that is to kill there names neither the point nor a list of points"


def test_the_list_is_the_list():
    done = CliRunner().invoke(chaos, ["--list"], standalone_mode=False)
    assert done.return_value == 0
    assert all(point in done.output for point in POINTS)


@pytest.mark.nightly
@pytest.mark.timeout(14_400)
def test_killed_at_every_point_of_the_night_all_is_as_if_nobody_had_been_killed(tmp_path):
    done = CliRunner().invoke(chaos, ["--world", str(tmp_path), "--kills", "10"], standalone_mode=False)
    assert done.return_value == 0, done.output


@pytest.mark.on_demand
@pytest.mark.timeout(0)
def test_a_thousand_kills(tmp_path):
    done = CliRunner().invoke(chaos, ["--world", str(tmp_path), "--kills", "1000"], standalone_mode=False)
    assert done.return_value == 0, done.output
