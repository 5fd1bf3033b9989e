"""A home beside the living one, to build in what nobody shall see yet: the same landing, a copy of the warehouse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from scripts.console import STOPPED, Stop, size
from scripts.faults import fault_point
from scripts.files import remove_folder
from scripts.home import PROJECT, folder, home, of_checkout
from scripts.lock import HANDED_DOWN, night_lock
from scripts.warehouse import settings, warehouse, warehouse_file

# What a build reads beside its warehouse.
SHARED = ("landing",)


@contextmanager
def scratch_home(name: str) -> Iterator[Path]:
    """An empty home ``scratch/<name>`` over this home's landing; removed in the end, and before if one was left.

    One of a name at a time: a second one stops with exit code 3.
    """
    root = home() / "scratch" / name
    with night_lock(name, f"scratch-{name}"):
        if root.exists():
            remove_folder(root)
        share(root)
        try:
            yield root
        finally:
            remove_folder(root)


def share(root: Path, names: Iterable[str] = SHARED) -> None:
    """Make a folder a home that reads these folders of this one; links that are there already stay."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (root / name).is_symlink():
            (root / name).symlink_to(folder(name))


def copy_warehouse(into: Path) -> int:
    """This home's warehouse, with its ledger, as that of the home ``into``; returns the ledger's newest number.

    Taken under the night's lock, which is held no longer than the copy takes. The copy's records of landed files are
    rewritten to the other home's paths: a build finds them as it left them, instead of reading every manifest again.
    """
    source = warehouse_file()
    with night_lock("copy of the warehouse"):
        with warehouse() as connection:
            connection.execute("checkpoint")
            sequence = connection.execute("select coalesce(max(sequence), 0) from ops.ledger").fetchone()[0]
        copy_file(source, into / "warehouse" / source.name)
    fault_point("scratch:copied")
    point_at(into / "warehouse" / source.name, home(), into)
    return sequence


def point_at(file: Path, old: Path, new: Path) -> None:
    """Rewrite a warehouse's records of landed files from one home's paths to another's; its views follow at a build."""
    here, there = str(old / "landing"), str(new / "landing")
    with duckdb.connect(str(file), config=settings()) as connection:
        for table, column in (("landed_dumps", "manifest_path"), ("landed_files", "path")):
            connection.execute(
                f"update ops.{table} set {column} = $there || substr({column}, length($here) + 1) "
                f"where starts_with({column}, $here || '/')",
                {"here": here, "there": there},
            )
        connection.execute("delete from ops.source_views")


def copy_file(source: Path, target: Path) -> None:
    """Copy a large file, sharing its blocks where the file system can; says first if there is no room for it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    needed, free = source.stat().st_size, shutil.disk_usage(target.parent).free
    if needed > free:
        raise Stop(f"a copy of {source} takes {size(needed)}, and {size(free)} are free", STOPPED)
    subprocess.run(["cp", "--reflink=auto", str(source), str(target)], check=True)


def step(arguments: list[str], checkout: Path | None = None, **more: str) -> tuple[int, str]:
    """Run ``./nightshift …`` in the present home as a process of its own; returns its exit code and what it said.

    ``checkout``: with another checkout's code and models instead of this one's.
    """
    environment = {name: value for name, value in os.environ.items() if name != HANDED_DOWN}
    # said, because another checkout would look for its own var/
    environment |= {"NIGHTSHIFT_HOME": str(home()), **more}
    if checkout:
        environment |= of_checkout(checkout)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", *arguments],
        cwd=checkout or PROJECT,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode < 0:
        raise Stop(f"./nightshift {arguments[0]} was killed by signal {-done.returncode}; run it again", STOPPED)
    return done.returncode, done.stdout


def json_said(said: str) -> Any:  # noqa: ANN401 (JSON)
    """The document that a step told ``--json`` has printed among its lines."""
    return json.loads(next(line for line in said.splitlines() if line.startswith("{")))
