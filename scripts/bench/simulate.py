"""How fast the simulator writes: ``python -m scripts.bench.simulate [--millions 4]``.

Each form in a process of its own; wall and processor seconds, peak memory (the largest so far), and plays a second
by the wall and for each processor second (what one core reaches when nothing else runs).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from scripts.bench.page import RESULTS, keep
from scripts.console import size, table

FORMS = {
    "gz JSON lines (as shipped)": [],
    "Parquet": ["--format", "parquet"],
    "straight into the landing": ["--into-landing"],
}


@click.command()
@click.option("--millions", default=4, show_default=True, help="Million plays, one a day.")
@click.option("--members", default=200_000, show_default=True, help="Accounts.")
@click.option("--sample/--no-sample", default=True, help="Measure the whole sample of 95 days too.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the figures.")
def main(millions: int, members: int, sample: bool, results: Path) -> None:
    """Print a table of the simulator's speed."""
    plays = ["--members", str(members), "--plays-per-day", "1000000", "--feeds", "playback.plays", "--no-truth"]
    rows = [_measure(name, [*plays, "--days", str(millions), *options]) for name, options in FORMS.items()]
    if sample:
        rows.append(_measure("the sample: 95 days, all feeds, truth", []))
    head = ["what", "plays", "wall s", "processor s", "peak memory", "plays/s", "per processor s"]
    print(table(head, rows))
    keep("simulate", {"tables": [{"head": head, "rows": rows}]}, results)


def _measure(name: str, options: list[str]) -> tuple:
    """Run the command in an empty home and read what it used."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        command = [sys.executable, "-m", "scripts.nightshift", "simulate", *options]
        env = {"NIGHTSHIFT_HOME": folder, "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    plays = int(done.stdout.split(" plays reported")[0].split()[-1].replace(",", ""))
    peak = size(after.ru_maxrss * 1024)
    return name, plays, f"{wall:.1f}", f"{used:.1f}", peak, int(plays / wall), int(plays / used)


if __name__ == "__main__":
    main()
