"""``ci`` on a branch of a small project: what a colleague reads of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
import yaml
from ledger_harness import ROOT
from test_night import MANY_PLAYS, STREAMS, make

from scripts.ci import LINTED
from scripts.console import DONE, FAILED, USAGE

LISTENING = "models/marts/business/listening_daily.sql"


def git(project, *arguments):
    command = ["git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", *arguments]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


def review(project):
    done = project.run("ci", "--against", "main", "--output", str(project.root / "review.md"))
    return done, (project.root / "review.md").read_text()


def test_the_workflow_runs_what_one_runs_at_one_s_desk():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    made = [words[1] for step in steps if (words := step.get("run", "").split())[:1] == ["make"]]
    assert made == ["test", "ci"]
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text())
    assert set(made) <= set(targets)
    for step in steps:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", step.get("uses", "actions/none@v0.0.0")), "by version"


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_all_sql_is_laid_out_as_one_project(tmp_path):
    """`ci` lints the files a branch changes; a macro, or a merge without it, can spoil others."""
    (tmp_path / "dev").mkdir()
    command = [sys.executable, "-m", "sqlfluff", "lint", "--disable-progress-bar", "--processes", "0", *LINTED]
    env = {**os.environ, "NIGHTSHIFT_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.nightly
def test_a_branch_is_built_beside_main_s_warehouse_and_reviewed(tmp_path):
    project = make(tmp_path / "project")
    for day in (1, 2, 3):
        project.arrive(f"2026-01-0{day}", MANY_PLAYS if day == 3 else MANY_PLAYS[:12])
    assert project.run("night").returncode == DONE
    (project.root / ".gitignore").write_text("var\ntarget\nlogs\nreview.md\n")
    git(project, "init", "--initial-branch", "main")
    git(project, "add", ".")
    git(project, "commit", "--message", "as it is")
    git(project, "checkout", "-b", "branch")
    assert project.run("ci", "--against", "no-such-branch").returncode == USAGE
    before = project.hashes()

    project.edit(LISTENING, "count(*) as plays", "count(*) + case when count(*) > 2 then 1 else 0 end as plays")
    assert project.run("ci", "--against", "main", fault="ci:before-rename").returncode == -signal.SIGKILL
    done, text = review(project)
    assert "build and test | passed" in text and "compile and plan | passed" in text, done.stdout + done.stderr
    assert "| `listening_daily` | SQL | 2026-01-01 … 2026-01-03 (3 days) | 3 |" in text
    assert "3 changed of 3 → 3 rows" in text and "| plays | 3 | 144 | 147 | +3 |" in text
    assert "| changed played_on=2026-01-01 | plays 12 → 13 |" in text
    assert "`fct_plays`" not in text, "what the branch leaves alone is not built"
    assert re.search(r"\| `listening_daily` \| [\d.]+ s \| [\d.]+ s \| × [\d.]+ \|", text)
    assert project.hashes() == before and not list((project.home / "ci/base/scratch").iterdir())

    project.edit(LISTENING, STREAMS, f"case when count(*) < 100 then {STREAMS} end")
    done, text = review(project)
    assert done.returncode == FAILED
    assert "as kept" in done.stdout, "main's warehouse is made once"
    assert "### `not_null_listening_daily_streams`" in text
    assert "| 2026-01-03 | 121 | null |" in text, "the rows that the test found"
