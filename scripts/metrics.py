"""``metrics``: one definition of each number, asked of the published marts.

Metrics are defined beside the marts they describe (``models/marts/business/_metrics.yml``). MetricFlow turns a question
into SQL; DuckDB runs it on ``published/current/marts.duckdb``, so an answer is exact, and is what every other reader of
that night sees.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import duckdb

from scripts.console import DONE, USAGE, Stop, say, table
from scripts.files import read_json
from scripts.home import folder
from scripts.published import current_folder
from scripts.warehouse import settings

if TYPE_CHECKING:
    from metricflow.engine.metricflow_engine import MetricFlowEngine

SEMANTICS = "semantic_manifest.json"
GRAINS = ("day", "week", "month", "quarter", "year")
FIRST_DAY = datetime(2015, 1, 1)


@dataclass(frozen=True)
class Metric:
    """One metric as its YAML describes it."""

    name: str
    label: str
    kind: str
    description: str
    unit: str
    owner: str


@dataclass(frozen=True)
class Answer:
    """Columns and rows of an answered question, and the SQL that a reader may run on the published file herself."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    sql: str


def definitions() -> list[Metric]:
    """All metrics of the last build, by name."""
    found = []
    for metric in _semantics()["metrics"]:
        meta = (metric.get("config") or {}).get("meta") or {}
        found.append(
            Metric(
                metric["name"],
                metric.get("label") or metric["name"],
                metric["type"],
                metric.get("description") or "",
                meta.get("unit", ""),
                meta.get("owner", ""),
            )
        )
    return sorted(found, key=lambda metric: metric.name)


class Metrics:
    """The questions one published file can answer; keep it for several, making it takes about a second."""

    def __init__(self, file: Path | None = None) -> None:
        here = current_folder()
        if file is None and here is None:
            raise Stop("nothing is published yet; run `./nightshift night`", USAGE)
        self.file = file or here / "marts.duckdb"
        self.last_day = _last_day(self.file)
        self._engine = _engine()
        semantics = _semantics()
        self._names = {metric["name"] for metric in semantics["metrics"]}
        self._shared = _shared(semantics)
        self._made_of = _made_of(semantics)

    def ask(
        self,
        metrics: Sequence[str],
        by: Sequence[str] = (),
        where: Sequence[str] = (),
        limit: int | None = None,
    ) -> Answer:
        """Rows of the metrics for each combination of ``by`` (day, week, month, quarter, year, or a dimension).

        ``where`` are SQL conditions on dimensions by name (``country = 'DE'``) and on ``day``.
        """
        self._known(metrics)
        alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for metric in metrics:
            # Metrics of different marts call the same dimension by different names.
            names = tuple(self._name(metric, item) for item in by)
            conditions = tuple(self._condition(metric, text) for text in where)
            alike.setdefault((names, conditions), []).append(metric)
        parts = [(self._sql(group, *how, limit), how[0], group) for how, group in alike.items()]
        sql = parts[0][0] if len(parts) == 1 else _beside_each_other(parts, by, metrics, limit)
        names = parts[0][1] if len(parts) == 1 else tuple(by)
        with duckdb.connect(config=settings()) as connection:
            # dbt's relations carry the warehouse's name; the published file is attached under it.
            connection.execute(f"attach '{str(self.file).replace(chr(39), chr(39) * 2)}' as warehouse (read_only)")
            try:
                found = connection.execute(sql)
            except duckdb.CatalogException as error:
                raise Stop(f"not all of it is published yet ({str(error).splitlines()[0]})", USAGE) from None
            except (duckdb.BinderException, duckdb.ParserException, duckdb.ConversionException) as error:
                if not where:
                    raise
                raise Stop(f"the condition cannot be read: {str(error).splitlines()[0]}", USAGE) from None
            asked = dict(zip(names, by, strict=True))
            columns = [asked.get(column[0], column[0]) for column in found.description]
            wanted = [*by, *metrics]
            places = [columns.index(name) for name in wanted]
            # MetricFlow truncates days to timestamps; nothing here is finer than a day.
            rows = [
                tuple(v.date() if isinstance(v := row[place], datetime) else v for place in places)
                for row in found.fetchall()
            ]
            return Answer(wanted, rows, sql)

    def _sql(self, metrics: list[str], names: tuple[str, ...], conditions: tuple[str, ...], limit: int | None) -> str:
        """MetricFlow's SQL for metrics that share the names of what they are asked by."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
        from metricflow_semantics.errors.error_classes import InvalidQueryException

        over_time = any(name.startswith("metric_time") for name in names)
        request = MetricFlowQueryRequest.create(
            metric_names=metrics,
            group_by_names=list(names),
            where_constraints=list(conditions) or None,
            order_by_names=list(names),
            # What is summed up over time would go on for all the days of the calendar.
            **({"time_constraint_start": FIRST_DAY, "time_constraint_end": self.last_day} if over_time else {}),
            limit=limit,
        )
        try:
            return self._engine.explain(request).sql_statement.sql
        except InvalidQueryException as error:
            raise Stop(f"this cannot be asked: {_first_reason(str(error))}", USAGE) from None

    def _known(self, metrics: Sequence[str]) -> None:
        for metric in metrics:
            if metric not in self._names:
                close = sorted(name for name in self._names if metric in name or name in metric)
                hint = f" (is it {' or '.join(close[:3])}?)" if close else ""
                raise Stop(f"there is no metric {metric}{hint}; `./nightshift metrics` lists them", USAGE)

    def _name(self, metric: str, item: str) -> str:
        """MetricFlow's name of a dimension that people call by its own."""
        if item in GRAINS:
            return f"metric_time__{item}"
        for name in self.dimensions_named(metric):
            if name.split("__")[-1] == item or name == item:
                return name
        known = sorted(self.dimensions_called(metric))
        without = [part for part in self._parts(metric) if item not in self.dimensions_called(part)]
        why = f", which {' and '.join(without)} {'does' if len(without) == 1 else 'do'} not know" if without else ""
        raise Stop(
            f"{metric} cannot be asked by {item}{why}; it can by {', '.join(['day, week, month', *known])}", USAGE
        )

    def _parts(self, metric: str) -> list[str]:
        """The metrics that a metric is made of, down to those that are made of none."""
        found = self._made_of.get(metric, [])
        return [part for name in found for part in self._parts(name) or [name]]

    def dimensions_called(self, metric: str) -> set[str]:
        """What a metric can be asked by besides time, as people call it."""
        return {name.split("__")[-1] for name in self.dimensions_named(metric)}

    def dimensions_named(self, metric: str) -> list[str]:
        """MetricFlow's names of what a metric can be asked by.

        Countries, plans, currencies and campaigns are entities: what several marts know under one name. A metric that
        is made of several marts can be asked by those that all of them know; a dimension is one mart's own.
        """
        return sorted({*self._dimensions(metric), *self._entities(metric)})

    def _dimensions(self, metric: str) -> set[str]:
        found = self._engine.simple_dimensions_for_metrics([metric])
        return {dimension.dunder_name for dimension in found if dimension.type.value == "categorical"}

    def _entities(self, metric: str) -> set[str]:
        found = self._engine.entities_for_metrics([metric])
        return {entity.name for entity in found if entity.name in self._shared}

    def _condition(self, metric: str, text: str) -> str:
        """A condition in MetricFlow's words: the names of dimensions wrapped, everything else as it is."""
        names = {name.split("__")[-1]: name for name in self.dimensions_named(metric)}
        parts = re.split(r"('(?:[^']|'')*')", text)
        for place, part in enumerate(parts):
            if part.startswith("'"):
                continue
            part = re.sub(rf"\b({'|'.join(GRAINS)})\b(?!\s*\()", r"{{ TimeDimension('metric_time', '\1') }}", part)
            for own, name in sorted(names.items()):
                kind = "Entity" if name in self._shared else "Dimension"
                part = re.sub(rf"\b{re.escape(own)}\b(?!')", f"{{{{ {kind}('{name}') }}}}", part)
            parts[place] = part
        return "".join(parts)


def _beside_each_other(
    parts: Sequence[tuple[str, tuple[str, ...], list[str]]],
    by: Sequence[str],
    metrics: Sequence[str],
    limit: int | None,
) -> str:
    """One query of the answers of several marts: a row for each combination that any of them has."""
    selects = []
    for sql, names, group in parts:
        keys = [f'"{name}" as "{item}"' for name, item in zip(names, by, strict=True)]
        values = [f'"{metric}"' if metric in group else f'null as "{metric}"' for metric in metrics]
        selects.append(f"select {', '.join([*keys, *values])} from (\n{sql}\n) as part")
    shown = [*(f'"{item}"' for item in by), *(f'max("{metric}") as "{metric}"' for metric in metrics)]
    together = "\nunion all\n".join(selects)
    rest = " group by all order by all" if by else ""
    return f"select {', '.join(shown)} from (\n{together}\n) as parts{rest}{f' limit {limit}' if limit else ''}"


def _last_day(file: Path) -> datetime:
    """The newest day a file knows of, whatever its night: later ones have nothing to say."""
    with duckdb.connect(str(file), read_only=True, config=settings()) as connection:
        day = connection.execute("select max(day) from business.executive_summary_daily").fetchone()[0]
    return datetime.combine(day, datetime.min.time()) if day else FIRST_DAY


def _semantics() -> dict[str, Any]:
    found = read_json(folder("target") / SEMANTICS)
    if not found or not found["metrics"]:
        raise Stop("no metrics are known here yet; run `./nightshift build`", USAGE)
    return found


def _shared(semantics: dict[str, Any]) -> set[str]:
    """What several marts are cut by under one name: entities that are nobody's key and follow nobody."""
    entities = [entity for model in semantics["semantic_models"] for entity in model["entities"]]
    conversions = [metric["type_params"].get("conversion_type_params") for metric in semantics["metrics"]]
    keys = {entity["name"] for entity in entities if entity["type"] != "foreign"}
    return {entity["name"] for entity in entities} - keys - {how["entity"] for how in conversions if how}


def _made_of(semantics: dict[str, Any]) -> dict[str, list[str]]:
    """For each ratio and derived metric the metrics it is made of."""
    found = {}
    for metric in semantics["metrics"]:
        how = metric["type_params"]
        parts = [*(how.get("metrics") or []), *filter(None, [how.get("numerator"), how.get("denominator")])]
        found[metric["name"]] = list(dict.fromkeys(part["name"] for part in parts))
    return found


def _engine() -> MetricFlowEngine:
    """MetricFlow over the last build's definitions; it writes SQL and never runs any."""
    logging.disable(logging.WARNING)
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Dialect:
        """All that MetricFlow wants to know of a database in order to write SQL for it."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    _semantics()
    text = (folder("target") / SEMANTICS).read_text()
    manifest = parse_manifest_from_dbt_generated_manifest(manifest_json_string=text)
    return MetricFlowEngine(SemanticManifestLookup(manifest), Dialect())


def _first_reason(text: str) -> str:
    """MetricFlow's own words, without the frame around them."""
    words = text.split("Message:", 1)[-1].split("Query Input:", 1)[0]
    return " ".join(words.split())[:300]


@click.group(invoke_without_command=True)
@click.pass_context
def metrics(context: click.Context) -> int:
    """List the metrics, or ask for some of them by time, country, plan and whatever else they know.

    A metric is defined once, in models/marts/business/_metrics.yml, and everybody who asks gets the same number of the
    same published night: here, in the dashboard, in a notebook.

    \b
    Examples
      ./nightshift metrics                                              what there is, with unit and owner
      ./nightshift metrics query net_revenue --by month,country
      ./nightshift metrics query churn_rate,arpu --by month --where "country = 'DE'" --csv -
      ./nightshift metrics query streams --by day --where "day >= '2026-02-01'" --json streams.json
      ./nightshift metrics query stickiness --by month --sql            the SQL, to run elsewhere
    """
    if context.invoked_subcommand is None:
        rows = [(metric.name, metric.unit, metric.kind, metric.owner, metric.description) for metric in definitions()]
        click.echo(table(("metric", "unit", "kind", "owner", "what it is"), rows))
        say("metrics", f"{len(rows)} metrics; `./nightshift metrics query NAME --by month` asks for one")
    return DONE


@metrics.command()
@click.argument("names")
@click.option("--by", default="", help="day, week, month, quarter, year or dimensions, with commas between.")
@click.option("--where", multiple=True, help="A condition on dimensions and time, such as \"country = 'DE'\".")
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@click.option("--csv", "as_csv", type=click.Path(allow_dash=True), help="Write CSV to a file, or to - .")
@click.option("--json", "as_json", type=click.Path(allow_dash=True), help="Write JSON to a file, or to - .")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL instead of running it.")
def query(
    names: str,
    by: str,
    where: tuple[str, ...],
    limit: int | None,
    as_csv: str | None,
    as_json: str | None,
    as_sql: bool,
) -> int:
    """Ask the published marts for metrics (names with commas between); decimals come exact."""
    wanted, cuts = _listed(names), _listed(by)
    answer = Metrics().ask(wanted, cuts, where, limit)
    if as_sql:
        click.echo(answer.sql)
    elif as_json:
        _write(as_json, json.dumps([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], default=str))
    elif as_csv:
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows([answer.columns, *answer.rows])
        _write(as_csv, lines.getvalue().removesuffix("\n"))
    else:
        shown = [["" if value is None else str(value) for value in row] for row in answer.rows]
        click.echo(table(answer.columns, shown))
    return DONE


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _write(path: str, text: str) -> None:
    if path == "-":
        click.echo(text)
    else:
        Path(path).write_text(text + "\n")
