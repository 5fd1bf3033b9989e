"""``replay``: an empty warehouse made of the landing alone, compared mart by mart with the living one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import click
import duckdb

from scripts.build import as_date, marts
from scripts.commitments import committed_files
from scripts.comparing.differences import Difference, compare, keys_by_name
from scripts.comparing.telling import as_text
from scripts.console import DONE, FAILED, USAGE, Stop, count, duration, say, warn
from scripts.dbt_process import manifest
from scripts.home import at_home
from scripts.lock import night_lock
from scripts.preview import UNTESTED
from scripts.publish import NOTHING, content_hashes, hash_of_days
from scripts.published import Published, published_runs
from scripts.scratch import scratch_home, step
from scripts.warehouse import get_day, recorded_hashes, warehouse, warehouse_file

ON_RECORD = """
    select mart, content_hash
    from (
        select *, max(run_id) over () as last_run
        from read_parquet($files)
        where logical_on = $day
    )
    where run_id = last_run and late_since is null and content_hash is not null
"""


@click.command()
@click.option(
    "--to",
    "to_day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="As of this day: the warehouse's own (the default), or that of any night on record.",
)
def replay(to_day: datetime | None) -> int:
    """Build an empty warehouse from the landing, what Nightshift has committed included, and compare it.

    What has been posted, closed, issued, sent and judged lies in the landing like any fact, so the marts must come out
    as they are, closed months too. It is built beside the warehouse (under scratch/), takes as long as a first build,
    and is thrown away. As of the warehouse's day it is compared row by row; as of an earlier one by the hashes on
    record: those of the run published that night or, if it is no longer kept, those that the night left in the landing
    (operations.fct_mart_versions), which are the same on every engine.

    \b
    Examples
      ./nightshift replay
      ./nightshift replay --to 2026-02-14

    Exit code 4: a mart differs (build first: a definition that was changed and not yet built differs, too).
    """
    began = time.monotonic()
    living = living_day()
    day = as_date(to_day) or living
    run = next((run for run in reversed(published_runs()) if run.night == str(day)), None)
    recorded = {} if run or day in (None, living) else _on_record(day)
    if day is None or (day != living and not run and not recorded):
        nights = sorted({run.night for run in published_runs()} | {str(living)} | _nights_on_record())
        raise Stop(f"there is nothing of {day} to compare with; there is: {', '.join(nights)}", USAGE)
    with scratch_home("replay") as root:
        with at_home(root):
            code, said = step(["build", "--on", str(day), *UNTESTED])
            if code:
                warn("replay", said.rstrip())
                return FAILED
            described = marts(manifest())
        say("replay", f"an empty warehouse built up to {day} ({duration(time.monotonic() - began)})")
        if day == living:
            _, differing = unlike_living(root)
            for text in as_text(differing):
                print(text, flush=True)
        elif run:
            differing = _unlike_published(root, run)
        else:
            differing = _unlike_record(root, recorded)
    return _tell(len(recorded or described), differing, day)


def living_day() -> date | None:
    """The day that the warehouse is of; None if nothing is built."""
    with night_lock("replay"), warehouse() as connection:
        return get_day(connection)


def unlike_living(root: Path) -> tuple[int, list[Difference]]:
    """How the marts that were built in the home ``root`` differ from this home's; and how many were compared."""
    with at_home(root):
        described, keys, made = marts(project := manifest()), keys_by_name(project), warehouse_file()
    with night_lock("replay"):
        return len(described), compare(warehouse_file(), made, described, keys)


def _unlike_published(root: Path, run: Published) -> list[str]:
    """Marts whose hash is another than the record of a published run says."""
    with at_home(root), warehouse(read_only=True) as connection:
        days = recorded_hashes(connection)
    found = [mart.key for mart in run.marts if mart.hash and mart.hash != hash_of_days(days.get(mart.name, {}))]
    for key in found:
        warn("replay", f"{key} is not what {run.run_id} published")
    return found


def _on_record(day: date) -> dict[str, str]:
    """The hash of each mart as the last night of a day left it, in the landing; without marts that were late."""
    if not (files := committed_files("mart_versions")):
        return {}
    return dict(duckdb.execute(ON_RECORD, {"files": files, "day": day}).fetchall())


def _nights_on_record() -> set[str]:
    files = committed_files("mart_versions")
    asked = "select distinct cast(logical_on as varchar) from read_parquet($files)"
    return {row[0] for row in duckdb.execute(asked, {"files": files}).fetchall()} if files else set()


def _unlike_record(root: Path, recorded: Mapping[str, str]) -> list[str]:
    """Marts whose portable hash is another than a night has left on record."""
    with at_home(root), warehouse(read_only=True) as connection:
        made = {name: content for name, (_, content) in content_hashes(connection).items()}
    found = [key for key in sorted(recorded) if made.get(key.split(".")[1], NOTHING) != recorded[key]]
    for key in found:
        warn("replay", f"{key} is not what was published then")
    return found


def _tell(compared: int, differing: list[Difference] | list[str], day: date) -> int:
    same = compared - len(differing)
    say("replay", f"as of {day}: {count(same, 'mart')} of {compared:,} the same, {len(differing):,} differ")
    return FAILED if differing else DONE
