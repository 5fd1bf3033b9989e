"""``./nightshift simulate``: the sample backends' dumps."""

from __future__ import annotations

import multiprocessing
import os
from datetime import date
from pathlib import Path

import click

from scripts.console import USAGE, Stop, progress, say
from scripts.home import folder, home

from .simulator.settings import Settings, Target

_shipper = None


@click.command()
@click.option("--days", default=95, show_default=True, help="How many days the world lasts.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-12-01", show_default=True, help="Its first day."
)
@click.option("--members", default=4_000, show_default=True, help="Accounts at the end, bots included.")
@click.option("--artists", default=12_000, show_default=True, help="Artists in the catalogue.")
@click.option("--tracks", default=40_000, show_default=True, help="Tracks in the catalogue.")
@click.option("--plays-per-day", default=15_000, show_default=True, help="Plays reported a day, on average.")
@click.option("--seed", default=42, show_default=True, help="The same seed and sizes give the same bytes.")
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="Write from this day on (the world stays the same)."
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Write up to and with this day.")
@click.option("--feeds", default="", help="Only these, such as playback.plays,billing (default: all).")
@click.option("--format", "form", type=click.Choice(["files", "parquet"]), default="files", show_default=True,
              help="Plays as the backend ships them, or as Parquet (for benchmarks).")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Inbox to write to (default: NIGHTSHIFT_HOME/inbox).")
@click.option("--into-landing", is_flag=True, help="Skip inbox and land: write NIGHTSHIFT_HOME/landing directly.")
@click.option("--truth/--no-truth", default=True, show_default=True, help="Write NIGHTSHIFT_HOME/truth/, for tests.")
@click.option("--workers", default=0, help="Processes (default: one for each processor).")
def simulate(
    days: int, start: date, members: int, artists: int, tracks: int, plays_per_day: int, seed: int, first: date | None,
    last: date | None, feeds: str, form: str, out: Path | None, into_landing: bool, truth: bool, workers: int,
) -> None:  # fmt: skip
    """Write what the sample backends would ship, day by day, with everything that goes wrong.

    \b
    Examples:
      ./nightshift simulate                                  the sample: 95 days
      ./nightshift simulate --to 2026-02-22                  its first 84 days
      ./nightshift simulate --from 2026-02-23 --to 2026-02-23    one more, the same bytes as in the whole
      ./nightshift simulate --days 30 --members 200000 --plays-per-day 1000000 \\
          --feeds playback.plays --into-landing --no-truth       30 million plays to measure with

    --into-landing writes dumps as land would have left them, without accidents, pseudonyms or vault (rates still go
    to the inbox).

    A day's files depend on seed, sizes and day alone. Memory grows with members and tracks, not with plays.
    """
    settings = Settings(seed, start.date(), days, members, artists, tracks, plays_per_day)
    begin = (first.date() - settings.start).days if first else 0
    end = (last.date() - settings.start).days if last else days - 1
    if min(days, members, artists, plays_per_day) < 1 or tracks < artists:
        raise Stop(
            "days, members, artists and plays a day must be at least 1, tracks at least as many as artists", USAGE
        )
    if members < 50 or artists < 50:
        raise Stop("a world has at least 50 members and 50 artists", USAGE)
    if not 0 <= begin <= end < days:
        raise Stop(
            f"--from and --to must lie within {settings.start} … {settings.date(days - 1)}, in this order", USAGE
        )
    wanted = tuple(f.strip() for f in feeds.split(",") if f.strip())
    landing = folder("landing") if into_landing else None
    target = Target(out or folder("inbox"), home() / "truth" if truth else None, wanted, form, landing)
    plays = write_days(settings, target, range(begin, end + 1), workers or os.cpu_count() or 1)
    say("simulate", f"{end - begin + 1} days, {plays:,} plays reported, into {landing or target.inbox}")


def write_days(settings: Settings, target: Target, wanted: range, workers: int = 1) -> int:
    """Write some days, in several processes that share the world; returns the number of plays reported."""
    global _shipper
    from .simulator.shipping import Shipper
    from .simulator.shop import Shop

    _check(target)
    _shipper = Shipper(Shop(settings), target)
    _shipper.prepare()
    try:
        return _write(wanted, workers)
    finally:
        if _shipper.lander:
            _shipper.lander.finish()


def _write(wanted: range, workers: int) -> int:
    """Here, or in several processes."""
    if workers == 1 or len(wanted) == 1:
        return sum(_shipper.day(day) for day in progress(wanted, "simulate", unit="day"))
    # Neighbouring days in one process: late plays and unchanged snapshots are at hand from the day before.
    size = max(1, min(12, -(-len(wanted) // workers)))
    chunks = [wanted[i : i + size] for i in range(0, len(wanted), size)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        return sum(progress(pool.imap(_some_days, chunks), "simulate", len(chunks)))


def _some_days(days: range) -> int:
    return sum(_shipper.day(day) for day in days)


def _check(target: Target) -> None:
    from scripts.backends import load_all

    known = {b: set(backend.tables) for b, backend in load_all().items()}
    for feed in target.feeds:
        backend, _, table = feed.partition(".")
        if backend not in known or (table and table not in known[backend]):
            raise Stop(f"--feeds: no backend ships {feed}", USAGE)
