"""What dbt knows of the backends, generated from their YAML, so that a table is described in one place."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from scripts.backends import Backend, Column, Table, load_all
from scripts.console import FAILED, Stop, say
from scripts.home import PROJECT
from scripts.mail import campaigns

SAID = "Generated from backends/{0}.yml by ./nightshift sources; edit that file and run it again."


def render(backend: Backend) -> str:
    """The sources file of one backend."""
    document = {
        "version": 2,
        "sources": [
            {
                "name": backend.name,
                "schema": "landing",
                "description": backend.description,
                "config": {"meta": {"owner": _owner(backend)}},
                "tables": [_table(backend, table) for table in backend.tables.values()],
            }
        ],
    }
    text = yaml.dump(document, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=110)
    return f"# {SAID.format(backend.name)}\n{text}"


def render_rules(backend: Backend) -> str:
    """The rules of a backend's tables as a macro: unlike the sources' meta, dbt's unit tests see it."""
    rules = {table.name: dict(table.rules) for table in backend.tables.values()}
    return (
        f"{{#- {SAID.format(backend.name)} -#}}\n"
        f"{{% macro rules_of_{backend.name}() %}}\n"
        f"  {{{{- return({json.dumps(rules, indent=2).replace(chr(10), chr(10) + '  ')}) -}}}}\n"
        "{% endmacro %}\n"
    )


def _owner(backend: Backend) -> dict[str, str]:
    return {"name": backend.owner.name, "email": backend.owner.email}


def _table(backend: Backend, table: Table) -> dict:
    """One table: what models, tests and the macros of the landing need to know stands in its meta."""
    meta: dict[str, object] = {
        "kind": table.kind,
        "owner": _owner(backend),
        "key": list(table.key),
        "version": table.version,
        "event_at": table.event_at,
        "hourly": table.hourly,
        "quarantine_above": table.quarantine_above,
        "quarantine_few": None if table.kind == "snapshot" else table.quarantine_few,
        "accepted": list(table.accepted),
        "control_totals": list(table.control_totals),
        "rules": dict(table.rules),
        "freshness": {
            "warn_after_days": table.freshness.warn_after_days,
            "error_after_days": table.freshness.error_after_days,
        },
    }
    return {
        "name": table.name,
        "identifier": table.identifier,
        "description": table.description,
        "config": {"meta": {key: value for key, value in meta.items() if value or (value == 0 and value is not False)}},
        "columns": [_column(column) for column in table.landed],
    }


def _column(column: Column) -> dict:
    """One column as it lies in the landing."""
    meta: dict[str, object] = {"required": True} if column.required else {}
    if column.person:
        meta["personal"] = "pseudonym"
    elif column.personal:
        meta["personal"] = "keyed hash"
    if column.currency:
        meta["currency"] = column.currency
    entry: dict[str, object] = {"name": column.name, "data_type": column.landed_type}
    if column.description:
        entry["description"] = column.description
    if meta:
        entry["config"] = {"meta": meta}
    return entry


class _Indented(yaml.SafeDumper):
    """Lists indented below their key, no anchors: as people write YAML."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent a list below its key."""
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        """An owner that stands twice is written twice."""
        return True


def generated(project: Path = PROJECT) -> dict[Path, str]:
    """The files dbt reads, and what should stand in them."""
    files = {}
    for backend in load_all(project / "backends").values():
        files[project / "models" / "staging" / backend.name / f"_{backend.name}__sources.yml"] = render(backend)
        files[project / "macros" / "rules" / f"{backend.name}.sql"] = render_rules(backend)
    return files | campaigns.generated(project)


def outdated(project: Path = PROJECT) -> list[Path]:
    """Generated files that are not what the backends' YAML says now, or belong to no backend any more."""
    wanted = generated(project)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    there = [*project.glob("models/staging/*/_*__sources.yml"), *project.glob("macros/rules/*.sql")]
    return stale + sorted(path for path in there if path not in wanted)


def write(project: Path = PROJECT) -> list[Path]:
    """Bring the generated files up to date; returns those that changed."""
    changed, wanted = outdated(project), generated(project)
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])
        else:
            path.unlink()
    return changed


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 4 if a generated file is out of date.")
@click.option("--project", type=click.Path(path_type=Path, file_okay=False), default=PROJECT, help="The dbt project.")
def sources(check: bool, project: Path) -> None:
    """Write what dbt must know of the backends' YAML.

    \b
    backends/billing.yml  ->  models/staging/billing/_billing__sources.yml
                              macros/rules/billing.sql

    Each landed column with its type and description; key, rules, freshness and owner under config.meta,
    where tests, macros and status find them. The rules once more as a macro, which staging asks. What models must know
    of the campaigns goes from campaigns/*/campaign.yml to macros/engagement/campaigns.sql.

    \b
    Examples:
      ./nightshift sources            after editing a file in backends/
      ./nightshift sources --check    in CI: are they up to date?
    """
    changed = outdated(project) if check else write(project)
    for path in changed:
        say("sources", f"{'out of date' if check else 'written'}: {path.relative_to(project)}")
    if check and changed:
        raise Stop("run ./nightshift sources and commit what it writes", FAILED)
    if not changed:
        say("sources", "up to date")
