"""``clean``: back to nothing, as far as that can be made again."""

from __future__ import annotations

import click

from scripts.console import DONE, USAGE, Stop, say, size
from scripts.faults import fault_point
from scripts.files import files_below, remove_folder
from scripts.home import home
from scripts.lock import all_locks

# Made by Nightshift from what backends shipped. The locks lie in `warehouse`, which therefore goes last.
STATE = (
    "chaos",
    "ci",
    "closing",
    "dev",
    "examples",
    "exports",
    "hourly",
    "landing",
    "logs",
    "mail",
    "preview",
    "proposals",
    "published",
    "quarantine",
    "rebuild",
    "registry",
    "scratch",
    "site",
    "spark",
    "spill",
    "target",
    "vault",
    "warehouse",
)
# Made by the simulator; there is a truth only where it ran.
# The truth goes last: by it the rest is known to be the simulator's, also after a clean that was killed.
SIMULATED = ("inbox", "truth")


@click.command()
@click.option("--yes", is_flag=True, help="Also where dumps of real backends have landed.")
def clean(yes: bool) -> int:
    """Remove all run state under NIGHTSHIFT_HOME: landing, vault, warehouse, published runs, what was mailed, logs.

    The project's own files are not touched. The inbox is removed only if the simulator wrote it. Where real backends
    have landed, the landing and the vault cannot be made again from anything else: that takes --yes.
    """
    is_simulated = (home() / "truth").is_dir()
    if not home().exists():
        say("clean", f"nothing at {home()}")
        return DONE
    if not is_simulated and (home() / "landing").exists() and not yes:
        raise Stop(f"{home()} holds the landing of backends that are not simulated; say --yes if it may go", USAGE)
    freed = 0
    with all_locks("clean", wait_seconds=0):
        for name in (*STATE, *(SIMULATED if is_simulated else ())):
            folder = home() / name
            if folder.exists():
                fault_point("clean:before-folder")
                freed += sum(entry.stat().st_size for entry in files_below(folder) if entry.stat().st_nlink == 1)
                remove_folder(folder)
    say("clean", f"{size(freed)} removed from {home()}")
    return DONE
