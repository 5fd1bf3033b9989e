"""Nightshift's schedule (deploy/crontab.example) as Airflow DAGs. Put this file into Airflow's DAG folder.

Airflow only starts the steps: what is stale, what was missed and what is late Nightshift finds by itself. So no task
takes Airflow's date, and a rerun of any task is harmless.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

NIGHTSHIFT = os.environ.get("NIGHTSHIFT", "/srv/nightshift")
DEFAULTS = {
    # a step that was killed goes on where it was; one that finds the lock taken waits for the next try
    "retries": 2,
    "retry_delay": timedelta(minutes=10),
    "append_env": True,
    "env": {
        "NIGHTSHIFT_HOME": os.environ.get("NIGHTSHIFT_HOME", f"{NIGHTSHIFT}/var"),
        "NIGHTSHIFT_BACKUP": os.environ.get("NIGHTSHIFT_BACKUP", "/mnt/backup/nightshift"),
    },
}
START = datetime(2026, 1, 1)


def step(name: str, *arguments: str, only_if: str = "") -> BashOperator:
    """One step. Exit code 1, some data was refused, is no reason to hold back what comes after it."""
    command = f"{NIGHTSHIFT}/deploy/step {' '.join((name, *arguments))} || test $? -eq 1"
    condition = f"{NIGHTSHIFT}/nightshift {only_if} || exit 99\n" if only_if else ""
    return BashOperator(
        task_id="-".join((name, *arguments)),
        bash_command=condition + command,
        skip_on_exit_code=99,
    )


def schedule(name: str, when: str, **more: object) -> DAG:
    """A DAG of which one run is active at a time, and missed ones are not made up: the night does that."""
    return DAG(name, schedule=when, start_date=START, catchup=False, max_active_runs=1, default_args=DEFAULTS, **more)


with schedule("nightshift_night", "15 2 * * *") as night_dag:
    # land, build, publish and index under one lock and on record as one night: `status` and alerts speak of it
    night = step("night")
    night >> step("post")
    night >> step("judge") >> step("decide") >> step("fraud-export")
    night >> step("recommend")
    night >> step("backup")

with schedule("nightshift_week", "45 4 * * 6") as week_dag:
    step("gc") >> [step("train", model, only_if=f"due {model}") for model in ("fraud", "recommender")]

with schedule("nightshift_hour", "5 * * * *") as hour_dag:
    step("hour")

with schedule("nightshift_mails", "*/15 * * * *") as mails_dag:
    step("deliver")
