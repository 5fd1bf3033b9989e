"""The schedules that are shipped: every line is a command there is, and runs as cron, systemd and Airflow run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import click
import pytest
from test_night import make

from scripts import status
from scripts.console import DONE
from scripts.files import replace_json
from scripts.home import PROJECT
from scripts.nightshift import main

CRONTAB = PROJECT / "deploy/crontab.example"
UNITS = PROJECT / "deploy/systemd"
DAGS = PROJECT / "examples/airflow/nightshift_dag.py"
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
PLACE = "/srv/nightshift"
# What cron gives a job.
BARE = {"HOME": "/", "LOGNAME": "nightshift", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
STEP = re.compile(r"(?:deploy/step|/nightshift) ((?:[\w-]+)(?: (?![|&>;])[\w%.=-]+)*)")


def crontab() -> tuple[dict[str, str], list[tuple[list[str], str]]]:
    """Variables and (fields, command) of the example, read as cron reads it."""
    variables, jobs = {}, []
    for line in CRONTAB.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if found := re.fullmatch(r"(\w+)\s*=\s*(.*)", line):
            variables[found[1]] = found[2]
        else:
            *fields, command = line.split(None, 5)
            jobs.append((fields, command))
    return variables, jobs


def units(section_key: str) -> list[str]:
    """Values of a key in all units."""
    lines = [line for path in UNITS.iterdir() for line in path.read_text().splitlines()]
    return [line.partition("=")[2] for line in lines if line.startswith(f"{section_key}=")]


def of_units() -> list[str]:
    """The commands of all services; of a template once for each instance that a timer starts."""
    found = []
    for path in UNITS.glob("*.service"):
        commands = re.findall(r"^Exec(?:Start|Condition)=-?(.*)$", path.read_text(), re.MULTILINE)
        template = re.escape(path.stem) + r"([\w-]+)\.service"
        instances = [match[1] for unit in units("Unit") if (match := re.fullmatch(template, unit))]
        is_template = path.stem.endswith("@")
        found += [command.replace("%i", each) for command in commands for each in (instances if is_template else [""])]
    return found


def steps_of(commands) -> set[str]:
    """The steps that commands run, with their arguments."""
    return {match for command in commands for match in STEP.findall(command)}


def test_every_step_of_the_schedules_exists_and_takes_its_options(monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_BACKUP", "/mnt/backup")
    found = steps_of([*of_units(), *(command for _, command in crontab()[1])])
    assert len(found) > 12, found
    for step in found:
        name, *arguments = shlex.split(step)
        command = main.get_command(click.Context(main), name)
        assert command is not None, f"{step}: there is no such step"
        command.make_context(name, arguments)


def test_the_crontab_is_one_that_cron_takes():
    variables, jobs = crontab()
    assert {"NIGHTSHIFT", "NIGHTSHIFT_HOME", "NIGHTSHIFT_BACKUP"} <= set(variables)
    assert not [value for name, value in variables.items() if "$" in value and name != "NIGHTSHIFT_ALERT_COMMAND"]
    for fields, command in jobs:
        for field, (lowest, highest) in zip(fields, FIELDS, strict=True):
            for number in re.findall(r"\d+", field):
                assert lowest <= int(number) <= highest, (field, command)
            assert re.fullmatch(r"\*(/\d+)?|[\d,-]+(/\d+)?", field), (field, command)
        assert "%" not in command.replace(r"\%", ""), f"cron ends the command at the first %: {command}"
        unknown = set(re.findall(r"\$(\w+)", command)) - set(variables) - {"said"}
        assert not unknown, command
        assert subprocess.run(["/bin/bash", "-n", "-c", command], check=False).returncode == 0, command


def test_systemd_and_cron_run_the_same_steps():
    assert steps_of(of_units()) == steps_of(command for _, command in crontab()[1])
    services = {path.name for path in UNITS.glob("*.service")}
    for unit in units("Unit"):
        assert re.sub(r"@[\w-]+\.", "@.", unit) in services, unit


def test_a_step_says_nothing_when_all_is_well_and_the_end_of_its_log_when_not(tmp_path):
    environment = {**BARE, "NIGHTSHIFT_HOME": str(tmp_path / "home")}

    def run(*arguments):
        return subprocess.run(
            [PROJECT / "deploy/step", *arguments], env=environment, cwd="/", text=True, capture_output=True, check=False
        )

    done = run("status")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, "", "")
    done = run("status", "--check")
    assert done.returncode == 3
    assert "./nightshift status --check ended with exit code 3" in done.stdout
    assert "UNKNOWN - no night has been published yet" in done.stdout
    (log,) = (tmp_path / "home/logs").iterdir()
    assert log.name == f"status-{datetime.now(UTC):%Y-%m-%d}.log"
    assert log.read_text().count("./nightshift status") >= 2


@pytest.mark.parametrize(("hours", "code", "word"), [(25, 0, "OK"), (27, 1, "WARNING"), (51, 2, "CRITICAL")])
def test_a_night_that_is_late_says_so_before_its_readers_do(tmp_path, hours, code, word):
    ended = datetime.now(UTC) - timedelta(hours=hours)
    found = {
        "last_night": {"on": "2026-01-01", "code": DONE},
        "seconds_since_last_night": (datetime.now(UTC) - ended).total_seconds(),
        "published": {"run_id": "2026-01-01-1", "marts": [], "rolled_back": []},
        "sources": [],
        "anomalies": [],
        "bytes": {},
    }
    said = status.judge(found, 26, 50)
    assert said[0] == code
    assert said[1].startswith(word)
    assert (f"the last night ended {hours} h ago" in said[1]) == bool(code) or hours > 48


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here (Debian: apt-get install systemd)")
def test_systemd_takes_the_units(tmp_path):
    for path in UNITS.iterdir():
        text = path.read_text().replace(PLACE, str(PROJECT)).replace("User=nightshift", "User=root")
        (tmp_path / path.name).write_text(text)
    names = [f"{tmp_path}/{re.sub('@.', '@night.', path.name)}" for path in sorted(UNITS.iterdir())]
    made = [path for path in names if "@night." in path]
    for path in made:
        shutil.copy(path.replace("@night.", "@."), path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], text=True, capture_output=True, check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "nightshift" in line]
    assert (done.returncode, told) == (0, []), done.stderr
    for when in units("OnCalendar"):
        subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True)


@pytest.mark.nightly
def test_the_night_s_line_runs_a_night_as_cron_does(tmp_path):
    project = make(tmp_path / "project")
    for day in (1, 2):
        project.arrive(f"2026-01-0{day}")
    variables, jobs = crontab()
    (line,) = [command for _, command in jobs if command.endswith("step night")]
    environment = {
        **BARE,
        **variables,
        "NIGHTSHIFT": str(PROJECT),
        "NIGHTSHIFT_HOME": str(project.home),
        "NIGHTSHIFT_PROJECT": str(project.root),
        "NIGHTSHIFT_PROJECT_MACROS": str(PROJECT / "macros"),
    }
    for _ in range(2):
        done = subprocess.run(
            ["/bin/bash", "-c", line], env=environment, cwd="/", text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (DONE, "", "")
        assert project.current == "2026-01-02-1"
    (check,) = [command for _, command in jobs if "status --check" in command]
    done = subprocess.run(
        ["/bin/bash", "-c", check], env=environment, cwd="/", text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (DONE, ""), "silence means well"
    last = project.home / "warehouse/last_night.json"
    record = {**json.loads(last.read_text()), "finished_at": "2026-01-01 00:00:00+00:00"}
    replace_json(last, record)
    done = subprocess.run(
        ["/bin/bash", "-c", check], env=environment, cwd="/", text=True, capture_output=True, check=False
    )
    assert done.stdout.startswith("CRITICAL - the last night ended")


@pytest.mark.on_demand
def test_airflow_parses_the_dags(tmp_path):
    """In a virtual environment of its own: Airflow is nothing the product needs."""
    python = tmp_path / "airflow/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "airflow"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "apache-airflow==3.1.*"], check=True)
    environment = {**BARE, "AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    script = f"""
import importlib.util
from airflow.sdk import DAG
spec = importlib.util.spec_from_file_location("dags", {str(DAGS)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for dag in (value for value in vars(module).values() if isinstance(value, DAG)):
    dag.validate()
    for task in dag.topological_sort():
        print(dag.dag_id, task.task_id, task.bash_command.replace(chr(10), " "))
"""
    done = subprocess.run([python, "-c", script], env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    tasks = {tuple(line.split(" ")[:2]): line for line in done.stdout.splitlines() if line.startswith("nightshift_")}
    assert ("nightshift_night", "night") in tasks
    assert steps_of(tasks.values()) == steps_of(command for _, command in crontab()[1] if "status" not in command)
