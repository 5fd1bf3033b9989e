"""``hour``: the newsroom's files of the hour in, stories and ranks made, tested and published, beside the night."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from subprocess import Popen

import click

from scripts.console import DONE, FAILED, REFUSED, count, duration, say
from scripts.dbt_process import dbt_ahead
from scripts.faults import fault_point
from scripts.lock import night_lock
from scripts.news.project import own_home, own_project

PATIENCE = 600.0  # seconds to wait for an hour that is not done


@click.command()
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d %H:%M"]),
    help="The hour (UTC) of the headlines; what happened after its end stays hidden. Default: the newest there is.",
)
def hour(at: datetime | None) -> int:
    """Headlines of the hour: land what the newsroom shipped, find stories, rank them, test, publish.

    It has a warehouse, a target folder and a lock of its own (hourly/ under NIGHTSHIFT_HOME), so a night may run
    meanwhile. The hour of 14:00 is made of everything that happened before 15:00. An hour that was missed is made up
    for by the next; one run twice, or after a file that came late, gives what it would have given with everything in
    time. When an hour is made again that is older than what readers see, they go on seeing the newest.

    Readers find published/hourly/current: a page, an Atom feed and JSON for each edition, and headlines.parquet. Each
    edition is put on record in the landing, from where the night reads it (news.fct_headlines).

    \b
    Examples
      ./nightshift hour                          from cron, a few minutes past the hour
      ./nightshift hour --at 2026-03-01T14:00Z   the hour that began at 14:00

    Exit code 1: some files were refused, the headlines are made of the others; 4: a test failed, the last good
    headlines stay.
    """
    began = time.monotonic()
    # The next hour waits for this one, because it would find less done if it went away.
    with night_lock("hour", "hour", PATIENCE) as lock, _dbt_ahead(lock) as dbt:
        from scripts.news import making  # side by side with what dbt imports

        refused = making.land_newsroom(at)
        wanted = at.replace(minute=0, second=0) if at else making.newest_hour()
        fault_point("hour:after-land")
        if not making.build(wanted, lock, dbt):
            return FAILED
        fault_point("hour:after-build")
        rows = making.headlines()
        final = making.publish(wanted, rows)
        fault_point("hour:before-commit")
        making.put_on_record(wanted, rows, final)
        fault_point("hour:after-commit")
        making.remove_old()
    editions = count(len({row["edition"] for row in rows}), "edition")
    say("hour", f"{wanted:%Y-%m-%dT%H:00Z}: {editions}, {final.name} ({duration(time.monotonic() - began)})")
    return REFUSED if refused else DONE


@contextmanager
def _dbt_ahead(lock: int) -> Iterator[Popen[str]]:
    """dbt for the hour's own project, getting ready while files land."""
    with ExitStack() as held:
        with own_home():
            dbt = held.enter_context(dbt_ahead(lock, own_project()))
        yield dbt
