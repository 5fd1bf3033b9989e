"""``spark``: the portable models built on Spark, from the same landing, to see that both engines say the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click

from scripts.console import DONE, FAILED, count, say
from scripts.files import replace_json
from scripts.home import PROJECT, home


@click.command()
@click.option("--select", multiple=True, help="dbt's own selection syntax, e.g. +listening_daily.")
def spark(select: tuple[str, ...]) -> int:
    """Build models on Spark instead of DuckDB (target `spark`, a session in this process; needs Java 17).

    Reads the same landing and keeps a ledger of its own under `spark/`; nothing of it is published. Meant for
    comparing the engines and for a day when one machine is too small.

    \b
    Examples
      ./nightshift spark --select +listening_daily
      ./nightshift spark                              everything; models that use DuckDB's own words will fail

    Exit code 4: a model or a test failed.
    """
    found = list_manifests(home())
    say("spark", f"{count(found, 'dump')} in the landing")
    selection = [part for value in select for part in ("--select", value)]
    command = [str(Path(sys.executable).parent / "dbt"), "build", "--target", "spark", "--target-path", "target/spark"]
    done = subprocess.run([*command, *selection], cwd=PROJECT, env=os.environ, check=False)
    return FAILED if done.returncode else DONE


def list_manifests(state: Path) -> int:
    """Write all manifests into one file, each with its folder in the landing: Spark does not see files named ``_…``."""
    paths = sorted((state / "landing").glob("*/*/*/*/_manifest.json"))
    (state / "spark").mkdir(exist_ok=True)
    replace_json(
        state / "spark/manifests.json",
        [json.loads(path.read_text()) | {"folder": f"{path.parent.relative_to(state / 'landing')}/"} for path in paths],
    )
    return len(paths)
