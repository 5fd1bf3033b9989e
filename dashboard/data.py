"""What pages read: metrics and marts of the night that is published now.

Everything is cached by the **resolved** folder of ``published/current``, so the next view after a new night shows it,
without a restart, and a page that is open keeps the night it began with until it is looked at again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import streamlit as st

from scripts.metrics import Metric, Metrics, definitions
from scripts.published import RECORD, current_folder
from scripts.warehouse import settings


@dataclass(frozen=True)
class Filters:
    """What the reader looks at: days (both included), countries and plans (none: all)."""

    first: date
    last: date
    countries: tuple[str, ...]
    plans: tuple[str, ...]

    @property
    def before(self) -> Filters:
        """The period of the same length that ends where this one begins."""
        days = (self.last - self.first).days + 1
        return Filters(self.first - timedelta(days=days), self.first - timedelta(days=1), self.countries, self.plans)


def night() -> Path | None:
    """The folder of the night that readers are shown."""
    return current_folder()


@st.cache_resource(max_entries=2, show_spinner=False)
def _metrics(folder: str) -> Metrics:
    return Metrics(Path(folder) / "marts.duckdb")


@st.cache_resource(max_entries=2, show_spinner=False)
def _connection(folder: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(Path(folder) / "marts.duckdb"), read_only=True, config=settings())


@st.cache_data(max_entries=500, show_spinner=False)
def _asked(folder: str, names: tuple[str, ...], by: tuple[str, ...], where: tuple[str, ...]) -> pd.DataFrame:
    answer = _metrics(folder).ask(names, by, where)
    frame = pd.DataFrame(answer.rows, columns=answer.columns)
    for name in names:
        frame[name] = pd.to_numeric(frame[name].astype("object").map(lambda v: None if v is None else float(v)))
    return frame


@st.cache_data(max_entries=200, show_spinner=False)
def _read(folder: str, sql: str, values: tuple[object, ...]) -> pd.DataFrame:
    found = _connection(folder).cursor().execute(sql, list(values))
    columns = [column[0] for column in found.description]
    return pd.DataFrame(found.fetchall(), columns=columns)


@st.cache_data(max_entries=4, show_spinner=False)
def _dimensions(folder: str, metric: str) -> tuple[str, ...]:
    return tuple(sorted(_metrics(folder).dimensions_called(metric)))


@st.cache_data(max_entries=2, show_spinner=False)
def _definitions(folder: str) -> dict[str, Metric]:
    return {found.name: found for found in definitions()}


def metric(name: str) -> Metric:
    """The definition of a metric: what it is, its unit, its owner."""
    return _definitions(str(night()))[name]


def ask(
    names: Sequence[str],
    by: Sequence[str] = (),
    filters: Filters | None = None,
    days: bool = True,
    month: date | None = None,
) -> pd.DataFrame:
    """Metrics by time and dimensions, under the reader's filters as far as the metrics know them.

    ``days``: whether the filter's days apply (metrics of months are asked up to their last month instead). ``month``:
    that month alone.
    """
    folder = str(night())
    where = [f"month = '{month}'"] if month else []
    if filters:
        if days and not month:
            where.append(f"day >= '{filters.first}' and day <= '{filters.last}'")
        elif not month:
            where.append(f"month <= '{filters.last.replace(day=1)}'")
        known = set.intersection(*(set(_dimensions(folder, name)) for name in names))
        for dimension, chosen in (("country", filters.countries), ("plan_code", filters.plans)):
            if chosen and dimension in known:
                listed = ", ".join("'" + value.replace("'", "''") + "'" for value in chosen)
                where.append(f"{dimension} in ({listed})")
    return _asked(folder, tuple(names), tuple(by), tuple(where))


def heeds(name: str, filters: Filters) -> bool:
    """False if a chosen filter means nothing to the metric, which then is of everything."""
    known = _dimensions(str(night()), name)
    return not (filters.countries and "country" not in known) and not (filters.plans and "plan_code" not in known)


def read(sql: str, *values: object) -> pd.DataFrame:
    """Rows of a published mart, as they are."""
    return _read(str(night()), sql, values)


def columns(mart: str) -> dict[str, tuple[str, str]]:
    """Meaning, with unit and owner, and the unit alone of each column of a mart, from the dictionary."""
    schema, name = mart.split(".")
    known = read(
        "select column_name, meaning, unit, owner from business.data_dictionary "
        "where mart_schema = ? and mart_name = ?",
        schema, name,
    )  # fmt: skip
    found = {}
    for row in known.itertuples():
        unit = f"Unit: {row.unit}. " if row.unit else ""
        found[row.column_name] = (f"{row.meaning} {unit}Owner: {row.owner}.", row.unit or "")
    return found


def age_days() -> int:
    """Whole days since what is shown was published."""
    return int((time.time() - (night() / RECORD).stat().st_mtime) // 86_400)


def has(mart: str) -> bool:
    """True if the night shows the mart and it has rows."""
    schema, name = mart.split(".")
    known = read("select 1 from duckdb_tables() where schema_name = ? and table_name = ?", schema, name)
    return not known.empty and not read(f"select 1 from {mart} limit 1").empty
