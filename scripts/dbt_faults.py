"""dbt that dies by SIGKILL at a named statement, when ``NIGHTSHIFT_FAULT`` names a point of the build.

Inside dbt there is no Python of ours to put a fault point into; its points are statements, told by a pattern.
"""

from __future__ import annotations

import re

from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from scripts.faults import DBT_POINTS, fault_point


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
