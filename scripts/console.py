"""What a step says and how it ends: exit codes, one line a thing done, progress bars where they help.

Exit codes, the same for every step:

====  ============================================================================================
0     done (also when there was nothing to do)
1     some data was refused; the lines say which, and why. Everything else was done
2     wrong use: an unknown option, a file or day that does not exist, settings that contradict
3     another night holds the lock (the line says who, since when)
4     a build or a test failed; what passed was published, what failed kept its last good night
5     stopped by something outside the data (disk full, a server gone, a defect): run it again
====  ============================================================================================

A step that is killed leaves 128 + the signal's number, like any process. ``status --check`` alone answers
in the convention of monitoring systems instead: 0 ok, 1 warning, 2 critical, 3 unknown.
"""

from __future__ import annotations

import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import NoReturn, TypeVar

import click

DONE, REFUSED, USAGE, LOCKED, FAILED, STOPPED = 0, 1, 2, 3, 4, 5
# How a person says a moment (UTC) that is to be taken for now.
MOMENT = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%S"])

T = TypeVar("T")


class Stop(Exception):
    """Ends a step with a message for a person and an exit code for cron; no traceback is shown."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code


def say(step: str, text: str) -> None:
    """One line about one thing done: ``publish   finance.duckdb: unchanged since 2026-02-21-1``."""
    print(f"{step:<9} {text}", flush=True)


def warn(step: str, text: str) -> None:
    """One line about something a person should look at; goes to standard error, so cron mails it."""
    print(f"{step:<9} {text}", file=sys.stderr, flush=True)


@contextmanager
def timed(step: str, text: str = "done") -> Iterator[list[str]]:
    """Say how long a block took; the block may append what the line should say to the list it gets."""
    begun = time.monotonic()
    said: list[str] = []
    yield said
    say(step, f"{', '.join(said) or text} ({duration(time.monotonic() - begun)})")


def progress(items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """Iterate with a progress bar: only on a terminal, only once it has lasted over two seconds."""
    from tqdm import tqdm

    yield from tqdm(items, desc=label, total=total, unit=unit, delay=2, leave=False, disable=not sys.stderr.isatty())


def run_step(main: click.Command) -> NoReturn:
    """Run the command and leave with the exit code this page promises, whatever went wrong."""
    try:
        code = main.main(prog_name="./nightshift", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else DONE)
    except Stop as stop:
        warn("stopped", str(stop))
        sys.exit(stop.code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        warn("stopped", "by the keyboard; run it again, nothing half-done is visible")
        sys.exit(130)
    except Exception as error:
        traceback.print_exc()
        warn("stopped", f"{type(error).__name__}: {error}; nothing half-done is visible, run it again")
        sys.exit(STOPPED)


def count(number: int, noun: str = "", plural: str = "") -> str:
    """A number as people read it: ``1,234 rows``, ``1 row``."""
    return f"{number:,}" + (f" {noun if number == 1 else plural or noun + 's'}" if noun else "")


def size(number: float) -> str:
    """Bytes as people read them: ``1.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds as people read them: ``0.4 s``, ``75 s``, ``3 h 5 min``."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def age(seconds: float) -> str:
    """How long ago, coarsely: ``5 min``, ``7 h``, ``3 days``."""
    hours = seconds / 3600
    if hours < 1:
        return f"{max(seconds, 0) / 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "  ") -> str:
    """A plain text table: numbers to the right, the last column cut to the terminal's width."""
    rows = list(rows)
    cells = [
        [f"{value:,}" if isinstance(value, int) else str(value if value is not None else "–") for value in row]
        for row in rows
    ]
    if not cells:
        return indent + "none"
    right = [all(isinstance(row[i], int) or row[i] is None for row in rows) for i in range(len(header))]
    widths = [max(len(str(header[i])), *(len(row[i]) for row in cells)) for i in range(len(header))]
    if sys.stdout.isatty():
        rest = shutil.get_terminal_size().columns - len(indent) - sum(widths[:-1]) - 2 * (len(widths) - 1)
        widths[-1] = max(12, min(widths[-1], rest))

    def line(values: Sequence[str]) -> str:
        fitted = (
            value if len(value) <= width else value[: width - 1] + "…"
            for value, width in zip(values, widths, strict=True)
        )
        padded = (
            value.rjust(width) if is_right else value.ljust(width)
            for value, width, is_right in zip(fitted, widths, right, strict=True)
        )
        return (indent + "  ".join(padded)).rstrip()

    return "\n".join(line(row) for row in [list(header), ["─" * width for width in widths], *cells])


def days(values: Iterable[object]) -> str:
    """Days in few words: runs are folded, ``2026-01-03, 2026-01-05 … 2026-01-09 (6 days)``."""
    found = sorted({value if isinstance(value, date) else date.fromisoformat(str(value)[:10]) for value in values})
    runs: list[list[date]] = []
    for day in found:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]} … {run[-1]}" for run in runs]
    if len(shown) > 4:
        shown = [*shown[:2], "…", shown[-1]]
    return ", ".join(shown) + (f" ({len(found):,} days)" if len(found) > 2 else "")
