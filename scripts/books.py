"""What post and close share: whether the books want an approval, which months are closed, what the warehouse knows."""

from __future__ import annotations

import csv
import getpass
import hashlib
import json
from datetime import date, timedelta
from typing import Any

import duckdb

from scripts.console import REFUSED, USAGE, Stop
from scripts.faults import fault_point
from scripts.files import read_json, replace_json
from scripts.home import PROJECT, folder
from scripts.warehouse import NEWEST_CHECKS


def needs_approval(books: str) -> bool:
    """What seeds/books.csv says of these books."""
    with (PROJECT / "seeds" / "books.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["books"] == books:
                return row["needs_approval"].strip().lower() == "true"
    raise Stop(f"there are no books called {books} in seeds/books.csv", USAGE)


def someone(name: str | None) -> str:
    """Who does it: as given, or who is logged in."""
    return name or getpass.getuser()


def logical_day(connection: duckdb.DuckDBPyConnection) -> date:
    """The day up to which the warehouse was built."""
    return connection.execute("select max(on_date) from ops.horizon").fetchone()[0]


def closed_months(books: str) -> dict[date, date]:
    """Every closed month with the day of its closing, whenever that arrived."""
    root = folder("landing") / "nightshift" / "closed_months"
    if not any(root.glob("*/*/*.parquet")):
        return {}
    found = duckdb.execute(
        f"select month, min(closed_on) from read_parquet('{root}/*/*/*.parquet', hive_partitioning = false) "
        "where books = ? group by month order by month",
        [books],
    )
    return dict(found.fetchall())


def closed_by(books: str, month: date) -> tuple[str, str | None] | None:
    """Who closed a month, and who approved it."""
    root = folder("landing") / "nightshift" / "closed_months"
    return duckdb.execute(
        f"select closed_by, approved_by from read_parquet('{root}/*/*/*.parquet', hive_partitioning = false) "
        "where books = ? and month = ?",
        [books, month],
    ).fetchone()


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month + timedelta(days=32)).replace(day=1)


def refuse_unless_good(connection: duckdb.DuckDBPyConnection, domain: str) -> None:
    """Nothing is posted from a domain whose newest build or tests failed."""
    row = connection.execute(f"select passed, failures from {NEWEST_CHECKS} where domain = ?", [domain]).fetchone()
    if row is None:
        raise Stop(f"{domain} has not been built; run ./nightshift build first", USAGE)
    if not row[0]:
        raise Stop(f"{domain} is not in order, nothing was done: {row[1][:600]}", REFUSED)


def propose(what: str, content: dict[str, Any], prepared_by: str) -> str:
    """Lay a proposal down for somebody else to approve; the same content is the same proposal."""
    text = json.dumps({"what": what, **content}, sort_keys=True, default=str)
    number = hashlib.sha256(text.encode()).hexdigest()[:12]
    fault_point("prepare:before-proposal")
    replace_json(folder("proposals") / f"{number}.json", {**json.loads(text), "prepared_by": prepared_by})
    return number


def proposal(number: str) -> dict[str, Any]:
    """A proposal that waits."""
    found = read_json(folder("proposals") / f"{number}.json")
    if found is None:
        raise Stop(f"no proposal {number} waits for approval", USAGE)
    return found


def settle(number: str) -> None:
    """Take a proposal away once it is carried out."""
    (folder("proposals") / f"{number}.json").unlink(missing_ok=True)
