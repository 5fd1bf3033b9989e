"""``report``: one night as a page: its steps, a timeline of what dbt ran, what failed, what changed for readers.

The page is made of the night's own records in the landing (``runs``, ``run_nodes``, ``mart_versions``), so it can be
made of any night, also when the warehouse is gone. It needs no server and loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import duckdb
import jinja2

from scripts.console import DONE, USAGE, Stop, count, duration, say, size
from scripts.files import replace_text
from scripts.home import folder

PAGE = "night.html"
NIGHTS, SLOWEST, CHANGED = 30, 25, 40
# The timeline's width and the height of a lane, in units of the drawing.
WIDTH, LANE = 1000, 26
RUN = re.compile(r"(\d{4}-\d\d-\d\d)-\d{8}T\d{6}")


@click.command()
@click.argument("run", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it (default: site/night.html)."
)
def report(run: str | None, out: Path | None) -> int:
    """Write what happened in a night as one HTML page: the newest night on record, or the RUN named.

    Each night writes its own to site/night.html, and the next publication puts it beside the marts.

    \b
    Examples
      ./nightshift report && open var/site/night.html
      ./nightshift report 2026-02-25-20260226T021500 --out night.html    a night before (operations.fct_runs names them)
    """
    page = write_report(run, out or folder("site") / PAGE)
    say("report", f"{page} ({size(page.stat().st_size)})")
    return DONE


def write_report(run: str | None, page: Path) -> Path:
    """Write the page of a run, the newest if none is named; returns its path. Raises ``Stop`` if there is no record."""
    found = night_on_record(run)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"seconds": lambda value: duration(float(value or 0)), "size": size, "number": "{:,}".format}
    page.parent.mkdir(parents=True, exist_ok=True)
    replace_text(page, environment.get_template("report.html.j2").render(**found))
    return page


def night_on_record(run: str | None) -> dict[str, Any]:
    """A night as the page wants it, from the landing alone."""
    days = sorted(path.name[3:] for path in (folder("landing") / "nightshift" / "runs").glob("dt=*"))
    with duckdb.connect() as connection:
        if run is None:
            run = next((found["run_id"] for day in reversed(days) for found in _nights(connection, [day])[-1:]), None)
        matched = RUN.fullmatch(run or "")
        arrived = str(date.fromisoformat(matched[1]) + timedelta(days=1)) if matched else ""
        steps = _read(connection, "runs", [arrived], f"run_id = '{run}'", "started_at, step") if matched else []
        if not steps:
            raise Stop(f"no night {run or 'at all'} is on record (operations.fct_runs has those there are)", USAGE)
        nodes = _read(connection, "run_nodes", [arrived], f"run_id = '{run}'", "started_at, node")
        marts = _read(connection, "mart_versions", [arrived], f"run_id = '{run}'", "mart")
        nights = _nights(connection, [day for day in days if day <= arrived][-NIGHTS:])
    night = next(step for step in steps if step["step"] == "night")
    steps = [step for step in steps if step["step"] != "night"]
    bad = [node for node in nodes if node["status"] in ("error", "fail", "runtime error", "warn")]
    models = [node for node in nodes if node["kind"] in ("model", "seed", "snapshot")]
    changed = [mart for mart in marts if mart["is_changed"]]
    return {
        "night": night,
        "steps": steps,
        "bad": bad,
        "skipped": [node["name"] for node in models if node["status"] == "skipped"],
        "counts": {
            "models": count(len(models), "model"),
            "rebuilt": count(sum(node["days_written"] is not None for node in models), "table"),
            "tests": count(sum(node["kind"] in ("test", "unit_test") for node in nodes), "test"),
            "changed": count(len(changed), "mart"),
        },
        "slowest": sorted(nodes, key=lambda node: -(node["seconds"] or 0))[:SLOWEST],
        "changed": sorted(changed, key=lambda mart: -(mart["row_count"] or 0))[:CHANGED],
        "more_changed": max(len(changed) - CHANGED, 0),
        "late": [mart for mart in marts if mart["late_since"]],
        "timeline": timeline(night, steps, nodes),
        "nights": nights,
        "longest": max(float(found["seconds"] or 0) for found in nights) or 1,
    }


def timeline(night: dict[str, Any], steps: Sequence[dict[str, Any]], nodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Bars (lane, x, width in units of the drawing) of the night's steps and, lane by thread, of what dbt ran."""
    begin: datetime = night["started_at"]
    whole = max((night["finished_at"] - begin).total_seconds(), 1e-3)
    threads = {node["thread"] for node in nodes if node["started_at"]}
    lanes = ["steps", *sorted(threads, key=lambda name: (len(name), name))]
    bars = []
    for found in [*steps, *(node for node in nodes if node["started_at"])]:
        seconds = float(found["seconds"] or 0)
        x = WIDTH * (found["started_at"] - begin).total_seconds() / whole
        name = found.get("name") or found["step"]
        how = found.get("status") or found["outcome"]
        bars.append(
            {
                "lane": lanes.index(found["thread"]) if "thread" in found else 0,
                "x": round(min(max(x, 0), WIDTH), 2),
                "width": round(max(min(WIDTH * seconds / whole, WIDTH), 0.4), 2),
                "kind": found.get("kind") or "step",
                "is_bad": how not in ("success", "pass", "ok"),
                "label": name if "thread" not in found and WIDTH * seconds / whole > 8 * len(name) else "",
                "words": f"{name}: {how}, {duration(seconds)}",
            }
        )
    ticks = [{"x": WIDTH * part / 4, "words": duration(whole * part / 4)} for part in range(5)]
    lanes = [(name or "").removesuffix(" (worker)") for name in lanes]
    return {"lanes": lanes, "bars": bars, "ticks": ticks, "width": WIDTH, "lane": LANE}


def _nights(connection: duckdb.DuckDBPyConnection, days: Sequence[str]) -> list[dict[str, Any]]:
    """The nights recorded on some days of arrival, in order."""
    return _read(connection, "runs", days, "step = 'night'", "started_at")


def _read(
    connection: duckdb.DuckDBPyConnection, table: str, days: Sequence[str], where: str, order: str
) -> list[dict[str, Any]]:
    """Rows of one of the night's records that arrived on some days. A column older dumps lack is null."""
    root = folder("landing") / "nightshift" / table
    files = [str(path) for day in days for path in sorted(root.glob(f"dt={day}/*/*.parquet"))]
    if not files:
        return []
    source = "read_parquet(?, union_by_name = true, hive_partitioning = false)"
    result = connection.execute(f"select * from {source} where {where} order by {order}", [files])
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
