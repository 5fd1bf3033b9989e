"""``ci``: what a branch changes, built and tested in a copy of the main branch's warehouse, as one review to read."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts import fingerprint
from scripts.build import REPORT, marts, readers_of
from scripts.comparing.contracts import Change, contract_changes
from scripts.comparing.differences import Difference, compare, keys_by_name
from scripts.comparing.review import review
from scripts.console import DONE, FAILED, STOPPED, USAGE, Stop, count, duration, say, warn
from scripts.dbt_process import manifest, target_path
from scripts.faults import fault_point
from scripts.files import read_json, remove_folder, replace_json
from scripts.home import PROJECT, at_home, folder
from scripts.landed import newest_arrival
from scripts.lock import night_lock
from scripts.preview import UNTESTED
from scripts.scratch import copy_warehouse, json_said, scratch_home, share, step
from scripts.warehouse import first_rows, settings, warehouse, warehouse_file

REVIEW = Path("target/ci/review.md")
MADE_OF = "made_of.json"
ROWS_SHOWN = 5
# Of the models that a branch changes, so many are timed, each for no longer than that.
TIMED_MODELS, TIMED_SECONDS = 5, 30.0
LINTED = ("models/", "campaigns/", "tests/sql/")


@dataclass
class Check:
    """One thing that was asked of the branch."""

    name: str
    passed: bool
    seconds: float
    said: str = ""


@dataclass
class Timing:
    """Seconds of a model's query over all of history, as it was and as it is (None: stopped, or not there)."""

    model: str
    before: float | None
    after: float | None


@dataclass
class Findings:
    """All that the review tells."""

    branch: str
    against: str
    base: str
    day: str
    files: list[str]
    checks: list[Check] = field(default_factory=list)
    modified: dict[str, str] = field(default_factory=dict)  # model → new, SQL, settings
    stale: list[dict[str, Any]] = field(default_factory=list)  # of the plan: model, days, reasons
    rebuilt: list[dict[str, Any]] = field(default_factory=list)
    tests: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)  # node, message, failures, rows
    contracts: list[Change] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    readers: list[dict[str, str]] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """True if nothing failed."""
        return all(check.passed for check in self.checks)


@click.command()
@click.option("--against", default="main", show_default=True, help="The branch this one is to be merged into.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help=f"The review's file.  [{REVIEW}]")
def ci(against: str, output: Path | None) -> int:
    """Check this checkout against the branch it left: lint, build what changed, test it, and write a review.

    What is built is what the ledger says the change makes stale, with everything below it, in a copy of the warehouse
    that the other branch's code makes of the same landing. That warehouse is kept under ci/ in NIGHTSHIFT_HOME and
    brought up to date by content, like any; without any data there, the other branch makes nights of the sample first.

    The review (Markdown) says which models changed, which promises, and for whom that breaks something, how the rows
    of every mart differ, what each changed query costs beside the old one, and what failed.

    \b
    Examples
      ./nightshift ci                                    against main
      ./nightshift ci --against origin/main --output review.md

    Exit code 4: a check, a model or a test failed; 2: no such branch.
    """
    began = time.monotonic()
    base = _git("merge-base", against, "HEAD")
    listed = _git("diff", "--name-only", "-z", base) + "\0" + _git("ls-files", "-o", "-z", "--exclude-standard")
    files = sorted({name for name in listed.split("\0") if name})
    branch = _git("rev-parse", "--abbrev-ref", "HEAD")
    branch = _git("rev-parse", "--short", "HEAD") if branch == "HEAD" else branch
    output = output or PROJECT / REVIEW
    output.parent.mkdir(parents=True, exist_ok=True)
    checkout = _checkout(base)
    with ThreadPoolExecutor(1) as beside, night_lock("ci", "ci"):
        # one after the other, beside the build: both together keep two cores busy
        lints = [beside.submit(_lint, name, command) for name, command in _lint_commands(files)]
        base_home, day = _base(checkout, base)
        found = Findings(branch, against, base[:10], str(day), files)
        with at_home(base_home), scratch_home("ci") as root:
            _build(found, root, base_home)
        found.checks = [*_results(lints), *found.checks]
    found.seconds = time.monotonic() - began
    output.write_text("\n".join(review(found)) + "\n")
    _tell(found, output)
    return DONE if found.passed else FAILED


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise Stop(f"git {' '.join(arguments)}: {done.stderr.strip() or 'nothing in common'}", USAGE)
    return done.stdout.strip()


def _checkout(commit: str) -> Path:
    """The files of a commit, in a folder of their own; those of other commits are removed."""
    root = folder("ci") / "checkouts"
    final = root / commit
    if not final.exists():
        root.mkdir(exist_ok=True)
        for other in root.iterdir():
            remove_folder(other)
        making = root / f".making-{commit}"
        making.mkdir()
        with (
            subprocess.Popen(["git", "archive", commit], cwd=PROJECT, stdout=subprocess.PIPE) as archive,
            tarfile.open(fileobj=archive.stdout, mode="r|") as files,
        ):
            files.extractall(making, filter="data")
        if archive.returncode:
            raise Stop(f"git archive {commit} ended with {archive.returncode}", STOPPED)
        fault_point("ci:before-rename")
        making.rename(final)
    return final


def _lint_commands(files: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What is asked of the text of the branch; SQL that did not change is not linted again."""
    python = sys.executable
    sql = [name for name in files if name.endswith(".sql") and name.startswith(LINTED) and (PROJECT / name).exists()]
    if sql:
        yield "sqlfluff", [python, "-m", "sqlfluff", "lint", "--disable-progress-bar", *sql]
    yield "rules", [python, "-m", "scripts.nightshift", "rules"]
    yield "sources", [python, "-m", "scripts.nightshift", "sources", "--check"]
    yield "ruff", [python, "-m", "ruff", "check", "."]
    yield "ruff format", [python, "-m", "ruff", "format", "--check", "."]


def _lint(name: str, command: list[str]) -> Check:
    began = time.monotonic()
    root = PROJECT / "target" / "lint"
    (root / "dev").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "NIGHTSHIFT_HOME": str(root)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return Check(name, done.returncode == 0, time.monotonic() - began, done.stdout.strip())


def _results(lints: list[Future[Check]]) -> list[Check]:
    return [lint.result() for lint in lints]


def _base(checkout: Path, commit: str) -> tuple[Path, Any]:
    """The home whose warehouse the other branch's models made of this home's landing, brought up to date."""
    if newest_arrival() is None:
        say("ci", f"there is no data here yet: {commit[:10]} makes nights of the sample, once")
        _or_stop(step(["night", "--sample"], checkout), "the sample's nights")
    day = newest_arrival()
    root = folder("ci") / "base"
    share(root)
    wanted = {"definitions": fingerprint.of_models(checkout), "on": str(day), "engine": duckdb.__version__}
    file = root / "warehouse" / warehouse_file().name
    if not file.exists() and warehouse_file().exists():
        copy_warehouse(root)
    with at_home(root):
        if read_json(root / MADE_OF) != wanted or not file.exists():
            (root / MADE_OF).unlink(missing_ok=True)
            began = time.monotonic()
            _or_stop(step(["build", "--on", str(day), *UNTESTED], checkout), f"the build of {commit[:10]}")
            replace_json(root / MADE_OF, wanted)
            say("ci", f"the warehouse of {commit[:10]} as of {day} ({duration(time.monotonic() - began)})")
        else:
            say("ci", f"the warehouse of {commit[:10]} as of {day}, as kept")
    return root, day


def _or_stop(done: tuple[int, str], what: str) -> None:
    code, said = done
    if code:
        warn("ci", said.rstrip())
        raise Stop(f"{what} ended with exit code {code}; without it there is nothing to compare with", STOPPED)


def _build(found: Findings, root: Path, base_home: Path) -> None:
    """Plan, build, test and compare in the scratch home; all at the base's home."""
    copy_warehouse(root)
    before = manifest()
    with at_home(root):
        began = time.monotonic()
        code, said = step(["plan", "--json", "--on", found.day])
        found.checks.append(
            Check("compile and plan", code == 0, time.monotonic() - began, said.strip() if code else "")
        )
        if code:
            return
        found.stale = json_said(said)["models"]
        after = manifest()
        found.modified = dict(_modified(before, after))
        _release_everything()
        began = time.monotonic()
        selection = [*(entry["model"] for entry in found.stale), "state:modified"]
        state = ["--state", str(base_home / "target")]
        code, said = step(
            ["build", "--on", found.day, *(text for name in selection for text in ("--select", name)), *state],
            DBT_INDIRECT_SELECTION="eager",
        )
        report = read_json(folder("warehouse") / REPORT) or {}
        found.checks.append(Check("build and test", code == 0, time.monotonic() - began, said.strip() if code else ""))
        found.rebuilt, found.tests = report.get("rebuilt", []), report.get("tests", 0)
        found.failed = [_with_rows(failed) for failed in report.get("failed", [])]
        built = warehouse_file()
    found.contracts = contract_changes(before, after)
    found.differences = compare(warehouse_file(), built, marts(after), keys_by_name(after))
    differing = {difference.mart.split(".")[1] for difference in found.differences}
    found.readers = readers_of(differing, after)
    found.timings = list(_timings(found, before, after, built, root))


def _modified(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Models whose own text or settings are others, with what is."""
    for key, node in after["nodes"].items():
        if node["resource_type"] not in ("model", "seed"):
            continue
        old = before["nodes"].get(key)
        if old is None:
            yield node["name"], "new"
        elif old["checksum"] != node["checksum"]:
            yield node["name"], "SQL" if node["resource_type"] == "model" else "rows"
        elif old["unrendered_config"] != node["unrendered_config"] or old["columns"] != node["columns"]:
            yield node["name"], "YAML"


def _release_everything() -> None:
    """Call all that the copy holds published, so that tests look at the days the branch changes and no others."""
    with warehouse() as connection:
        connection.execute(
            "insert into ops.releases select domain, max(sequence), 'ci', current_timestamp::timestamp "
            "from ops.ledger group by domain"
        )


def _with_rows(failed: dict[str, Any]) -> dict[str, Any]:
    """A failed test with the first of the rows it found."""
    if not failed["node"].startswith("test.") or not failed["failures"]:
        return {**failed, "rows": None}
    with warehouse(read_only=True) as connection:
        return {**failed, "rows": first_rows(connection, failed["compiled"], ROWS_SHOWN)}


def _timings(
    found: Findings, before: dict[str, Any], after: dict[str, Any], built: Path, root: Path
) -> Iterator[Timing]:
    """Time the changed models' queries, whole, on either side, the better of two runs each."""
    changed = {name for name, what in found.modified.items() if what == "SQL"}
    asked = [
        (old, node)
        for key, node in sorted(after["nodes"].items())
        if node["name"] in changed and node["resource_type"] == "model" and (old := before["nodes"].get(key))
    ]
    for old, node in asked[:TIMED_MODELS]:
        sides = ((warehouse_file(), target_path(), old), (built, root / "target", node))
        seconds = [_time(file, target, side) for file, target, side in sides]
        if any(second is not None for second in seconds):
            yield Timing(node["name"], *seconds)


def _time(file: Path, target: Path, node: dict[str, Any]) -> float | None:
    compiled = target / "compiled" / node["package_name"] / node["original_file_path"]
    if not compiled.exists():
        return None
    best = None
    with duckdb.connect(str(file), read_only=True, config=settings()) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for _ in range(2):
            timer = threading.Timer(TIMED_SECONDS, connection.interrupt)
            timer.start()
            began = time.monotonic()
            try:
                connection.execute(f"create or replace temp table timed as {compiled.read_text()}")
            except duckdb.Error:
                return best
            finally:
                timer.cancel()
            took = time.monotonic() - began
            best = took if best is None else min(best, took)
    return best


def _tell(found: Findings, output: Path) -> None:
    for check in found.checks:
        say("ci", f"{'ok    ' if check.passed else 'FAILED'} {check.name} ({duration(check.seconds)})")
        if not check.passed:
            warn("ci", check.said[-3000:])
    breaking = sum(change.is_breaking for change in found.contracts)
    say(
        "ci",
        f"{count(len(found.modified), 'model')} changed, {count(len(found.rebuilt), 'table')} rebuilt, "
        f"{count(len(found.differences), 'mart')} differ, {count(breaking, 'breaking change')} of contracts",
    )
    say("ci", f"the review is in {output} ({duration(found.seconds)})")
