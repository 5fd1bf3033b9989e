"""``docs``: dbt's documentation as one page that opens from a file, published with the next night."""

from __future__ import annotations

import base64

import click

from scripts.console import DONE, FAILED, say, size, warn
from scripts.dbt_process import run_dbt, target_path
from scripts.faults import fault_point
from scripts.home import PROJECT, folder
from scripts.lock import night_lock

# The overview's picture (models/overview.md), which the page carries in itself.
PICTURE = "docs/img/architecture.svg"


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
        page, made = folder("site") / "index.html", target_path() / "static_index.html"
        made.write_text(with_picture(made.read_text()))
        fault_point("docs:before-replace")
        made.replace(page)
    say("docs", f"{page} ({size(page.stat().st_size)})")
    return DONE


def with_picture(page: str) -> str:
    """The page with the overview's picture in itself instead of beside it, where the overview shows it."""
    if PICTURE not in page:
        return page
    picture = base64.b64encode((PROJECT / PICTURE).read_bytes()).decode()
    return page.replace(PICTURE, f"data:image/svg+xml;base64,{picture}")
