"""Where things are: the project's own files and the run state under ``NIGHTSHIFT_HOME``."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(os.environ.get("NIGHTSHIFT_PROJECT", Path(__file__).resolve().parent.parent))


def home() -> Path:
    """The root of all run state: ``NIGHTSHIFT_HOME``, or ``var/`` beside ``dbt_project.yml``."""
    return Path(os.environ.get("NIGHTSHIFT_HOME", PROJECT / "var")).resolve()


def folder(name: str) -> Path:
    """One of the state folders (``landing``, ``quarantine``, ``vault``, ``warehouse``, …), made if missing."""
    path = home() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def of_checkout(checkout: Path) -> dict[str, str]:
    """What a child process is told to run another checkout's steps over its models, beside what it is told anyway."""
    path = filter(None, [str(checkout), os.environ.get("PYTHONPATH")])
    return {"NIGHTSHIFT_PROJECT": str(checkout), "PYTHONPATH": os.pathsep.join(path)}


@functools.cache
def variable(name: str) -> float:
    """A number among the variables of dbt_project.yml, for what SQL and Python must agree on."""
    import yaml

    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"][name]


@contextmanager
def at_home(root: Path) -> Iterator[Path]:
    """Everything inside the block, child processes included, takes ``root`` for the root of all run state."""
    before = os.environ.get("NIGHTSHIFT_HOME")
    os.environ["NIGHTSHIFT_HOME"] = str(root)
    try:
        yield root
    finally:
        if before is None:
            del os.environ["NIGHTSHIFT_HOME"]
        else:
            os.environ["NIGHTSHIFT_HOME"] = before
