"""``clean`` leaves nothing behind, and nothing is cleaned away under somebody who writes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from scripts.clean import SIMULATED, STATE, clean
from scripts.console import LOCKED, USAGE, Stop
from scripts.home import PROJECT
from scripts.lock import night_lock


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a file in every folder of state, the hour's link into the landing among them."""
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    for name in (*STATE, *SIMULATED):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text("state")
    (tmp_path / "hourly" / "landing").mkdir()
    (tmp_path / "hourly" / "landing" / "newsroom").symlink_to("../../landing/newsroom")
    return tmp_path


def test_every_folder_that_a_step_makes_is_known():
    text = "".join(path.read_text() for path in (PROJECT / "scripts").rglob("*.py"))
    found = re.findall(r'[^_]folder\("([a-z]+)"\)|home\(\) / "([a-z]+)"', text)
    made = {name for pair in found for name in pair if name}
    assert {"mail", "hourly", "landing"} <= made
    inside_others = {"project"}
    assert made - inside_others <= {*STATE, *SIMULATED}


def test_nothing_is_left(home):
    assert clean.main([], standalone_mode=False) == 0
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("folder", [1, 2, len(STATE) + 1, len(STATE) + 2])
def test_killed_anywhere_the_next_one_takes_what_is_left(home, folder):
    environment = {**os.environ, "NIGHTSHIFT_FAULT": f"clean:before-folder#{folder}"}
    command = [sys.executable, "-m", "scripts.nightshift", "clean"]
    assert subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode == -signal.SIGKILL
    assert (home / "truth").exists()
    assert clean.main([], standalone_mode=False) == 0
    assert list(home.iterdir()) == []


def test_what_the_simulator_did_not_make_takes_a_word_and_an_inbox_stays(home):
    (home / "truth").rename(home / "inbox" / "moved")
    with pytest.raises(Stop) as stopped:
        clean.main([], standalone_mode=False)
    assert stopped.value.code == USAGE
    assert clean.main(["--yes"], standalone_mode=False) == 0
    assert [path.name for path in home.iterdir()] == ["inbox"]


@pytest.mark.parametrize("name", ["hour", "deliver", "landing"])
def test_nothing_goes_while_somebody_writes(home, name):
    with night_lock("somebody", name), pytest.raises(Stop) as stopped:
        clean.main([], standalone_mode=False)
    assert stopped.value.code == LOCKED
    assert (home / "mail" / "deep" / "file").exists()
