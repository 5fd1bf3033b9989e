"""Superset's datasets, written from the marts: ``python -m scripts.superset`` after a mart's columns changed.

A dataset in ``bi/superset/datasets`` says what the mart says: every column with its type and meaning, and as metrics
sums of columns as they are, under the label the project's metrics have. Charts may use nothing else, so no number is
defined a second time; tests/python/test_superset_files.py holds the files to it.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import click
import yaml

from scripts.console import USAGE, Stop, count, run_step, say
from scripts.dbt_process import manifest
from scripts.home import PROJECT

FILES = PROJECT / "bi" / "superset"
# The marts the charts read, the day each row is of, and the columns that may be added up.
MARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "active_listeners_daily": ("day", ("listeners_1_day", "listeners_7_days", "listeners_28_days")),
    "artist_monthly": ("month", ("streams", "saves", "follows")),
    "discovery_daily": ("played_on", ("streams", "plays")),
    "executive_summary_weekly": ("week", ("net_revenue_eur", "paying_members", "members", "streams", "ended")),
}


def known_as(name: str) -> str:
    """The name by which Superset knows a thing on every machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"nightshift/superset/{name}"))


def datasets(project: dict[str, Any]) -> dict[Path, str]:
    """Text of every dataset's file."""
    database = yaml.safe_load((FILES / "databases/Nightshift.yaml").read_text())["uuid"]
    found = {}
    for name, (day, sums) in MARTS.items():
        model = project["nodes"].get(f"model.nightshift.{name}")
        if model is None or missing(model, day, sums):
            raise Stop(f"{name}: {missing(model, day, sums) if model else 'no such mart'}", USAGE)
        text = yaml.safe_dump(_dataset(project, model, day, sums) | {"database_uuid": database}, **YAML)
        found[FILES / "datasets/Nightshift" / f"{name}.yaml"] = text
    return found


YAML: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120}


def missing(model: dict[str, Any], day: str, sums: tuple[str, ...]) -> str:
    """Which of the columns a mart does not have; empty if it has all."""
    lacking = sorted({day, *sums} - set(model["columns"]))
    return f"no column {', '.join(lacking)}" if lacking else ""


def _dataset(project: dict[str, Any], model: dict[str, Any], day: str, sums: tuple[str, ...]) -> dict[str, Any]:
    labels = _labels(project)
    columns = model["columns"].values()
    return {
        "table_name": model["name"],
        "main_dttm_col": day,
        "description": " ".join(model["description"].split()),
        "schema": model["fqn"][2],
        "uuid": known_as(model["name"]),
        "metrics": [
            {
                "metric_name": column,
                "verbose_name": labels.get(column) or column.removesuffix("_eur").replace("_", " ").capitalize(),
                "expression": f"sum({column})",
                "description": " ".join(model["columns"][column]["description"].split()),
            }
            for column in sums
        ]
        + [{"metric_name": "newest", "verbose_name": "Newest", "expression": f"max({day})"}],
        "columns": [
            {
                "column_name": column["name"],
                "type": column["data_type"].upper(),
                "is_dttm": column["data_type"].startswith(("date", "timestamp")),
                "groupby": True,
                "filterable": True,
                "description": " ".join(column["description"].split()),
            }
            for column in columns
        ],
        "version": "1.0.0",
    }


def _labels(project: dict[str, Any]) -> dict[str, str]:
    """Label of the project's first simple metric that adds up a column, or rows of it under its name, by the column."""
    measures = {
        measure["name"]: (measure["expr"], measure["name"])
        for semantic in project["semantic_models"].values()
        for measure in semantic["measures"]
        if measure["agg"] == "sum"
    }
    simple = (metric for metric in project["metrics"].values() if metric["type"] == "simple")
    found: dict[str, str] = {}
    for metric in simple:
        for column in measures.get(metric["type_params"]["measure"]["name"], ()):
            found.setdefault(column, metric["label"])
    return found


@click.command()
def main() -> None:
    """Write the datasets' files anew."""
    written = datasets(manifest())
    for path, text in written.items():
        path.write_text(text)
    say("superset", f"{count(len(written), 'dataset')} in {FILES / 'datasets/Nightshift'}")


if __name__ == "__main__":
    run_step(main)
