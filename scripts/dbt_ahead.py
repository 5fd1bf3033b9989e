"""dbt as Nightshift starts it: imported before it is told what to do, and without what nobody reads.

Reads one line from standard input, dbt's arguments as JSON, and is dbt from there on. Its imports are a third of a
short run, and can be done while its caller does something else. When its caller dies instead, it ends at once: it
shares the caller's lock, and whoever runs the step again must not find it taken.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from scripts.faults import DBT_POINTS, wanted_fault


def main() -> None:
    """Wait for arguments, imports done, and run dbt with them."""
    told: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(told,), daemon=True).start()
    # A project of hundreds of nodes is millions of objects that stay: looking through them for garbage after every 700
    # new ones is a tenth of dbt's time, more rarely is soon enough.
    gc.set_threshold(200_000, 10, 100)

    import dbt.adapters.duckdb.impl  # what dbt imports only once it knows profile and command
    import dbt.task.build  # noqa: F401
    from dbt.cli.main import cli

    from scripts.dbt_faults import arm
    from scripts.dbt_lean import kept_templates, trim

    trim()
    sys.argv = ["dbt", *json.loads(told.get())]
    if wanted_fault() in DBT_POINTS:
        arm(wanted_fault())
    with kept_templates(Path(sys.argv[sys.argv.index("--target-path") + 1])):
        try:
            cli()
        finally:
            gc.freeze()  # the process ends: looking through all that is left once more would take a second


def _listen(told: SimpleQueue[str]) -> None:
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    told.put(line)
    # What only reads the project ends with its caller; what writes is finished. (Not by sys.stdin: a thread that waits
    # there must not hold up the interpreter's end.)
    if json.loads(line)[0] == "parse" and not os.read(0, 1):
        os._exit(0)


if __name__ == "__main__":
    main()
