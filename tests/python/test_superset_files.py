"""The files of ``bi/superset``: datasets say what the marts say, charts ask for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from compiled import target

from scripts.superset import FILES, MARTS, datasets

# A filter that SQL says: comparisons of columns and the newest or oldest day of the mart, and no more.
CONDITION = re.compile(r"[a-z_0-9 =>+]+(\(select (max|min)\([a-z]+\)( \+ 27)? from business\.[a-z_]+\))?")


@pytest.fixture(scope="module")
def manifest():
    return json.loads((target() / "manifest.json").read_text())


def files(kind: str) -> dict[str, dict]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((FILES / kind).rglob("*.yaml"))}


def test_datasets_say_what_the_marts_say(manifest):
    """`python -m scripts.superset` writes them anew."""
    written = datasets(manifest)
    assert {path: path.read_text() for path in (FILES / "datasets").rglob("*.yaml")} == written


@pytest.mark.parametrize("name", files("charts"))
def test_a_chart_asks_for_metrics_and_columns_as_they_are(name):
    chart = files("charts")[name]
    (dataset,) = (found for found in files("datasets").values() if found["uuid"] == chart["dataset_uuid"])
    params = chart["params"]
    metrics = {*params.get("metrics", []), *filter(None, [params.get("metric"), params.get("timeseries_limit_metric")])}
    columns = {*params.get("groupby", []), *filter(None, [params.get("x_axis")])}
    assert metrics and metrics <= {metric["metric_name"] for metric in dataset["metrics"]}
    assert columns <= {column["column_name"] for column in dataset["columns"]}
    for condition in params["adhoc_filters"]:
        assert condition["expressionType"] == "SIMPLE" or all(
            CONDITION.fullmatch(part) for part in condition["sqlExpression"].split(" and ")
        )
    assert chart["description"]


def test_the_dashboard_shows_every_chart():
    (dashboard,) = files("dashboards").values()
    parts = [part for part in dashboard["position"].values() if isinstance(part, dict)]
    shown = [part["meta"]["uuid"] for part in parts if part["type"] == "CHART"]
    assert sorted(shown) == sorted(chart["uuid"] for chart in files("charts").values())


def test_its_exposure_says_what_it_reads(manifest):
    exposure = manifest["exposures"]["exposure.nightshift.superset_business"]
    assert {key.split(".")[-1] for key in exposure["depends_on"]["nodes"]} == set(MARTS)
    assert exposure["owner"]["email"]


def test_files_name_no_machine():
    for path in FILES.rglob("*.yaml"):
        assert not re.search(r"(duckdb:////|/home/|/tmp/|/root/)", path.read_text()), Path(path).name
