"""dbt as a child process: one invocation a step, its log turned into a bar, its artifacts into plain data.

A child, and not a call in this process: its memory is given back, its hold on the warehouse file ends with it, and
when the kernel kills it for memory there is still somebody to say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.console import STOPPED, Stop
from scripts.home import PROJECT, folder, home
from scripts.lock import hand_down

TARGET = "night"


@dataclass(frozen=True)
class Result:
    """What dbt says about one node of the invocation."""

    node: str
    status: str  # success, pass, warn, fail, error, skipped, …
    message: str
    failures: int | None
    seconds: float
    compiled: str | None
    started_at: str | None  # ISO 8601, UTC; None for a node that was skipped
    thread: str | None

    @property
    def is_bad(self) -> bool:
        """A failed or broken node (one that was skipped only stands below such a one)."""
        return self.status in ("error", "fail", "runtime error")

    @property
    def name(self) -> str:
        """The node's own name: ``not_null_fct_plays_play_id`` without type, package and hash."""
        parts = self.node.split(".")
        return parts[2] if parts[0] in ("test", "model", "seed", "snapshot") else ".".join(parts[2:])


@dataclass
class Run:
    """One invocation: how it ended and what it left."""

    exit_code: int
    results: list[Result] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)  # errors that belong to no node: a parse error, a lost file


def target_path() -> Path:
    """Where the night's compiled SQL and manifest lie: apart from ``target/``, which is the analyst's."""
    return folder(os.environ.get("NIGHTSHIFT_TARGET", "target"))


def manifest() -> dict[str, Any]:
    """dbt's manifest of the last invocation."""
    path = target_path() / "manifest.json"
    return json.loads(path.read_bytes()) if path.exists() else {"nodes": {}, "exposures": {}, "groups": {}}


def last_manifest() -> dict[str, Any]:
    """The manifest an earlier invocation left; an empty one if a full disk cut it off (dbt makes a new one)."""
    try:
        return manifest()
    except ValueError:
        return {"nodes": {}, "exposures": {}, "groups": {}}


def nodes_named(names: Collection[str], project: Mapping[str, Any]) -> list[str]:
    """The models and seeds of a manifest that have these names."""
    return [
        node
        for node in project.get("child_map", {})
        if node.split(".")[-1] in names and node.split(".")[0] in ("model", "seed")
    ]


def nodes_below(nodes: Iterable[str], project: Mapping[str, Any]) -> set[str]:
    """These nodes of a manifest and all that is made of them, exposures included."""
    children = project.get("child_map", {})
    reached = list(nodes)
    seen = set(reached)
    while reached:
        for child in children.get(reached.pop(), []):
            if child not in seen:
                seen.add(child)
                reached.append(child)
    return seen


@contextmanager
def dbt_ahead(
    lock: int, project: Path = PROJECT, extra: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A dbt that gets ready while its caller does something else; to be handed to ``run_dbt`` once.

    It is for the home of this moment. If nobody needs it, or its caller dies, it ends.
    """
    process = _start(lock, extra or {}, project)
    try:
        yield process
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.terminate()
        process.wait()


@contextmanager
def parsed_ahead(lock: int) -> Iterator[Callable[[], object]]:
    """A dbt that reads the project while its caller does something else, if no dbt has read it here before.

    What is yielded waits until it has. What it finds wrong is left to the build to say; if its caller dies, it ends.
    """
    if (target_path() / "partial_parse.msgpack").exists():
        yield lambda: None
        return
    with dbt_ahead(lock) as process:
        _tell(process, ["parse", "--quiet"], TARGET)
        yield process.stdout.read


def run_dbt(
    arguments: Sequence[str],
    lock: int,
    extra: dict[str, str] | None = None,
    target: str = TARGET,
    ahead: subprocess.Popen[str] | None = None,
) -> Run:
    """Run dbt once against a target's warehouse; ``arguments`` begin with dbt's own command (``build``, …)."""
    artifact = target_path() / "run_results.json"
    artifact.unlink(missing_ok=True)
    with ahead or _start(lock, extra or {}, PROJECT) as process:
        try:
            _tell(process, ["--log-format", "json", "--log-level-file", "none", *arguments], target)
            messages = list(_watch(process))
        except BaseException:
            process.terminate()
            raise
    if process.returncode < 0:
        raise Stop(
            f"dbt was killed by signal {-process.returncode} (out of memory?); finished days are kept, run it again",
            STOPPED,
        )
    return Run(process.returncode, list(_results(artifact)), messages)


def _start(lock: int, extra: Mapping[str, str], project: Path) -> subprocess.Popen[str]:
    """A dbt that shares the lock, in a project's folder, and waits to be told what to do."""
    shared = hand_down(lock)
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.dbt_ahead"],
        cwd=project,
        env={**shared.pop("env"), **_environment(), "PYTHONPATH": path, **extra},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **shared,
    )


def _tell(process: subprocess.Popen[str], arguments: Sequence[str], target: str) -> None:
    """Tell a dbt that waits what to do; one that died meanwhile has said why."""
    wanted = [*arguments, "--target", target, "--target-path", str(target_path())]
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()


def plan_dbt(lock: int, selection: Sequence[str] = ()) -> Run:
    """Have dbt write to ``ops.plan`` what a build would make anew; nothing is built or tested."""
    arguments = ["build", *selection, "--exclude-resource-type", "test", "unit_test"]
    return run_dbt(arguments, lock, {"NIGHTSHIFT_PLAN": "1"})


def _environment() -> dict[str, str]:
    return {
        "NIGHTSHIFT_HOME": str(home()),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_LOG_PATH": str(folder("logs") / "dbt"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONUNBUFFERED": "1",
    }


def _watch(process: subprocess.Popen[str]) -> Iterator[str]:
    """Follow the log: move the bar a node at a time, keep what dbt says is wrong."""
    from tqdm import tqdm

    bar = tqdm(desc="build", unit="node", delay=2, leave=False, disable=not sys.stderr.isatty())
    for text in process.stdout or ():
        try:
            event = json.loads(text)
        except ValueError:
            if text.strip():
                yield text.strip()
            continue
        data, info = event.get("data", {}), event["info"]
        if info["name"] == "LogStartLine":
            bar.total = data.get("total")
            bar.set_postfix_str(data.get("node_info", {}).get("node_name", "")[:44], refresh=False)
        elif "status" in data and "index" in data:
            bar.update()
        elif info["level"] == "error" and "node_info" not in data and info["msg"].strip():
            yield info["msg"].strip()
    bar.close()


def _results(artifact: Path) -> Iterator[Result]:
    if not artifact.exists():
        return
    for found in json.loads(artifact.read_bytes())["results"]:
        began = [part["started_at"] for part in found["timing"] if part["started_at"]]
        yield Result(
            node=found["unique_id"],
            status=found["status"],
            message=(found["message"] or "").strip(),
            failures=found["failures"],
            seconds=found["execution_time"],
            compiled=found.get("compiled_code"),
            started_at=min(began, default=None),
            thread=found.get("thread_id"),
        )
