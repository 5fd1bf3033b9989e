"""``plan --diff``: what is stale, built in a copy of the warehouse, and how its marts differ from those there now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from scripts.build import last_sequence, marts
from scripts.comparing.differences import Difference, compare, keys_by_name
from scripts.comparing.telling import as_page, as_text
from scripts.console import DONE, FAILED, REFUSED, Stop, count, say, warn
from scripts.dbt_process import manifest
from scripts.home import at_home
from scripts.lock import night_lock
from scripts.scratch import copy_warehouse, scratch_home, step
from scripts.warehouse import warehouse, warehouse_file

UNTESTED = ("--exclude", "resource_type:test", "--exclude", "resource_type:unit_test")


def show_differences(day: date | None, select: Sequence[str], html: Path | None) -> int:
    """Build what is stale beside the warehouse and tell what differs; exit code 4 if a model cannot be built."""
    with scratch_home("plan") as root:
        sequence = copy_warehouse(root)
        on = ["--on", str(day)] if day else []
        selection = [text for name in select for text in ("--select", name)]
        with at_home(root):
            code, said = step(["build", *on, *selection, *UNTESTED])
        if code:
            warn("plan", said.rstrip())
            return FAILED
        differences = differences_from(root, sequence)
    say("plan", f"{count(len(differences), 'mart')} would differ" if differences else "no mart would differ")
    for text in as_text(differences):
        print(text, flush=True)
    if html:
        notes = [f"As of {day}: the warehouse as it is, and as the next build would make it."]
        html.write_text(as_page("What the next build would change", notes, differences))
        say("plan", f"the same as a page: {html}")
    return DONE


def differences_from(root: Path, sequence: int) -> list[Difference]:
    """How the marts of the home ``root`` differ from this home's, which stood at ``sequence`` when it was copied."""
    with at_home(root):
        project, built = manifest(), warehouse_file()
    with night_lock("plan --diff"):
        with warehouse(read_only=True) as connection:
            if last_sequence(connection) != sequence:
                raise Stop("a build has changed the warehouse meanwhile; run the plan again", REFUSED)
        return compare(warehouse_file(), built, marts(project), keys_by_name(project))
