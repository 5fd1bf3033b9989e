"""``docs``: dbt's documentation as one page that opens from a file, published with the next night."""

from __future__ import annotations

import click

from scripts.console import DONE, FAILED, say, size, warn
from scripts.dbt_process import run_dbt, target_path
from scripts.faults import fault_point
from scripts.home import folder
from scripts.lock import night_lock


@click.command()
def docs() -> int:
    """Write the documentation of every model, column and test, with the lineage, as one HTML page.

    It needs no server: open site/index.html in a browser. The next publication puts it beside the marts.

    \b
    Examples
      ./nightshift docs && open var/site/index.html
    """
    with night_lock("docs") as lock:
        run = run_dbt(["docs", "generate", "--static"], lock)
        if run.exit_code:
            for message in run.messages:
                warn("docs", message)
            return FAILED
        page = folder("site") / "index.html"
        fault_point("docs:before-replace")
        (target_path() / "static_index.html").replace(page)
    say("docs", f"{page} ({size(page.stat().st_size)})")
    return DONE
