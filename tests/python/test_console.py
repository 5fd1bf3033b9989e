"""What a step says and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import termios

import click
import pytest

from scripts import console
from scripts.console import LOCKED, STOPPED, USAGE, Stop, run_step
from scripts.nightshift import STEPS, main


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (["2026-01-03"], "2026-01-03"),
        (["2026-01-04", "2026-01-03"], "2026-01-03 … 2026-01-04"),
        (["2026-01-03", "2026-01-05"], "2026-01-03, 2026-01-05"),
        (["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-03"], "2026-01-30 … 2026-02-01, 2026-02-03 (4 days)"),
        ([f"2026-01-{day:02}" for day in range(1, 30, 2)], "2026-01-01, 2026-01-03, …, 2026-01-29 (15 days)"),
        ([], ""),
    ],
)
def test_days_are_told_in_few_words(days, words):
    assert console.days(days) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (console.count(1, "row"), "1 row"),
        (console.count(1234, "row"), "1,234 rows"),
        (console.size(999), "999 B"),
        (console.size(1_234_567), "1.2 MB"),
        (console.duration(0.42), "0.4 s"),
        (console.duration(119), "119 s"),
        (console.duration(11_100), "3 h 5 min"),
        (console.age(60 * 90), "2 h"),
        (console.age(3600 * 72), "3 days"),
    ],
)
def test_numbers_as_people_read_them(said, words):
    assert said == words


def test_a_table_has_numbers_on_the_right_and_says_when_it_is_empty():
    assert console.table(["name", "rows"], [["a", 1], ["long", 1234], ["none", None]]).splitlines() == [
        "  name   rows",
        "  ────  ─────",
        "  a         1",
        "  long  1,234",
        "  none      –",
    ]
    assert console.table(["name"], []) == "  none"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Stop("held", LOCKED), LOCKED),
        (click.UsageError("unknown"), USAGE),
        (OSError("No space left on device"), STOPPED),
        (KeyboardInterrupt(), 130),
    ],
)
def test_whatever_goes_wrong_has_its_exit_code(failure, code, monkeypatch, capsys):
    @click.command()
    def step():
        raise failure

    monkeypatch.setattr(sys, "argv", ["nightshift"])
    with pytest.raises(SystemExit) as ended:
        run_step(step)
    assert ended.value.code == code
    assert capsys.readouterr().err


def test_what_a_step_returns_is_its_exit_code(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["nightshift"])
    with pytest.raises(SystemExit) as ended:
        run_step(click.command()(lambda: 4))
    assert ended.value.code == 4


def test_every_step_has_a_manual_with_examples():
    context = click.Context(main)
    for name in STEPS:
        step = main.get_command(context, name)
        assert step is not None, f"{name}: no module {STEPS[name]}"
        assert f"./nightshift {name}" in step.help or name == "clean", f"{name}: no example in its help"


def test_bars_are_drawn_on_a_terminal_only():
    script = "import time\nfrom scripts.console import progress\nfor _ in progress(range(30), 'work'): time.sleep(0.1)"
    plain = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert plain.stderr == plain.stdout == ""
    reading, writing = os.openpty()
    termios.tcsetwinsize(writing, (24, 80))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=writing)
    os.close(writing)
    shown = b""
    while True:
        try:
            chunk = os.read(reading, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    process.wait()
    os.close(reading)
    assert b"work" in shown
    assert b"%" in shown
