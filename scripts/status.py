"""``status``: how the platform is doing, for a person, a machine, or a monitoring system.

Reads folders, manifests and records only: it takes no lock and opens no database, so it answers during a night.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from scripts import console, deferred, rebuild, sizes
from scripts.backends import Freshness, load_all
from scripts.build import REPORT
from scripts.console import DONE, FAILED, LOCKED, REFUSED, STOPPED, age, count, size
from scripts.files import read_json
from scripts.home import folder, home
from scripts.landed import Dump, dumps, last_shipped
from scripts.lock import holder, who
from scripts.night import LAST
from scripts.prometheus import metrics_file
from scripts.prometheus import write as write_metrics
from scripts.published import ROLLED_BACK, Published, current_folder, published_runs

OUTCOMES = {
    DONE: "ok",
    REFUSED: "some data refused",
    FAILED: "a build or test failed",
    LOCKED: "locked",
    STOPPED: "stopped",
}

# Monitoring's own convention of exit codes, and the age of the last night at which it warns and worse.
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WARN_HOURS, ERROR_HOURS = 26.0, 50.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything, for a machine.")
@click.option(
    "--check", is_flag=True, help="One line and an exit code for monitoring: 0 ok, 1 warning, 2 critical, 3 unknown."
)
@click.option(
    "--warn-hours", default=WARN_HOURS, show_default=True, help="With --check: age of the last good night to warn at."
)
@click.option(
    "--error-hours", default=ERROR_HOURS, show_default=True, help="With --check: age at which it is critical."
)
@click.option(
    "--prometheus", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures to this file, in one step."
)
def status(as_json: bool, check: bool, warn_hours: float, error_hours: float, prometheus: Path | None) -> int:
    """The last night, the freshness of every source, the health and age of every mart, quarantine, sizes.

    A source is late when its newest dump is older than its YAML allows, counted from the newest night, so that a
    platform that stood still is one problem and not forty.

    \b
    Examples
      ./nightshift status
      ./nightshift status --json | python3 -m json.tool
      ./nightshift status --check --warn-hours 26     from Nagios, Icinga, or cron with a mail
      ./nightshift status --prometheus /var/lib/node_exporter/nightshift.prom

    Each night leaves the figures for Prometheus in logs/nightshift.prom, or where NIGHTSHIFT_PROMETHEUS says.
    """
    found = gather()
    if prometheus:
        write_metrics(found, judge(found, warn_hours, error_hours)[0], prometheus)
    if check:
        code, words = judge(found, warn_hours, error_hours)
        click.echo(words)
        return code
    if as_json:
        click.echo(json.dumps(found, indent=1, default=str))
        return DONE
    if not prometheus:
        _print(found)
    return DONE


def leave_metrics() -> None:
    """Leave the figures where monitoring reads them, at the end of a night."""
    found = gather()
    write_metrics(found, judge(found, WARN_HOURS, ERROR_HOURS)[0], metrics_file())


def gather() -> dict[str, Any]:
    """All of it as plain data."""
    here = current_folder()
    shown = Published.read(here) if here else None
    last = read_json(folder("warehouse") / LAST)
    night = last["on"] if last else None
    newest = _newest_dumps(night)
    report = read_json(folder("warehouse") / REPORT) or {}
    return {
        "home": str(home()),
        "running": holder(),
        "last_night": last,
        "seconds_since_last_night": _seconds_since(last["finished_at"]) if last else None,
        "published": _published(shown),
        "sources": _sources(newest, night),
        "quarantine": _quarantine(report, night),
        "anomalies": report.get("anomalies", []),
        "failed": [failed["node"] for failed in report.get("failed", [])],
        "bytes": sizes.layer_bytes(),
        "growth": sizes.growth(),
        "deferred": _deferred(),
        "disk_free_bytes": shutil.disk_usage(home()).free if home().exists() else None,
    }


def judge(found: dict[str, Any], warn_hours: float, error_hours: float) -> tuple[int, str]:
    """The monitoring line: what is worst, said first; numbers after the bar for those who plot them."""
    last, shown = found["last_night"], found["published"]
    if last is None or shown is None:
        return UNKNOWN, "UNKNOWN - no night has been published yet"
    hours = found["seconds_since_last_night"] / 3600
    problems: list[tuple[int, str]] = []
    if hours > error_hours:
        problems.append((CRITICAL, f"the last night ended {age(hours * 3600)} ago"))
    elif hours > warn_hours:
        problems.append((WARNING, f"the last night ended {age(hours * 3600)} ago"))
    late = sorted({mart["domain"] for mart in shown["marts"] if mart["is_late"]})
    if late:
        since = min(mart["late_since"] for mart in shown["marts"] if mart["is_late"])
        problems.append((CRITICAL, f"late since {since}: {', '.join(late)}"))
    elif last["code"]:
        problems.append((WARNING, f"the night of {last['on']}: {OUTCOMES[last['code']]}"))
    for state, code in (("error", CRITICAL), ("warn", WARNING)):
        names = [source["table"] for source in found["sources"] if source["state"] == state]
        if names:
            problems.append((code, f"no fresh dump of {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"))
    for severity, code in (("severe", CRITICAL), ("mild", WARNING)):
        odd = sorted({entry["table"] for entry in found["anomalies"] if entry["severity"] == severity})
        if odd:
            problems.append((code, f"odd dumps of {', '.join(odd[:5])}{' …' if len(odd) > 5 else ''}"))
    if shown["rolled_back"]:
        problems.append((WARNING, f"readers were rolled back to {shown['run_id']}"))
    code = max((level for level, _ in problems), default=OK)
    word = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[code]
    if problems:
        said = "; ".join(text for _, text in sorted(problems, reverse=True))
    else:
        said = f"night of {last['on']} published as {shown['run_id']} {age(hours * 3600)} ago"
    numbers = f"hours={hours:.1f} marts={len(shown['marts'])} late={len(late)} bytes={sum(found['bytes'].values())}"
    return code, f"{word} - {said} | {numbers}"


def _published(shown: Published | None) -> dict[str, Any] | None:
    if shown is None:
        return None
    rolled_back = read_json(folder("published") / ROLLED_BACK) or []
    newer = [run.run_id for run in published_runs() if run.number > shown.number and run.run_id in rolled_back]
    marts = []
    for mart in shown.marts:
        domain = shown.domains[mart.domain]
        marts.append(
            {
                "mart": mart.key,
                "domain": mart.domain,
                "owner": mart.owner,
                "rows": mart.row_count,
                "changed_run": mart.changed_run,
                "is_late": domain.late_since is not None,
                "late_since": domain.late_since,
                "reason": domain.reason,
                "warning": mart.warning,
            }
        )
    return {"run_id": shown.run_id, "night": shown.night, "rolled_back": newer, "marts": marts}


def _newest_dumps(night: str | None) -> dict[tuple[str, str], list[Dump]]:
    """Per table the dumps of its newest arrival day."""
    newest: dict[tuple[str, str], list[Dump]] = {}
    for dump in dumps(night):
        known = newest.setdefault((dump.backend, dump.table), [])
        if known and known[0].arrived_on < dump.arrived_on:
            known.clear()
        if not known or known[0].arrived_on == dump.arrived_on:
            known.append(dump)
    return newest


def _sources(newest: dict[tuple[str, str], list[Dump]], night: str | None) -> list[dict[str, Any]]:
    """Every table a backend should ship: its newest dump, and whether that is recent enough."""
    found = []
    for backend in load_all().values():
        for table in backend.tables.values():
            if table.kind == "commitment":
                continue
            allowed = table.freshness
            latest = newest.get((backend.name, table.name), [])
            arrived_on = latest[0].arrived_on if latest else None
            if night and arrived_on and arrived_on < night:
                arrived_on = max(arrived_on, last_shipped(table, night, allowed.error_after_days) or arrived_on)
            days = _days_between(arrived_on, night) if arrived_on and night else None
            found.append(
                {
                    "table": table.label,
                    "arrived_on": arrived_on,
                    "days_behind": days,
                    "rows": sum(dump.manifest().get("rows", 0) for dump in latest),
                    "state": _state(days, allowed),
                    "owner": backend.owner.name,
                }
            )
    return found


def _quarantine(report: dict[str, Any], night: str | None) -> list[dict[str, Any]]:
    """What was kept out in the week before the night, by table and reason."""
    if night is None:
        return []
    since = str(date.fromisoformat(night) - timedelta(days=6))
    counted: Counter[tuple[str, str, str]] = Counter()
    for entry in report.get("quarantined", []):
        if entry["arrived_on"] >= since:
            counted[entry["table"], entry["layer"], entry["reason"]] += entry["rows"]
    names = ("table", "layer", "reason", "rows")
    return [dict(zip(names, (*key, number), strict=True)) for key, number in counted.most_common()]


def _state(days: int | None, allowed: Freshness) -> str:
    if days is None:
        return "never"
    return "error" if days > allowed.error_after_days else "warn" if days > allowed.warn_after_days else "ok"


def _days_between(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days


def _deferred() -> dict[str, Any] | None:
    """New definitions that wait, and how far their rebuild is."""
    held = deferred.held_back()
    return {**held, "progress": rebuild.progress()} if held else None


def size_of_change(number: float) -> str:
    """Bytes with their sign."""
    return f"{'+' if number >= 0 else '-'}{size(abs(number))}"


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _print(found: dict[str, Any]) -> None:
    last, shown = found["last_night"], found["published"]
    if found["running"]:
        print(f"Running      {who(found['running'])}")
    if last:
        steps = ", ".join(f"{step} {console.duration(seconds)}" for step, seconds in last["seconds"].items())
        ago = age(found["seconds_since_last_night"])
        print(f"Last night   {last['on']}: {OUTCOMES[last['code']]}, {ago} ago ({steps})")
    else:
        print("Last night   none yet: ./nightshift night")
    if shown:
        print(
            f"Published    {shown['run_id']}, {count(len(shown['marts']), 'mart')}"
            + (f"; rolled back from {', '.join(shown['rolled_back'])}" if shown["rolled_back"] else "")
        )
        rows = [
            [
                m["mart"],
                m["rows"],
                m["changed_run"],
                f"LATE since {m['late_since']}" if m["is_late"] else "ok",
                m["owner"],
            ]
            for m in shown["marts"]
        ]
        print(console.table(["mart", "rows", "changed in", "health", "owner"], rows))
        for domain, reason in sorted({(m["domain"], m["reason"]) for m in shown["marts"] if m["is_late"]}):
            print(f"  {domain}: {reason}")
    if waiting := found["deferred"]:
        done = waiting["progress"]
        how_far = f"{done['days']} of {count(done['of'], 'day')} made" if done else "not begun"
        print(
            f"Held back    new definitions of {count(len(waiting['models']), 'table')} since {waiting['since']}, "
            f"{how_far}; readers keep the old ones, whole (./nightshift rebuild)"
        )
    for node in found["failed"]:
        print(f"  failed: {node.split('.')[2]}    ./nightshift rows {node.split('.')[2]}")
    print("\nSources")
    rows = [
        [s["table"], s["arrived_on"], s["days_behind"], s["rows"], s["state"], s["owner"]] for s in found["sources"]
    ]
    print(console.table(["table", "newest dump", "days behind", "rows", "state", "owner"], rows))
    if found["anomalies"]:
        print("\nOdd about the newest dumps (operations.fct_anomalies)")
        odd = [[entry["table"], entry["severity"], entry["sentence"]] for entry in found["anomalies"]]
        print(console.table(["table", "severity", "what"], odd))
    print("\nQuarantine, the last 7 days (./nightshift quarantine TABLE shows the rows)")
    kept_out = [[q["table"], q["layer"], q["reason"], q["rows"]] for q in found["quarantine"]]
    print(console.table(["table", "layer", "reason", "rows"], kept_out))
    by_layer = [f"{layer} {size(number)}" for layer, number in found["bytes"].items() if number]
    print(f"\nDisk         {', '.join(by_layer) or 'nothing yet'}; {size(found['disk_free_bytes'] or 0)} free")
    if grown := found["growth"]:
        most = sorted(grown["bytes_a_night"].items(), key=lambda entry: -abs(entry[1]))[:4]
        print(
            f"Growth       {size_of_change(grown['total_a_night'])} a night over {count(grown['nights'], 'night')} "
            f"({', '.join(f'{layer} {size_of_change(number)}' for layer, number in most)}), "
            f"{size_of_change(grown['a_year'])} a year; "
            + (f"the disk is full on {grown['full_on']}" if grown["full_on"] else "the disk does not fill")
        )
    print(f"Under        {found['home']}")
