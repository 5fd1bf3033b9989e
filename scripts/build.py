"""``build`` and ``plan``: dbt once, over the night's warehouse, and what came of it in words."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts import anomalies, console, deferred, fingerprint
from scripts.comparing.differences import keys_by_name
from scripts.console import DONE, FAILED, USAGE, Stop, count, duration, say
from scripts.dbt_process import Run, dbt_ahead, last_manifest, manifest, nodes_below, nodes_named, plan_dbt, run_dbt
from scripts.estimate import estimate, learn
from scripts.faults import fault_point
from scripts.files import read_json, replace_json
from scripts.history import nodes_run
from scripts.home import folder
from scripts.landed import newest_arrival
from scripts.lock import night_lock
from scripts.settled import Settled, forget, leave_out, remember, settled
from scripts.warehouse import NEWEST_CHECKS, get_day, set_day, warehouse

REPORT = "build.json"
UNIT_TESTS = "unit_tests.json"
# What a plan calls a view or seed that would be made anew (macro record_definition).
DEFINITION = "definition"

REBUILT = """
    with written as (
        select
            *,
            min(sequence) over (partition by model) as first_sequence,
            lag(logic_hash) over of_day as logic_was,
            lag(inputs) over of_day as inputs_were,
            lag(output_hash) over of_day as output_was
        from ops.ledger
        where relation = model and output_hash not in ('created', 'started')
        window of_day as (partition by relation, day order by sequence)
    )
    select model, domain, cast(day as varchar) as day, row_count, output_hash,
        case
            when output_hash = 'gone' then 'nothing of it is left'
            when first_sequence > $since then 'new model'
            when output_was is null or output_was = 'gone' then 'new day'
            when logic_was <> logic_hash then 'definition changed'
            when inputs_were is null or inputs is null then 'inputs changed'
            else coalesce('changed: ' || array_to_string(list_distinct(list_transform(
                list_filter(string_split(inputs, ';'), lambda x: not list_contains(string_split(inputs_were, ';'), x)),
                lambda x: string_split(x, '=')[1])), ', '), 'inputs changed')
        end as reason,
        output_hash is not distinct from output_was as same
    from written
    where sequence > $since
    order by sequence
"""


@click.command()
@click.option(
    "--on", "on_day", type=click.DateTime(["%Y-%m-%d"]), help="Build as if nothing had arrived after this day."
)
@click.option(
    "--select", multiple=True, help="dbt's own selection syntax, e.g. +revenue_daily or path:models/marts/core."
)
@click.option("--exclude", multiple=True, help="What to leave out, in the same syntax.")
@click.option("--full-tests", is_flag=True, help="Let tests look at all days, not only at those that changed.")
@click.option("--defer-rebuilds", is_flag=True, help="Hold back what a changed definition makes of history.")
@click.option(
    "--unit-tests/--no-unit-tests", default=True, help="Unit tests too, unless these definitions passed them."
)
@click.option(
    "--state", type=click.Path(exists=True, file_okay=False), help="Folder of the manifest that state: selects against."
)
def build(
    on_day: datetime | None,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_tests: bool,
    defer_rebuilds: bool,
    unit_tests: bool,
    state: str | None,
) -> int:
    """Make the models from what has landed, test them, rebuild only what is made of something else than before.

    One dbt invocation (target `night`). Which days of which models are stale is found by content: the ledger knows
    what each day was made of. Nothing needs to be said after a late dump, a correction, a changed definition or an
    interrupted build; run it again and it goes on where it stopped. What a failing test leaves in the warehouse is
    not published.

    Unit tests look at definitions, not at data. Once they have all passed they are not repeated until a definition
    changes, and a night leaves them to whoever changes one (a build by hand, `make ci`, `make test`). Nor are views
    made again while only data change; if nothing has changed since a build of everything ended well, nothing is asked.

    With --defer-rebuilds, a changed project that would make more than a few days of a table anew waits: tonight is
    built with the definitions of before, and `./nightshift rebuild` makes the new ones beside it.

    \b
    Examples
      ./nightshift build
      ./nightshift build --on 2026-02-14
      ./nightshift build --select +revenue_daily      that model and what it is made of
      ./nightshift build --full-tests                 every test over all of history
      ./nightshift build --defer-rebuilds             tonight's news only, whatever definitions changed
      ./nightshift rows not_null_fct_plays_track_id   the rows a failing test of the last build found

    Exit code 4: a model or a test failed.
    """
    if defer_rebuilds and (select or exclude or full_tests):
        raise Stop("--defer-rebuilds is for a build of everything", USAGE)
    began = time.monotonic()
    told = {"NIGHTSHIFT_TEST_ALL": "1"} if full_tests else {}
    with night_lock("build") as lock, dbt_ahead(lock, extra=told) as dbt:
        day = as_date(on_day) or newest_arrival()
        with warehouse() as connection:
            prepare(connection, day)
            since = last_sequence(connection)
        if defer_rebuilds and (waiting := deferred.heavy(lock)):
            return deferred.build_as_before(waiting, day, lock)
        with warehouse() as connection:
            definitions = fingerprint.of_models()
            is_known_good = not full_tests and read_json(folder("warehouse") / UNIT_TESTS) == {"passed": definitions}
            leaves_unit_tests = is_known_good or not unit_tests
            is_whole = not (select or exclude or full_tests)
            standing = (
                settled(connection, definitions, last_manifest(), day) if is_whole and leaves_unit_tests else Settled()
            )
            if standing.everything:
                say("build", f"as of {day}: nothing has changed since everything was built and passed its tests")
                return DONE
            if day:
                anomalies.find(connection, day)
            leave_out(connection, standing.nodes)
        forget()
        fault_point("build:before-dbt")
        selection = [*_options("--select", select), *_options("--exclude", exclude)]
        selection += _options("--state", [state] if state else [])
        left_out = ["--exclude-resource-type", "unit_test"] if leaves_unit_tests else []
        if standing.nodes:
            names = [node.split(".")[-1] for node in standing.nodes]
            left_out += ["--indirect-selection", "empty", "--exclude", *names]
        run = run_dbt(["build", *selection, *left_out], lock, ahead=dbt)
        fault_point("build:after-dbt")
        if not selection and not leaves_unit_tests and _unit_tests_passed(run):
            replace_json(folder("warehouse") / UNIT_TESTS, {"passed": definitions})
        if run.exit_code and not run.results:
            # the project could not even be read: the last build's report still says what is in the warehouse
            _tell_problems(run)
            return FAILED
        with warehouse() as connection:
            report = _report(run, connection, since, day, standing.nodes)
            if is_whole and run.exit_code == DONE:
                remember(connection, definitions, day)
        replace_json(folder("warehouse") / REPORT, report)
        learn(report["rebuilt"])
        if not selection and not any(result.is_bad and result.node.startswith("model.") for result in run.results):
            deferred.keep()
    _tell(report, run, time.monotonic() - began)
    return FAILED if run.exit_code else DONE


@click.command()
@click.option(
    "--on", "on_day", type=click.DateTime(["%Y-%m-%d"]), help="Plan as if nothing had arrived after this day."
)
@click.option("--select", multiple=True, help="dbt's own selection syntax.")
@click.option("--json", "as_json", is_flag=True, help="For a machine.")
@click.option("--diff", is_flag=True, help="Build it beside the warehouse, and show which rows of which marts differ.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="With --diff: the differences as a page, too."
)
def plan(on_day: datetime | None, select: tuple[str, ...], as_json: bool, diff: bool, html: Path | None) -> int:
    """What the next build would do, and why, from the very query that the build uses. Builds nothing.

    Below a model whose own days are stale, a day counts as stale too: whether it comes out the same, and so stops
    there, is only known once it is built. How long it takes is estimated from the builds before.

    With --diff what is stale is built in a copy of the warehouse that is thrown away afterwards, untested. Per mart:
    rows added, removed and changed, sums of its columns before and then, examples. Nothing that readers or later
    builds see is changed; a night may run meanwhile.

    \b
    Examples
      ./nightshift plan
      ./nightshift plan --on 2026-02-14
      ./nightshift plan --select fct_plays+
      ./nightshift plan --diff --select revenue_daily+ --html /tmp/revenue.html
    """
    if (as_json and diff) or (html and not diff):
        raise Stop("--html goes with --diff, --json without", USAGE)
    with night_lock("plan") as lock:
        day = as_date(on_day) or newest_arrival()
        with warehouse() as connection:
            prepare(connection, None)
            before = get_day(connection)
            set_day(connection, day)
        run = plan_dbt(lock, _options("--select", select))
        with warehouse() as connection:
            rows = connection.execute(
                "select relation, cast(day as varchar), reason, row_count from ops.plan order by relation, day"
            ).fetchall()
            set_day(connection, before)
    if run.exit_code:
        _tell_problems(run)
        return FAILED
    planned = _by_model((name, day, reason, number) for name, day, reason, number in rows)
    expected = estimate({name: len(what["days"]) for name, what in planned if what["reasons"] != [DEFINITION]})
    readers = readers_of({name for name, _ in planned}, manifest())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "on": str(day),
                    "models": [{"model": name, **what} for name, what in planned],
                    "readers": readers,
                    "estimate": asdict(expected),
                }
            )
        )
        return DONE
    say("plan", f"as of {day}: {_sum_up(planned)}")
    print_models(planned)
    for reader in readers:
        say("plan", f"data of {reader['type']} {reader['name']} may change (owner: {reader['owner']})")
    if planned:
        say("plan", expected.in_words())
    if diff and planned:
        from scripts.preview import show_differences

        return show_differences(day, select, html)
    return DONE


def as_date(value: datetime | None) -> date | None:
    """An option's day as a date."""
    return value.date() if value else None


def prepare(connection: duckdb.DuckDBPyConnection, day: date | None) -> None:
    """Write what dbt is to see, and what tells this warehouse's records from others'.

    An identity, because a warehouse may be made anew; the engine's versions with the ledger's number from which each
    wrote, because hashes are an engine's own.
    """
    if day is not None:
        set_day(connection, day)
    connection.execute(
        "create schema if not exists ops; create table if not exists ops.identity as select uuid() as id"
    )
    connection.execute("create table if not exists ops.engines (version varchar, since bigint)")
    known = connection.execute("select arg_max(version, since) from ops.engines").fetchone()[0]
    if known != duckdb.__version__:
        since = last_sequence(connection) + 1 if known else 0
        connection.execute("insert into ops.engines values (?, ?)", [duckdb.__version__, since])


def last_sequence(connection: duckdb.DuckDBPyConnection) -> int:
    """The ledger's newest number, 0 in a new warehouse."""
    known = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = 'ledger'"
    ).fetchone()
    return connection.execute("select coalesce(max(sequence), 0) from ops.ledger").fetchone()[0] if known else 0


def marts(project: dict[str, Any]) -> list[dict[str, Any]]:
    """The marts of a manifest, with what publishing and status need to know of each."""
    found, keys = [], keys_by_name(project)
    for node in project["nodes"].values():
        if (
            node["resource_type"] != "model"
            or node["fqn"][1] != "marts"
            or node["config"]["materialized"] == "ephemeral"
        ):
            continue
        meta = node["config"].get("meta") or {}
        found.append(
            {
                "name": node["alias"],
                "schema": node["schema"],
                "domain": node["fqn"][2],
                "owner": _owner(node, project),
                "description": node["description"].strip(),
                "columns": {name: column["description"].strip() for name, column in node["columns"].items()},
                "day": node["config"].get("day") if node["config"]["materialized"] == "by_day" else None,
                "unit": node["config"].get("unit") or "day",
                "materialized": node["config"]["materialized"],
                "publish": meta.get("publish", "table"),
                "audience": meta.get("audience", "everybody"),
                "few_people": meta.get("few_people"),
                "grain": keys.get(node["alias"], []),
            }
        )
    return sorted(found, key=lambda mart: (mart["domain"], mart["name"]))


def owner_of(node: dict[str, Any], project: dict[str, Any]) -> dict[str, str] | str | None:
    """Who answers for a node, as the YAML has it: its own owner, or its group's; None if nobody does."""
    config = node.get("config", {})
    of_group = next((g["owner"] for g in project["groups"].values() if g["name"] == config.get("group")), None)
    return (config.get("meta") or {}).get("owner") or of_group


def _owner(node: dict[str, Any], project: dict[str, Any]) -> str:
    found = owner_of(node, project)
    if isinstance(found, dict):
        return found.get("name") or found.get("email") or ""
    return found or ""


def _unit_tests_passed(run: Run) -> bool:
    """True if all there are ran and passed (one below a failed model is skipped)."""
    return bool(run.results) and all(r.status == "pass" for r in run.results if r.node.startswith("unit_test."))


def _report(
    run: Run, connection: duckdb.DuckDBPyConnection, since: int, day: date | None, standing: list[str]
) -> dict[str, Any]:
    """All that later steps, ``status`` and people may want to know of this build."""
    project = manifest()
    rows = connection.execute(REBUILT, {"since": since}).fetchall() if last_sequence(connection) else []
    rebuilt = _by_model((model, day, reason, number) for model, _, day, number, _, reason, _ in rows)
    seconds = {result.name: result.seconds for result in run.results if result.node.startswith("model.")}
    odd = anomalies.told(connection, day)
    warnings = anomalies.warnings_of(odd, project)
    return {
        "format": 1,
        "on": str(day) if day else None,
        "selected": len(run.results),
        "identity": str(connection.execute("select id from ops.identity").fetchone()[0]),
        "marts": [{**mart, "warning": warnings.get(mart["name"])} for mart in marts(project)],
        "anomalies": odd,
        "rebuilt": [{"model": model, **what, "seconds": round(seconds.get(model, 0), 2)} for model, what in rebuilt],
        "models": len(standing) + sum(result.node.startswith("model.") for result in run.results),
        "tests": sum(result.node.startswith(("test.", "unit_test.")) for result in run.results),
        "nodes": nodes_run(run, rebuilt, project),
        "failed": [asdict(result) for result in run.results if result.is_bad],
        "skipped": [
            result.name for result in run.results if result.status == "skipped" and result.node.startswith("model.")
        ],
        "warned": [{"name": r.name, "failures": r.failures} for r in run.results if r.status == "warn"],
        "messages": run.messages,
        "domains": _domains(connection),
        "quarantined": _quarantined(connection),
    }


def _domains(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """Per domain what keeps it from being published (None: nothing does)."""
    try:
        rows = connection.execute(f"select domain, passed, failures from {NEWEST_CHECKS} order by domain").fetchall()
    except duckdb.CatalogException:
        return {}
    return {domain: None if passed else failures for domain, passed, failures in rows}


def _quarantined(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What was kept out, at the door and by the tables' rules, of what the models see."""
    try:
        rows = connection.execute(
            "select backend || '.' || table_name, cast(arrived_on as varchar), layer, reason, row_count "
            "from ops.quarantined order by all"
        ).fetchall()
    except duckdb.CatalogException:
        return []
    return [dict(zip(("table", "arrived_on", "layer", "reason", "rows"), row, strict=True)) for row in rows]


def _by_model(rows: Iterable[tuple[str, str | None, str, int | None]]) -> list[tuple[str, dict[str, Any]]]:
    """Rows of (model, day, reason, rows) gathered by model in order of appearance."""
    gathered: dict[str, dict[str, Any]] = {}
    for model, day, reason, number in rows:
        entry = gathered.setdefault(model, {"days": [], "rows": None, "reasons": []})
        if day and day not in entry["days"]:
            entry["days"].append(day)
        if number is not None:
            entry["rows"] = (entry["rows"] or 0) + number
        if reason not in entry["reasons"]:
            entry["reasons"].append(reason)
    return [(model, {**entry, "days": sorted(entry["days"])}) for model, entry in gathered.items()]


def _sum_up(models: list[tuple[str, dict[str, Any]]]) -> str:
    days = sum(len(what["days"]) for _, what in models)
    return f"{count(len(models), 'model')} stale, {count(days, 'day')} of them" if models else "nothing is stale"


def print_models(models: list[tuple[str, dict[str, Any]]], most: int = 40) -> None:
    """Models with their days and reasons as a table, the first ``most`` of them."""
    rows = []
    for name, what in models[:most]:
        reasons = what["reasons"][:3] + (["…"] if len(what["reasons"]) > 3 else [])
        row = [name, console.days(what["days"]) if what["days"] else "whole", what["rows"]]
        rows.append([*row, "; ".join(reasons)])
    if rows:
        print(console.table(["model", "days", "rows", "why"], rows), flush=True)
    if len(models) > most:
        print(f"  … and {len(models) - most:,} more", flush=True)


def _tell(report: dict[str, Any], run: Run, seconds: float) -> None:
    rebuilt = [(entry["model"], entry) for entry in report["rebuilt"]]
    say(
        "build",
        f"as of {report['on']}: {count(report['models'], 'model')}, {count(report['tests'], 'test')} "
        f"in {duration(seconds)}",
    )
    unchanged = report["models"] - len(rebuilt) - len(report["skipped"])
    say("build", f"rebuilt {count(len(rebuilt), 'table')}; {count(max(unchanged, 0), 'model')} had nothing stale")
    print_models(rebuilt)
    for odd in report["anomalies"]:
        console.warn("build", f"odd ({odd['severity']}): {odd['table']}: {odd['sentence']}")
    _tell_problems(run)
    if report["skipped"]:
        say("build", f"not built, because what they read failed: {', '.join(report['skipped'])}")
    for domain, failures in report["domains"].items():
        if failures and run.exit_code and any(mart["domain"] == domain for mart in report["marts"]):
            say("build", f"domain {domain} stays at its last good night: {failures[:300]}")


def _tell_problems(run: Run) -> None:
    for message in run.messages:
        console.warn("build", message)
    for result in run.results:
        if result.is_bad:
            if result.node.startswith("unit_test."):
                console.warn("build", f"FAILED {result.name}:\n{textwrap.indent(result.message, '    ')}")
                continue
            console.warn("build", f"FAILED {result.name}: {_first_lines(result.message)}")
            if result.failures and result.node.startswith("test."):
                console.warn("build", f"  see the {count(result.failures, 'row')}: ./nightshift rows {result.name}")
        elif result.status == "warn":
            console.warn("build", f"warned {result.name}: {_first_lines(result.message)}")


def _first_lines(message: str) -> str:
    return " / ".join(line.strip() for line in message.splitlines() if line.strip())[:500]


def exposures_below(nodes: Iterable[str], project: dict[str, Any]) -> list[dict[str, Any]]:
    """The exposures that read any of these nodes or what is made of them: dashboards, exports and mails."""
    seen = nodes_below(nodes, project)
    return [exposure for key, exposure in sorted(project.get("exposures", {}).items()) if key in seen]


def readers_of(changed: set[str], project: dict[str, Any]) -> list[dict[str, str]]:
    """The exposures whose data may change with these models."""
    return [
        {
            "name": exposure["name"],
            "type": exposure["type"],
            "owner": exposure["owner"].get("name") or exposure["owner"].get("email") or "",
        }
        for exposure in exposures_below(nodes_named(changed, project), project)
    ]


def _options(name: str, values: Iterable[str]) -> list[str]:
    found = list(values)
    return [name, *found] if found else []
