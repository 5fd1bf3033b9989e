"""What many nights leave behind: the warehouse's size, the time of a night, dbt's start-up, one night after another.

    .venv/bin/python -m scripts.bench.year --nights 400

Each night new plays arrive, some of them of days before; every month a mart's definition changes, so its history is
made anew; every week ``gc`` runs. In the end a fresh warehouse is built from the same landing, and both are compared,
day by day by hash, and in size. Seconds are of the processor: a busy machine makes no night longer. A year that was
interrupted goes on where it was, by tens of nights.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import click
import duckdb

from scripts.bench.nights import FIRST_DAY, build, land_day
from scripts.bench.page import RESULTS, keep
from scripts.deferred import PARTS
from scripts.files import read_json, replace_json
from scripts.home import PROJECT

CHANGED = "models/marts/business/listening_daily.sql"
WHERE = "where {{ stale_days('played_on') }}"
LATE_BY = (1, 3, 6)
BEGUN = "year.json"
OUTPUTS = """
    select relation, day, output_hash from ops.fresh
    where output_hash not in ('gone', 'empty', 'created', 'started') and relation not like '%\\_\\_next' escape '\\'
    order by all
"""


@click.command()
@click.option("--nights", default=400, show_default=True)
@click.option("--plays", default=2_000, show_default=True, help="New plays a night.")
@click.option("--late", default=0.03, show_default=True, help="Share of them that is of days before.")
@click.option("--change-every", default=30, show_default=True, help="Nights between changes of a definition.")
@click.option("--gc-every", default=7, show_default=True, help="Nights between runs of gc.")
@click.option("--home", type=click.Path(path_type=Path), default=Path("var/bench/year"), show_default=True)
@click.option("--anew", is_flag=True, help="Do not go on with what is there.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the figures.")
def main(
    nights: int, plays: int, late: float, change_every: int, gc_every: int, home: Path, anew: bool, results: Path
) -> None:  # fmt: skip
    """Print a line every ten nights, then the comparison with a warehouse built anew."""
    home = home.resolve()
    if anew:
        shutil.rmtree(home, ignore_errors=True)
    (home / "spill").mkdir(parents=True, exist_ok=True)
    project = _checkout(home / "project")
    settings = {"plays": plays, "late": late, "change_every": change_every, "gc_every": gc_every}
    kept = read_json(home / BEGUN) or {"settings": settings, "rows": []}
    if kept["settings"] != settings:
        sys.exit(f"{home} was begun with {kept['settings']}; --anew begins it with {settings}")
    rows: list[dict[str, float]] = kept["rows"]
    took: list[float] = []
    for number in range(int(rows[-1]["nights"]) if rows else 0, nights):
        _arrive(home, number, plays, late)
        if number >= change_every and (number % change_every == 0 or not took):
            since = number - number % change_every
            (project / CHANGED).write_text((PROJECT / CHANGED).read_text().replace(WHERE, f"{WHERE} and {since} > 0"))
        took.append(build(home, project=project)["cpu_seconds"])
        if number % gc_every == gc_every - 1:
            _gc(home)
        if number % 10 == 9 or number == nights - 1:
            rows.append(
                {
                    "nights": number + 1,
                    "night_cpu_seconds": round(statistics.median(took[-10:]), 1),
                    "startup_cpu_seconds": build(home, step="ls", project=project)["cpu_seconds"],
                    "warehouse_mb": _megabytes(home / "warehouse"),
                    "landing_mb": _megabytes(home / "landing"),
                }
            )
            replace_json(home / BEGUN, kept)
            click.echo("  ".join(f"{name} {value}" for name, value in rows[-1].items()))
    fresh = home / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "spill").mkdir(parents=True)
    (fresh / "landing").symlink_to(home / "landing")
    build(fresh, project=project)
    living, anew = (_outputs(root) for root in (home, fresh))
    if living != anew:
        differing = sorted({str(row[:2]) for row in living ^ anew})
        sys.exit(f"the living warehouse is not the one built anew: {', '.join(differing[:10])}")
    figures = {
        "nights": nights,
        "plays": plays,
        "late_share": late,
        "change_every": change_every,
        "gc_every": gc_every,
        "size_ratio": round(_megabytes(home / "warehouse") / _megabytes(fresh / "warehouse"), 2),
        "night_ratio": round(rows[-1]["night_cpu_seconds"] / rows[0]["night_cpu_seconds"], 2),
        "startup_ratio": round(rows[-1]["startup_cpu_seconds"] / rows[0]["startup_cpu_seconds"], 2),
        "days_compared": len(living),
        "rows": rows,
    }
    click.echo("  ".join(f"{name} {value}" for name, value in figures.items() if name != "rows"))
    keep("year", figures, results)


def _checkout(project: Path) -> Path:
    """The project as it is, to be changed as months go by."""
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, project / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            project.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, project / part)
    return project


def _arrive(home: Path, number: int, plays: int, late: float) -> None:
    """A day's plays, and what is left over from the days before."""
    day, few = FIRST_DAY + timedelta(number), round(plays * late / len(LATE_BY))
    on_time = plays - few * len(LATE_BY)
    land_day(home, day, on_time, accounts=2_000, tracks=1_000)
    for place, days in enumerate(LATE_BY):
        if number >= days:
            about = day - timedelta(days)
            land_day(home, day, few, accounts=2_000, tracks=1_000, about=about, first=on_time + place * few)


def _gc(home: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "gc"],
        env={**os.environ, "NIGHTSHIFT_HOME": str(home)},
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _outputs(home: Path) -> set[tuple[object, ...]]:
    """What came out of each day of each model, by hash."""
    with duckdb.connect(str(home / "warehouse/warehouse.duckdb"), read_only=True) as connection:
        return set(connection.execute(OUTPUTS).fetchall())


def _megabytes(folder: Path) -> float:
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6, 1)


if __name__ == "__main__":
    main()
