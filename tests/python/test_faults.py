"""Fault points: one list of them, which the code keeps to; no module writes without naming one."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faults import DBT_POINTS, POINTS

ROOT = Path(__file__).resolve().parent.parent.parent
# What makes a module one that writes: calls by name, and SQL that leaves something behind.
WRITING = {
    "commit", "commit_parquet", "copyfile", "copytree", "fsync", "link", "point_link", "remove_folder", "rename",
    "replace_json", "rmtree", "symlink_to", "touch", "unlink", "write_bytes", "write_text",
}  # fmt: skip
SQL = re.compile(
    r"(?i)^\s*(insert (or \w+ )?into|create (or replace )?(table|schema)|update \w+ set|delete from|alter table|copy) "
)
# Modules that write and name no point, each with the reason why nothing can be half done by them.
EXCUSED = {
    "scripts/anomalies.py": "a dump's measures are one statement, a night's verdicts one transaction; both made again",
    "scripts/comparing/differences.py": "tables of its own memory",
    "scripts/dbt_lean.py": "compiled templates, replaced whole; a file that was cut off is made anew",
    "scripts/dbt_process.py": "takes away dbt's last result before the next; its own points are dbt's statements",
    "scripts/determinism.py": "works in a scratch home, which is removed before the next",
    "scripts/faults.py": "the list itself: what it tells dbt's statements by looks like SQL",
    "scripts/estimate.py": "seconds of builds before, replaced whole; nothing but an estimate is made of them",
    "scripts/evaluate.py": "prints figures; a file of them is written anew each time",
    "scripts/evaluate_recommender.py": "prints figures; a file of them is written anew each time",
    "scripts/mail/outbox.py": "tables of its own memory",
    "scripts/metrics.py": "prints figures; a file of them is written anew each time",
    "scripts/models/interactions.py": "tables of its own memory",
    "scripts/models/stories.py": "an example, in tables of its own memory",
    "scripts/models/stream_limits.py": "an example, in tables of its own memory",
    "scripts/models/streams.py": "an example, in tables of its own memory",
    "scripts/models/nightly.py": "tables of dbt's own session",
    "scripts/pictures.py": "the README's pictures, written by a person at work",
    "scripts/preview.py": "a page for who asked, written anew each time",
    "scripts/retrieval/evaluation.py": "prints figures; a file of them is written anew each time",
    "scripts/retrieval/rivals.py": "tables of its own memory",
    "scripts/sources.py": "the project's own YAML, written by a person at work, compared in make lint",
    "scripts/spark.py": "one list, replaced whole; nothing of Spark's is published",
    "scripts/superset.py": "the project's own YAML, written by a person at work, compared in the tests",
    "scripts/warehouse.py": "the night's day, written again at the beginning of each build",
}


def called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def writes(tree: ast.AST) -> set[str]:
    """What a module writes by."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in WRITING:
            found.add(called(node))
        if isinstance(node, ast.Call) and called(node) == "replace" and len(node.args) == 1 and not node.keywords:
            found.add("replace")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            found.add("SQL")
    return found


def named(tree: ast.AST) -> list[str]:
    """The points a module visits, as patterns: an f-string's holes stand for anything."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) == "fault_point":
            (name,) = node.args
            parts = name.values if isinstance(name, ast.JoinedStr) else [name]
            if not isinstance(name, ast.Name):
                found.append("".join(re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in parts))
    return found


def modules() -> dict[str, ast.AST]:
    paths = [
        path
        for path in (ROOT / "scripts").rglob("*.py")
        if not {"bench", "chaos", "simulator"} & set(path.relative_to(ROOT).parts)
    ]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in sorted(paths)}


def test_every_module_that_writes_names_a_fault_point():
    bare = {name for name, tree in modules().items() if writes(tree) and not named(tree)}
    assert bare - set(EXCUSED) == set(), "these write and can be killed nowhere by name: give them a fault_point"
    assert set(EXCUSED) - bare == set(), "these are excused for nothing"


@pytest.mark.parametrize(
    "code",
    [
        "path.rename(other)",
        "path.replace(other)",
        "os.fsync(1)",
        "commit('sends', rows, day)",
        "c.execute('insert into t values (1)')",
        "c.execute(f\"copy (select 1) to '{path}'\")",
    ],
)
def test_a_module_that_writes_is_seen_to(code):
    assert writes(ast.parse(code))
    assert not named(ast.parse(code))


def test_code_and_list_have_the_same_points():
    patterns = {pattern for tree in modules().values() for pattern in named(tree)}
    unused = [p for p in POINTS if p not in DBT_POINTS and not any(re.fullmatch(q, p) for q in patterns)]
    assert unused == [], "these are listed and nowhere visited"
    assert [q for q in patterns if not any(re.fullmatch(q, p) for p in POINTS)] == [], (
        "these are not listed in scripts/faults.py"
    )
    assert set(DBT_POINTS) <= set(POINTS)


def run(code: str, fault: str) -> subprocess.CompletedProcess:
    code = f"from scripts.faults import fault_point\n{code}\nprint('alive')"
    environment = {**os.environ, "NIGHTSHIFT_FAULT": fault}
    return subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)


def test_a_process_dies_where_it_was_told_to_and_nowhere_else():
    code = "for _ in range(3): fault_point('land:staged'); print('passed')"
    done = run(code, "land:staged#3")
    assert (done.returncode, done.stdout.count("passed")) in ((-signal.SIGKILL, 2), (-signal.SIGKILL, 0))
    assert run(code, "land:typed").stdout.endswith("alive\n")


def test_a_fault_nobody_knows_is_an_error():
    """A kill test with a name misspelt would kill nobody and pass."""
    assert "which is no fault point" in run("fault_point('land:staged')", "land:stagged").stderr
