"""Rebuilds of history that were held back: which definitions hold meanwhile, and what waits.

After a build of everything, the project it was made with is kept as a checkout of its own below ``warehouse/``: SQL,
YAML, seeds and the steps' code. When the project is another one and its next build would make more than a few days of a
table anew, ``build --defer-rebuilds`` makes the night with the checkout that was kept. So readers get the night's news
under the old definition, whole; no mart mixes the two. ``rebuild`` makes the new one beside it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date
from typing import Any

from scripts import fingerprint
from scripts.console import FAILED, STOPPED, count, say, warn
from scripts.dbt_process import manifest, nodes_below, nodes_named, plan_dbt
from scripts.faults import fault_point
from scripts.files import point_link, read_json, remove_folder, replace_json
from scripts.home import PROJECT, folder, of_checkout
from scripts.lock import hand_down
from scripts.published import CURRENT, MAKING
from scripts.warehouse import warehouse

RECORD = "deferred.json"
KEPT = "definitions"
# What a checkout needs to build. A project without steps of its own is built by these.
PARTS = (*fingerprint.PROJECT_FILES, ".dbtignore", "retention.yml")
# A table of which no more periods are stale is made tonight.
FEW = 7

HEAVY = """
    select relation, count(*) as periods from ops.plan
    where day is not null
    group by relation
    having count(*) > $few
    order by relation
"""
REDEFINED = """
    select relation from ops.plan
    where reason in ('definition', 'definition changed', 'new') or relation not in (select relation from ops.ledger)
"""


def held_back() -> dict[str, Any] | None:
    """What waits, if anything: ``since`` (night), ``definitions`` (their fingerprint), ``models`` (periods by name)."""
    return read_json(folder("warehouse") / RECORD)


def keep() -> None:
    """Keep the project as what the warehouse was made with; nothing is held back any more."""
    root = folder("warehouse") / KEPT
    if PROJECT.is_relative_to(root.resolve()):
        return
    root.mkdir(exist_ok=True)
    name = _name()
    if not (root / name).exists():
        making = root / f"{MAKING}{name}"
        if making.exists():
            remove_folder(making)
        making.mkdir()
        for part in PARTS:
            source = PROJECT / part
            if source.is_dir():
                shutil.copytree(source, making / part, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                (making / part).parent.mkdir(exist_ok=True)
                shutil.copyfile(source, making / part)
        making.rename(root / name)
    fault_point("deferred:before-link")
    point_link(root / CURRENT, name)
    for old in root.iterdir():
        if old.name not in (CURRENT, name):
            remove_folder(old)
    (folder("warehouse") / RECORD).unlink(missing_ok=True)


def heavy(lock: int) -> dict[str, int] | None:
    """Tables of which the project as it is now would make more than a few periods anew; None: nothing to hold back."""
    kept = folder("warehouse") / KEPT / CURRENT
    if not kept.exists() or kept.resolve().name == _name():
        (folder("warehouse") / RECORD).unlink(missing_ok=True)
        return None
    known = held_back()
    if known and known["definitions"] == _name():
        return known["models"]
    if plan_dbt(lock).exit_code:
        return None
    with warehouse() as connection:
        stale = dict(connection.execute(HEAVY, {"few": FEW}).fetchall())
        redefined = {row[0] for row in connection.execute(REDEFINED).fetchall()}
    project = manifest()
    # what a plan takes to be stale for tonight's news alone is made tonight, whatever the definitions are
    touched = {node.split(".")[-1] for node in nodes_below(nodes_named(redefined, project), project)}
    return {relation: periods for relation, periods in stale.items() if relation in touched} or None


def build_as_before(models: dict[str, int], day: date | None, lock: int) -> int:
    """Build the night with the checkout that was kept; returns that build's exit code."""
    kept = (folder("warehouse") / KEPT / CURRENT).resolve()
    known = held_back()
    since = known["since"] if known else str(day)
    replace_json(folder("warehouse") / RECORD, {"since": since, "definitions": _name(), "models": models})
    fault_point("deferred:before-build")
    periods = count(sum(models.values()), "period")
    say("build", f"held back: {periods} of {count(len(models), 'table')} under new definitions ({_few(models)})")
    say("build", "tonight is built with the definitions of before; `./nightshift rebuild` makes the new ones beside it")
    shared = hand_down(lock)
    environment = {**shared.pop("env"), **of_checkout(kept), "NIGHTSHIFT_TARGET": "target/kept"}
    done = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "build", "--no-unit-tests", *(["--on", str(day)] if day else [])],
        cwd=kept,
        env=environment,
        check=False,
        **shared,
    )
    if done.returncode < 0:
        warn("build", f"killed by signal {-done.returncode}; run it again")
        return STOPPED
    return done.returncode if done.returncode <= STOPPED else FAILED


def _name() -> str:
    return fingerprint.of_models()[:16]


def _few(models: dict[str, int]) -> str:
    names = list(models)
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
