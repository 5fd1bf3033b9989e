"""A changed definition's history, held back from tonight, made beside it: readers have the old one until then."""

from __future__ import annotations

import json
import shutil
import signal

import pytest
from test_night import Project, make

from scripts.console import DONE, FAILED, STOPPED

pytestmark = pytest.mark.nightly

MODEL = "models/marts/business/listening_daily.sql"
CHANGE = ("count(*) as plays", "count(*) + case when count(*) > 5 then 100 else 0 end as plays")
DAYS = 9


def day(number: int) -> str:
    return f"2026-01-{number:02}"


def nights(project: Project, *arguments: str, code: int = DONE, fault: str = "") -> str:
    done = project.run("night", *arguments, fault=fault)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def shown(project: Project) -> list[tuple]:
    """Plays by day, and whether any mart readers see is late."""
    return project.published(
        "select cast(played_on as varchar), sum(plays) from business.listening_daily group by 1 order by 1"
    )


def clone(project: Project, root) -> Project:
    """The same project and state somewhere else; the warehouse's records of files are read again there."""
    shutil.copytree(project.root, root, symlinks=True)
    other = object.__new__(Project)
    other.root, other.home, other.manifest = root, root / "var", None
    return other


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Nine days under the old definition, published; then the definition changes and a day arrives."""
    project = make(tmp_path_factory.mktemp("before") / "project")
    for number in range(1, DAYS + 1):
        project.arrive(day(number))
    nights(project)
    project.edit(MODEL, *CHANGE)
    project.arrive(day(DAYS + 1))
    return project


@pytest.fixture(scope="module")
def waiting(before, tmp_path_factory):
    """Tonight was built with the old definition, the rebuild is held back."""
    project = clone(before, tmp_path_factory.mktemp("waiting") / "project")
    said = nights(project, "--defer-rebuilds")
    assert "held back: 10 periods of 1 table under new definitions (listening_daily)" in said
    return project


@pytest.fixture(scope="module")
def undisturbed(before, tmp_path_factory):
    """What an ordinary night makes of it."""
    project = clone(before, tmp_path_factory.mktemp("undisturbed") / "project")
    nights(project)
    return project.hashes()


def test_tonight_s_news_is_there_under_the_old_definition_whole(waiting):
    assert shown(waiting) == [(day(number), 12) for number in range(1, DAYS + 2)]
    status = json.loads(waiting.run("status", "--json").stdout)
    assert status["deferred"]["models"] == {"listening_daily": DAYS + 1}
    assert not any(mart["is_late"] for mart in status["published"]["marts"])
    assert "Held back    new definitions of 1 table since 2026-01-10, not begun" in waiting.run("status").stdout
    assert waiting.run("night", "--defer-rebuilds").stdout.count("night     nothing new: ") == 1


def test_killed_before_it_is_built_the_next_night_holds_the_same_back(before, waiting, tmp_path):
    project = clone(before, tmp_path / "project")
    nights(project, "--defer-rebuilds", code=STOPPED, fault="deferred:before-build")
    nights(project, "--defer-rebuilds")
    assert shown(project) == shown(waiting)
    assert project.hashes() == waiting.hashes()


def test_a_small_change_is_made_tonight(before, tmp_path):
    project = clone(before, tmp_path / "project")
    project.edit(MODEL, CHANGE[1], CHANGE[0])
    project.write("models/marts/business/one.sql", "{{ config(materialized='whole') }} select 1 as one")
    said = nights(project, "--defer-rebuilds")
    assert "held back" not in said
    assert "one" in project.rebuilt()


def test_the_rebuild_takes_the_warehouse_s_place_and_a_night_meanwhile_does_no_harm(waiting, tmp_path):
    project = clone(waiting, tmp_path / "project")
    done = project.run("rebuild", "--minutes", "0")
    assert (done.returncode, "stopped after" in done.stdout) == (DONE, True), done.stdout + done.stderr
    project.arrive(day(DAYS + 2))
    nights(project, "--defer-rebuilds")
    assert {plays for _, plays in shown(project)} == {12}
    done = project.run("rebuild")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert "the last 7 days are made" in done.stdout
    assert {plays for _, plays in shown(project)} == {12}, "nothing is shown before it is published"
    assert project.run("publish").returncode == DONE
    assert shown(project) == [(day(number), 112) for number in range(1, DAYS + 3)]
    assert not (project.home / "rebuild").exists()
    assert "Held back" not in project.run("status").stdout
    project.arrive(day(DAYS + 3))
    nights(project, "--defer-rebuilds")
    assert project.rebuilt()["listening_daily"] == [day(DAYS + 3)], "the new definition is the one that holds"


@pytest.mark.parametrize(
    "point",
    ["rebuild:copied", "rebuild:after-window", "build:chunk-committed", "build:swap-committed", "rebuild:before-swap",
     "rebuild:after-swap", "deferred:before-link", "rebuild:before-forgetting"],
)  # fmt: skip
def test_killed_anywhere_the_rebuild_goes_on(waiting, undisturbed, tmp_path, point):
    project = clone(waiting, tmp_path / "project")
    done = project.run("rebuild", fault=point)
    assert done.returncode in (-signal.SIGKILL, 5), f"{point} was not passed: {done.stdout}{done.stderr}"
    assert {plays for _, plays in shown(project)} == {12}, "readers have the old one, whole"
    done = project.run("rebuild")
    assert done.returncode == DONE, done.stdout + done.stderr
    nights(project, "--defer-rebuilds")
    assert shown(project) == [(day(number), 112) for number in range(1, DAYS + 2)]
    assert project.hashes() == undisturbed
    assert not (project.home / "rebuild").exists()


def test_a_definition_whose_tests_fail_never_reaches_readers(waiting, tmp_path):
    project = clone(waiting, tmp_path / "project")
    project.edit(MODEL, CHANGE[1], "10 * count(*) as plays")
    done = project.run("rebuild")
    assert done.returncode == FAILED, done.stdout + done.stderr
    assert "a_stream_is_at_least_thirty_seconds" in done.stderr
    assert "readers keep the definitions of before" in done.stderr
    nights(project, "--defer-rebuilds")
    assert {plays for _, plays in shown(project)} == {12}


def test_without_the_option_everything_is_made_tonight_and_nothing_waits(waiting, undisturbed, tmp_path):
    project = clone(waiting, tmp_path / "project")
    nights(project)
    assert project.hashes() == undisturbed
    done = project.run("rebuild")
    assert (done.returncode, "nothing is held back" in done.stdout) == (DONE, True)
