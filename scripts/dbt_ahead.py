"""dbt that has imported itself before it is told what to do: of a short run that is a third, and can be done meanwhile.

Reads one line from standard input, dbt's arguments as JSON, and is dbt from there on. Without a line it ends.
"""

from __future__ import annotations

import json
import sys

import dbt.adapters.duckdb.impl  # what dbt imports only once it knows profile and command
import dbt.task.build  # noqa: F401
from dbt.cli.main import cli

from scripts.dbt_faults import arm
from scripts.faults import DBT_POINTS, wanted_fault

if __name__ == "__main__" and (told := sys.stdin.readline()):
    sys.argv = ["dbt", *json.loads(told)]
    if wanted_fault() in DBT_POINTS:
        arm(wanted_fault())
    cli()
