"""``plan --diff``: what the next build would change is shown, and nothing else happens."""

from __future__ import annotations

import re

import pytest
from test_night import make

from scripts.console import DONE, FAILED, USAGE
from scripts.estimate import estimate, learn
from scripts.home import PROJECT, home
from scripts.scratch import step


def test_the_plan_shows_how_rows_would_differ_and_leaves_everything_alone(tmp_path):
    project = make(tmp_path / "project")
    for day in (1, 2, 3):
        project.arrive(f"2026-01-0{day}")
    assert project.run("night").returncode == DONE
    project.edit("models/marts/business/listening_daily.sql", "count(*) as plays", "count(*) + 1 as plays")
    before, report, page = project.hashes(), project.report(), tmp_path / "page.html"
    done = project.run("plan", "--diff", "--html", str(page))
    assert done.returncode == DONE, done.stdout + done.stderr
    assert "1 mart would differ" in done.stdout
    assert (
        "business.listening_daily (Somebody): 3 changed of 3 → 3 rows; 2026-01-01 … 2026-01-03 (3 days)" in done.stdout
    )
    assert re.search(r"plays +3 +36 +39 +\+3", done.stdout)
    assert "changed played_on=2026-01-01 plays 12 → 13" in done.stdout
    assert re.search(r"models took [\d.]+ s for as much in builds before", done.stdout)
    assert "<del>12</del>" in page.read_text()
    assert (project.hashes(), project.report()) == (before, report)
    assert not list((project.home / "scratch").iterdir()), "the copy is gone"
    assert project.run("plan", "--diff", "--json").returncode == USAGE
    project.edit("models/marts/business/listening_daily.sql", "count(*) + 1 as plays", "no_such_column as plays")
    done = project.run("plan", "--diff")
    assert done.returncode == FAILED
    assert "no_such_column" in done.stderr


def test_another_checkout_s_code_works_in_this_home(tmp_path, monkeypatch):
    """Without NIGHTSHIFT_HOME a checkout's state lies in its own var/."""
    module = tmp_path / "scripts/nightshift.py"
    module.parent.mkdir()
    (tmp_path / "scripts/__init__.py").touch()
    module.write_text("import os; print(os.environ['NIGHTSHIFT_HOME'], os.environ['NIGHTSHIFT_PROJECT'])")
    monkeypatch.delenv("NIGHTSHIFT_HOME", raising=False)
    assert step(["build"], checkout=tmp_path) == (DONE, f"{home()} {tmp_path}\n")
    assert home() == PROJECT / "var"


@pytest.mark.parametrize(
    ("builds", "periods", "seconds"),
    [
        ([(1, 1.0)], 1, 1.0),
        ([(1, 1.0), (1, 3.0)], 10, 20.0),
        ([(1, 1.0), (11, 6.0)], 21, 11.0),
        ([(0, 2.0), (0, 4.0)], 0, 3.0),
        ([(80, 40.0), *[(1, 1.0)] * 200], 80, 40.0),
    ],
)
def test_an_estimate_is_a_line_through_the_builds_before(tmp_path, monkeypatch, builds, periods, seconds):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    for number, took in builds:
        learn([{"model": "m", "days": ["day"] * number, "seconds": took}])
    assert estimate({"m": periods}).seconds == pytest.approx(seconds)
    assert estimate({"m": periods, "other": 1}).unknown == ["other"]
