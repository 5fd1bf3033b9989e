"""``night``: land, build and publish what has arrived, and say in the end what happened and what to do next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import click

from scripts import console, fingerprint, sizes
from scripts.alert import alert
from scripts.backends import load_all
from scripts.build import REPORT
from scripts.console import DONE, FAILED, REFUSED, STOPPED, USAGE, Stop, count, duration, say, warn
from scripts.dbt_process import parsed_ahead
from scripts.deferred import held_back
from scripts.faults import fault_point
from scripts.files import read_json, replace_json
from scripts.history import Step, commit_night
from scripts.home import PROJECT, folder
from scripts.landed import Dump, arrivals, dumps, landed_days
from scripts.lock import hand_down, night_lock, sign
from scripts.nightshift import has_step
from scripts.published import CURRENT, ROLLED_BACK, current_folder
from scripts.vault import due
from scripts.warehouse import warehouse_file

LAST = "last_night.json"

# The order of a night; a step that this project does not have is left out.
STEPS = ("land", "build", "publish", "index", "export")

# The sample backends: the days their first load holds, and the nights that `make night` adds to it.
FIRST_LOAD, SAMPLE_NIGHTS = 84, 3


@dataclass
class Night:
    """One night as it goes."""

    day: date
    before: set[Dump]
    defers_rebuilds: bool = False
    steps: list[Step] = field(default_factory=list)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)

    @property
    def codes(self) -> dict[str, int]:
        """How each step ended."""
        return {step.name: step.code for step in self.steps}

    @property
    def seconds(self) -> dict[str, float]:
        """How long each step took."""
        return {step.name: step.seconds for step in self.steps}

    @property
    def code(self) -> int:
        """The exit code of the whole: what stopped outweighs what failed, what failed what was refused."""
        return max(self.codes.values(), key=(DONE, REFUSED, FAILED, STOPPED).index, default=DONE)


@click.command()
@click.option(
    "--on", "on_day", type=click.DateTime(["%Y-%m-%d"]), help="The night of this day: what arrived later stays hidden."
)
@click.option(
    "--sample", is_flag=True, help="Nights over the simulated backends; their dumps are made first if there are none."
)
@click.option(
    "--first",
    type=click.IntRange(1),
    default=FIRST_LOAD,
    show_default=True,
    help="With --sample: days in the first load.",
)
@click.option(
    "--nights", type=click.IntRange(0), default=SAMPLE_NIGHTS, show_default=True, help="With --sample: nights after it."
)
@click.option(
    "--defer-rebuilds",
    is_flag=True,
    envvar="NIGHTSHIFT_DEFER_REBUILDS",
    help="Hold back what a changed definition makes of history: see `./nightshift rebuild`.",
)
def night(on_day: datetime | None, sample: bool, first: int, nights: int, defer_rebuilds: bool) -> int:
    """Land what backends have shipped, build what that makes stale, test it, publish what passed.

    Between landing and building, whoever has asked for it is forgotten (see `./nightshift vault erase`).

    Without --on, every arrival day after the last night has a night of its own, in order, so nights missed while the
    machine was off are made up; the first load takes everything at once. With nothing new in the inbox and an
    unchanged project, it says so and does nothing.

    \b
    Examples
      ./nightshift night                       from cron, once a day
      ./nightshift night --on 2026-02-14       as if nothing had arrived after that day
      ./nightshift night --defer-rebuilds      new definitions wait, tonight's news does not
      ./nightshift night --sample              the sample: a first load of 84 days, then three nights
      ./nightshift night --sample --first 60 --nights 35

    Killed anywhere, run it again: it goes on where it was. Exit code 4: a domain kept its last good night; 1: some
    data was refused (see `./nightshift status`); 3: another night is running.
    """
    with night_lock("night") as lock, parsed_ahead(lock) as parsed:
        if sample:
            _make_sample(first + nights, lock)
        last = read_json(folder("warehouse") / LAST) if warehouse_file().exists() else None
        worst = DONE
        for day in _nights(last, on_day.date() if on_day else None, sample, first, nights):
            code = _run(day, lock, parsed, defer_rebuilds)
            worst = max(worst, code, key=(DONE, REFUSED, FAILED, STOPPED).index)
            if code == STOPPED:
                break
    return worst


def _make_sample(days: int, lock: int) -> None:
    """The sample backends' dumps of the first ``days`` days, once."""
    from scripts.simulator.settings import Settings

    made = folder("truth") / "sample.json"
    if arrivals() and not (read_json(made) or list(folder("truth").iterdir())):
        raise Stop(f"{folder('inbox')} holds dumps that are not simulated; --sample is for an empty one", USAGE)
    last = Settings().date(min(days, Settings().days) - 1)
    if (read_json(made) or {}).get("to", "") < str(last):
        say("night", f"simulating the sample backends up to {last}, once")
        if code := _call(["simulate", "--to", str(last)], lock)[0]:
            raise Stop(f"the sample could not be made (exit code {code})", STOPPED)
        replace_json(made, {"to": str(last)})


def _nights(last: dict[str, Any] | None, on_day: date | None, sample: bool, first: int, nights: int) -> list[date]:
    """The days whose night is due, in order."""
    if on_day:
        return [on_day]
    has_live = any(backend.source.kind == "postgres" for backend in load_all().values())
    today = {datetime.now(UTC).date()} if has_live else set()
    shipped = sorted({*arrivals(), *landed_days(), *today})
    if not shipped:
        raise Stop("no backend has shipped anything: the inbox is empty (try `./nightshift night --sample`)", USAGE)
    if sample:
        shipped = shipped[: first + nights]
    if last is None:
        begin = min(first, len(shipped)) if sample else len(shipped)
        return shipped[begin - 1 :]
    missed = [day for day in shipped if str(day) > last["on"]]
    return missed or [date.fromisoformat(last["on"])]


def _run(day: date, lock: int, parsed: Callable[[], object], defer_rebuilds: bool) -> int:
    """One night; ``parsed`` waits until dbt has read the project."""
    running = Night(day, set(dumps(day)), defer_rebuilds)
    _step(running, "land", lock)
    if running.code != STOPPED and due(day):
        _step(running, "erase", lock)
    if running.code == STOPPED:
        return _stopped(running)
    known = fingerprint.of_night(day)
    last = read_json(folder("warehouse") / LAST)
    if last and warehouse_file().exists() and _is_done(last, running, known):
        return _nothing_new(last, running)
    parsed()
    for step in STEPS[1:]:
        if has_step(step):
            _step(running, step, lock)
            if running.codes[step] == STOPPED:
                return _stopped(running)
    fault_point("night:before-record")
    here = current_folder()
    record = {
        "format": 1,
        "on": str(day),
        "code": running.code,
        "codes": running.codes,
        "fingerprint": known,
        "held_back": held_back() is not None,
        "run_id": here.name if here else None,
        "seconds": {step: round(seconds, 2) for step, seconds in running.seconds.items()},
        "started_at": running.started_at.isoformat(" ", "seconds"),
        "finished_at": datetime.now(UTC).isoformat(" ", "seconds"),
    }
    _commit(running, record["run_id"])
    fault_point("night:after-commit")
    replace_json(folder("warehouse") / LAST, record)
    fault_point("night:after-record")
    sizes.record(day)
    _summary(running)
    _tell_outside(running)
    return running.code


def _commit(running: Night, run_id: str | None) -> None:
    """Put the night on record in the landing. ``run_id`` is the published run that readers see, if it got so far."""
    new = [dump.manifest() for dump in set(dumps(running.day)) - running.before]
    report = read_json(folder("warehouse") / REPORT) or {}
    if not any((node["started_at"] or "") >= running.started_at.isoformat() for node in report.get("nodes", [])):
        report = {}  # an earlier build's: in this night nothing was stale, or it did not get so far
    seconds = {step.name: round(step.seconds, 2) for step in running.steps}
    failed = [failed["node"] for failed in report.get("failed", [])]
    facts = {
        "rows_landed": sum(manifest["rows"] for manifest in new),
        "rows_quarantined": sum(sum((manifest.get("quarantined") or {}).values()) for manifest in new),
        "days_built": sum(max(len(entry["days"]), 1) for entry in report.get("rebuilt", [])),
        "published_run": run_id,
        "version": version(),
        "details_json": json.dumps({"codes": running.codes, "failed": failed, "run_id": run_id, "seconds": seconds}),
    }
    whole = Step(
        "night",
        running.code,
        running.started_at,
        time.monotonic() - running.began,
        max((step.peak_memory for step in running.steps), default=0),
    )
    last = read_json(folder("warehouse") / LAST) or {}
    commit_night(running.day, whole, running.steps, facts, report.get("nodes", []), last.get("run_id"))


def _step(running: Night, step: str, lock: int) -> None:
    """Run one step as the command it is, and keep how it ended, how long it took and how much memory."""
    began, started_at = time.monotonic(), datetime.now(UTC)
    sign(lock, f"night {running.day}: {step}")
    fault_point(f"night:before-{step}")
    command = {"erase": ["vault", "erase", "--requests"]}.get(step, [step])
    arguments = ["--on", str(running.day)] if step in ("land", "erase", "build") else []
    if step == "build":
        arguments.append("--no-unit-tests")  # they look at definitions: whoever changes one runs them
        arguments += ["--defer-rebuilds"] if running.defers_rebuilds else []
    code, peak_memory = _call([*command, *arguments], lock)
    code = code if code in (DONE, REFUSED, FAILED) else STOPPED
    running.steps.append(Step(step, code, started_at, time.monotonic() - began, peak_memory))


def _call(arguments: list[str], lock: int) -> tuple[int, int]:
    """Another step in a process of its own, under this night's lock: its exit code and the peak memory in bytes.

    The memory is that of the largest process, its own children's included (wait4). A step that was killed takes the
    night with it.
    """
    process = subprocess.Popen([sys.executable, "-m", "scripts.nightshift", *arguments], **hand_down(lock))
    try:
        _, ended, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    process.returncode = code = os.waitstatus_to_exitcode(ended)
    if code < 0:
        warn("night", f"{arguments[0]} was killed by signal {-code}; run the night again")
    return code, usage.ru_maxrss * 1024


def _is_done(last: dict[str, Any], running: Night, known: str) -> bool:
    """True if the last night saw all this and ended well (readers may have been rolled back since: let them).

    A night that held definitions back is not done once they are made beside it, or are wanted tonight.
    """
    if last.get("held_back") and not (running.defers_rebuilds and held_back()):
        return False
    here = current_folder()
    rolled_back = read_json(folder("published") / ROLLED_BACK) or []
    is_shown = here is not None and (here.name == last["run_id"] or last["run_id"] in rolled_back)
    went_well = all(code == DONE for step, code in last["codes"].items() if step != "land")
    return went_well and last["on"] == str(running.day) and last["fingerprint"] == known and is_shown


def _nothing_new(last: dict[str, Any], running: Night) -> int:
    say(
        "night",
        f"nothing new: nothing has arrived and nothing in the project has changed since the night of {last['on']} "
        f"({duration(sum(running.seconds.values()))})",
    )
    here = current_folder()
    if here and here.name != last["run_id"]:
        warn(
            "night",
            f"readers see {here.name}, because {last['run_id']} was rolled back; `./nightshift publish` goes forward",
        )
    return DONE


def _stopped(running: Night) -> int:
    step = list(running.codes)[-1]
    warn("night", f"the night of {running.day} stopped in {step}: readers keep what they have; run it again")
    try:
        _commit(running, None)
    except Exception as error:  # whatever stopped the night may stop its record, too
        warn("night", f"not on record: {error}")
    _tell_outside(running)
    return STOPPED


def _tell_outside(running: Night) -> None:
    """Figures for monitoring, a page for people, an alarm if there is something to say; a night fails for none."""
    from scripts.report import PAGE, write_report
    from scripts.status import leave_metrics

    try:
        leave_metrics()
        write_report(None, folder("site") / PAGE)
    except (OSError, Stop) as error:
        warn("night", f"no figures or page of this night: {error}")
    alert(running.day, running.codes)


def _summary(running: Night) -> None:
    """What a person wants to know in the morning."""
    new = sorted(set(dumps(running.day)) - running.before)
    manifests = [dump.manifest() for dump in new]
    print(f"\n── the night of {running.day} {'─' * 60}")
    _say_arrived(manifests)
    report = read_json(folder("warehouse") / REPORT) or {}
    _say_rebuilt(report)
    _say_quarantine(report, {manifest["arrived_on"] for manifest in manifests})
    times = [f"{step} {duration(seconds)}" for step, seconds in running.seconds.items()]
    peak = max(step.peak_memory for step in running.steps)
    print(f"Took         {', '.join(times)}; at most {console.size(peak)} of memory")
    print(f"Marts        {folder('published') / CURRENT}/marts.duckdb (and finance.duckdb, business.duckdb, facts/)")
    for text in _next_steps(running):
        print(f"Next         {text}")
    print("─" * 84, flush=True)


def _say_arrived(manifests: list[dict[str, Any]]) -> None:
    tables: dict[str, Counter[str]] = defaultdict(Counter)
    for manifest in manifests:
        tables[manifest["backend"]][manifest["table"]] += manifest["rows"]
    rows = [
        [backend, len(found), sum(found.values()), ", ".join(f"{t} {n:,}" for t, n in found.most_common(4))]
        for backend, found in sorted(tables.items())
    ]
    print(f"Arrived      {count(len(manifests), 'dump')}, {count(sum(m['rows'] for m in manifests), 'row')}")
    if rows:
        print(console.table(["backend", "tables", "rows", "most of it"], rows, indent=" " * 13))


def _say_rebuilt(report: dict[str, Any]) -> None:
    rebuilt = report.get("rebuilt", [])
    reasons: Counter[str] = Counter()
    for entry in rebuilt:
        reasons.update({reason: max(len(entry["days"]), 1) for reason in entry["reasons"][:1]})
    why = ", ".join(f"{reason} ({number:,})" for reason, number in reasons.most_common(5))
    days = sum(max(len(entry["days"]), 1) for entry in rebuilt)
    of = count(report.get("models", 0), "model")
    print(f"Rebuilt      {count(len(rebuilt), 'table')} of {of}, {count(days, 'day')}{f': {why}' if why else ''}")


def _say_quarantine(report: dict[str, Any], arrived: set[str]) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for entry in report.get("quarantined", []):
        if entry["arrived_on"] in arrived:
            found[entry["table"], entry["reason"]] += entry["rows"]
    total = sum(found.values())
    print(f"Quarantine   {count(total, 'row') if total else 'nothing'} of what arrived")
    rows = [[table, reason, number] for (table, reason), number in found.most_common(8)]
    if rows:
        print(console.table(["source", "reason", "rows"], rows, indent=" " * 13))


def _next_steps(running: Night) -> list[str]:
    """Commands worth typing now."""
    found = []
    report = read_json(folder("warehouse") / REPORT) or {}
    for failed in report.get("failed", [])[:3]:
        if failed["node"].startswith("test."):
            found.append(f"./nightshift rows {failed['node'].split('.')[2]}    the rows this test found")
    if report.get("quarantined"):
        found.append("./nightshift quarantine    the rows that were kept out, as they were shipped")
    if running.codes.get("land"):
        found.append("./nightshift status    what was refused and by which table")
    found.append("./nightshift status    freshness of every source, health of every mart")
    return found


def version() -> str:
    """The project's commit, if it is a checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
