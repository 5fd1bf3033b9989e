"""What went wrong in a night or in sending, told to a command of the user's choice (``NIGHTSHIFT_ALERT_COMMAND``).

The command gets one JSON document on its standard input, and its first line of sense in ``NIGHTSHIFT_ALERT_SUBJECT``:
``mail -s "$NIGHTSHIFT_ALERT_SUBJECT" oncall@example.com``, ``curl --json @- https://chat.example.com/hook``, ``cat``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import duckdb

from scripts.build import REPORT, exposures_below, owner_of
from scripts.console import DONE, FAILED, REFUSED, Stop, say, warn
from scripts.dbt_process import manifest
from scripts.files import read_json
from scripts.home import folder
from scripts.published import Published, current_folder
from scripts.warehouse import first_rows, warehouse

COMMAND, SUBJECT = "NIGHTSHIFT_ALERT_COMMAND", "NIGHTSHIFT_ALERT_SUBJECT"
SECONDS = 60
# Of so many failing tests so many rows are told; `./nightshift rows` shows the rest.
TESTS_SHOWN, ROWS_SHOWN = 3, 5


def alert(night: date, codes: dict[str, int]) -> None:
    """Tell of a night that did not end well, with one JSON document."""
    if os.environ.get(COMMAND) and any(code != DONE for code in codes.values()):
        tell(what_broke(night, codes))


def tell(found: Mapping[str, Any]) -> None:
    """Tell the user's command, if there is one; what went wrong does not go wronger for its alarm."""
    command = os.environ.get(COMMAND)
    if not command:
        return
    try:
        done = subprocess.run(
            command,
            shell=True,  # the user's own command line, from the environment of the one who runs the step
            input=json.dumps(found, indent=1, default=str),
            text=True,
            env={**os.environ, SUBJECT: found["subject"]},
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        warn("alert", f"{COMMAND} did not run: {error}")
        return
    if done.returncode:
        warn("alert", f"{COMMAND} ended with exit code {done.returncode}; it was to say: {found['subject']}")
    else:
        say("alert", f"told {COMMAND}: {found['subject']}")


def what_broke(night: date, codes: dict[str, int]) -> dict[str, Any]:
    """The night's troubles: each with owner, readers, since when, a few failing rows, and the command to try next."""
    report = read_json(folder("warehouse") / REPORT) or {}
    project = manifest()
    here = current_folder()
    shown = Published.read(here) if here else None
    troubles = []
    if codes.get("land") == REFUSED:
        troubles.append({"what": "some data was refused at the door", "next": "./nightshift status"})
    for step, code in codes.items():
        if code not in (DONE, REFUSED, FAILED):
            troubles.append({"what": f"{step} stopped (exit code {code})", "next": f"./nightshift {step}"})
    if FAILED in codes.values():
        failures = report.get("failed", [])
        found = failing_rows([failed for failed in failures if failed["node"].startswith("test.")][:TESTS_SHOWN])
        troubles += [{**_failure(failed, project, shown), "rows": found.get(failed["node"], [])} for failed in failures]
    step = next(step for step, code in codes.items() if code != DONE)
    names = ", ".join(trouble["what"] for trouble in troubles[:3]) or f"{step} ended with exit code {codes[step]}"
    more = f" and {len(troubles) - 3} more" if len(troubles) > 3 else ""
    return {
        "subject": f"Nightshift, night of {night}: {names}{more}",
        "night": str(night),
        "codes": codes,
        "troubles": troubles,
        "readers_see": here.name if here else None,
    }


def failing_rows(tests: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """A few of the rows that failing tests found, by test, column by column; people stand in them as pseudonyms.

    The caller holds the night's lock. Rows that cannot be had (the warehouse is what broke) are left out.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        with warehouse(read_only=True) as connection:
            for test in tests:
                names, rows = first_rows(connection, test["compiled"], ROWS_SHOWN)
                found[test["node"]] = [dict(zip(names, row, strict=True)) for row in rows]
    except (duckdb.Error, Stop) as error:
        warn("alert", f"the failing rows cannot be shown: {error}")
    return found


def _failure(failed: dict[str, Any], project: dict[str, Any], shown: Published | None) -> dict[str, Any]:
    """One failed model or test: whose it is, who reads what it stands for, and how to see the rows."""
    node = project["nodes"].get(failed["node"], {})
    about = project["nodes"].get(node.get("attached_node") or "", node)
    fqn = about.get("fqn") or ["", "", ""]
    domain = fqn[2] if len(fqn) > 2 else ""
    late = shown.domains.get(domain).late_since if shown and domain in shown.domains else None
    is_test = failed["node"].startswith(("test.", "unit_test."))
    name = failed.get("name") or failed["node"].split(".")[2]
    return {
        "what": f"{name} failed",
        "message": failed.get("message"),
        "domain": domain,
        "owner": owner_of(about, project),
        "since": late or "tonight",
        "readers": [
            {"name": exposure["name"], "owner": exposure.get("owner", {}).get("email")}
            for exposure in exposures_below([about["unique_id"]] if about else [], project)
        ],
        "next": f"./nightshift rows {name}" if is_test else "./nightshift build",
    }
