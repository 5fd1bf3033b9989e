"""dbt that dies by SIGKILL at a named statement: ``python -m scripts.dbt_faults build …`` with ``NIGHTSHIFT_FAULT``.

Inside dbt there is no Python of ours to put a fault point into; its points are statements, told by a pattern. The step
``build`` starts this instead of dbt when one of them is asked for, and at no other time.
"""

from __future__ import annotations

import re
import sys

from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
from dbt.cli.main import cli

from scripts.faults import DBT_POINTS, fault_point, wanted_fault


def arm(name: str) -> None:
    """Have DuckDB's cursor visit the point after each statement that matches its pattern, or before the next one."""
    pattern, is_committed = DBT_POINTS[name]
    execute = DuckDBCursorWrapper.execute
    passed = False

    def deadly(self: DuckDBCursorWrapper, sql: str, bindings: object = None) -> DuckDBCursorWrapper:
        nonlocal passed
        if is_committed and passed and sql.strip().upper() not in ("BEGIN", "COMMIT"):
            passed = False
            fault_point(name)
        result = execute(self, sql, bindings)
        if re.search(pattern, sql):
            passed = True
            if not is_committed:
                fault_point(name)
        return result

    DuckDBCursorWrapper.execute = deadly


if __name__ == "__main__":
    arm(wanted_fault())
    sys.argv[0] = "dbt"
    cli()
