"""What the dashboard's pages read: metrics and columns of marts, as they are. A page that computes anything is named.

A number that a page works out itself is a second definition of it. Pages are read as text, not run: every metric and
every query stands in them as a literal, and that is checked as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp

from scripts.home import PROJECT

VIEWS = PROJECT / "dashboard" / "views"
ASKED = {("data", "ask")} | {
    ("look", way) for way in ("beside", "month_tiles", "months", "ranking", "split", "tiles", "total", "trend")
}
# What adds up rows of a frame, under pandas' names.
SUMS = {
    "agg", "aggregate", "apply", "corr", "cumsum", "diff", "div", "eval", "groupby", "mean", "median", "mul",
    "pct_change", "pivot", "pivot_table", "prod", "quantile", "rolling", "sub", "sum", "value_counts",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One page of the dashboard: its file's name and text."""

    name: str
    text: str

    @cached_property
    def _calls(self) -> list[tuple[tuple[str, str], ast.Call]]:
        return [
            ((node.func.value.id, node.func.attr), node)
            for node in ast.walk(ast.parse(self.text))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ]

    @cached_property
    def metrics(self) -> set[str]:
        """Names of the metrics it asks for."""
        asked = [call.args[0] for name, call in self._calls if name in ASKED]
        items = [item for names in asked for item in getattr(names, "elts", [names])]
        return {item.value for item in items if isinstance(item, ast.Constant)}

    @cached_property
    def marts(self) -> set[str]:
        """Marts whose columns it shows, as "schema.name"."""
        tables = (table for query in self._queries() if query for table in query.find_all(exp.Table))
        return {f"{table.db}.{table.name}" for table in tables}

    def queries(self) -> list[str]:
        """Its queries as they stand in it."""
        reads = [call.args[0] for name, call in self._calls if name == ("data", "read")]
        return [text.value for text in reads if isinstance(text, ast.Constant)]

    def _queries(self) -> Iterator[exp.Expression | None]:
        """Its queries, None for one that is put together."""
        for name, call in self._calls:
            if name == ("data", "read"):
                text = call.args[0]
                whole = isinstance(text, ast.Constant)
                yield sqlglot.parse_one(text.value, dialect="duckdb") if whole else None

    def problems(self) -> Iterator[str]:
        """What it works out by itself."""
        for node in ast.walk(ast.parse(self.text)):
            if isinstance(node, (ast.BinOp, ast.AugAssign)):
                yield f"line {node.lineno} computes: {ast.unparse(node)[:60]}"
            elif isinstance(node, ast.Attribute) and node.attr in SUMS:
                yield f"line {node.lineno} computes with .{node.attr}"
        for name, call in self._calls:
            names = getattr(call.args[0], "elts", call.args[:1]) if name in ASKED else []
            if not all(isinstance(item, ast.Constant) for item in names):
                yield f"line {call.lineno} asks for metrics that are not written out"
        for query in self._queries():
            if query is None:
                yield "has a query that is put together; write it out"
            elif not isinstance(query, exp.Select) or query.find(exp.Group, exp.Join, exp.Having, exp.With):
                yield f"has a query that is more than rows of one mart: {query.sql()[:80]}"
            else:
                shown = [item for item in query.selects if not isinstance(item.unalias(), (exp.Column, exp.Star))]
                yield from (f"has a query that computes {item.sql()[:60]}" for item in shown)


def pages(folder: Path = VIEWS) -> list[Page]:
    """The dashboard's pages, by name."""
    return [Page(path.stem, path.read_text()) for path in sorted(folder.glob("*.py"))]
