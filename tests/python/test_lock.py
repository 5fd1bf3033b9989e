"""One night at a time, whatever becomes of the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from scripts.console import LOCKED, Stop
from scripts.lock import holder, lock_file, night_lock

HOLD = """
import time
from scripts.lock import night_lock
with night_lock("build"):
    print("held", flush=True)
    time.sleep(60)
"""
LOOK = """
from scripts.lock import holder
print("looking", flush=True)
while True:
    holder()
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))


def start_holder(**arguments):
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, **arguments)
    assert process.stdout.readline() == "held\n"
    return process


def test_second_night_says_who_holds_the_lock_since_when():
    process = start_holder()
    try:
        with (
            pytest.raises(Stop, match=rf"`build` \(process {process.pid}\) since 20\d\d-") as stopped,
            night_lock("night"),
        ):
            pass
        assert stopped.value.code == LOCKED
        assert holder()["pid"] == process.pid
    finally:
        process.kill()
        process.wait()


def test_lock_of_a_killed_process_is_taken_over(capsys):
    process = start_holder()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert lock_file().read_text(), "the killed process could not clean up"
    with night_lock("night"):
        assert holder()["pid"] == os.getpid()
    assert f"taken over from `build` (process {process.pid})" in capsys.readouterr().err
    assert holder() is None


NIGHT = """
import subprocess, sys, time
from scripts.lock import hand_down, night_lock
with night_lock("night") as descriptor:
    hold = [sys.executable, "-c", sys.argv[1]]
    step = subprocess.Popen(hold, stdout=subprocess.PIPE, text=True, **hand_down(descriptor))
    print(step.stdout.readline().strip(), step.pid, flush=True)
    time.sleep(60)
"""


def test_a_step_shares_its_nights_lock_and_holds_it_while_it_writes_even_if_the_night_is_killed():
    night = subprocess.Popen([sys.executable, "-c", NIGHT, HOLD], stdout=subprocess.PIPE, text=True)
    word, step = night.stdout.readline().split()
    assert word == "held"
    night.kill()
    night.wait()
    try:
        with pytest.raises(Stop, match=f"process {step}"), night_lock("night"):
            pass
    finally:
        os.kill(int(step), signal.SIGKILL)
    end = time.monotonic() + 60
    while holder():
        assert time.monotonic() < end, "a killed step's lock is free as soon as it is gone"
        time.sleep(0.01)
    with night_lock("night"):
        pass


def test_a_stale_environment_does_not_pass_for_the_lock(monkeypatch):
    process = start_holder()
    monkeypatch.setenv("NIGHTSHIFT_LOCK", "night:0")
    try:
        with pytest.raises(Stop), night_lock("night"):
            pass
    finally:
        process.kill()
        process.wait()


def test_looking_at_the_lock_does_not_make_a_night_fail():
    watcher = subprocess.Popen([sys.executable, "-c", LOOK], stdout=subprocess.PIPE, text=True)
    try:
        assert watcher.stdout.readline() == "looking\n"
        for _ in range(3_000):
            with night_lock("night"):
                pass
    finally:
        watcher.kill()
        watcher.wait()


def test_one_who_waits_gets_the_lock_when_the_holder_ends():
    process = start_holder()
    try:
        with pytest.raises(Stop) as stopped, night_lock("hour", wait_seconds=0.5):
            pass
        assert stopped.value.code == LOCKED
        killed = threading.Timer(0.5, process.kill)
        killed.start()
        with night_lock("hour", wait_seconds=60):
            assert holder()["command"] == "hour"
        killed.join()
    finally:
        process.kill()
        process.wait()
