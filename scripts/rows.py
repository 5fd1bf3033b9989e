"""``rows``: look at what a failing test of the last build found, or at any relation of the warehouse."""

from __future__ import annotations

import click

from scripts.build import REPORT
from scripts.console import DONE, USAGE, Stop, count, say, table
from scripts.files import read_json
from scripts.home import folder
from scripts.lock import night_lock
from scripts.warehouse import first_rows, warehouse


@click.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows to show.")
@click.option("--sql", is_flag=True, help="Print the test's query instead of running it.")
def rows(name: str | None, limit: int, sql: bool) -> int:
    """Show the rows that made a test of the last build fail; without a NAME, list the tests that did.

    The part of a test's name that is enough to tell it from the others will do.

    \b
    Examples
      ./nightshift rows
      ./nightshift rows not_null_fct_plays_track_id
      ./nightshift rows reconcil --limit 100
      ./nightshift rows reconcil --sql
    """
    failed = (read_json(folder("warehouse") / REPORT) or {}).get("failed", [])
    tests = {entry["node"].split(".")[2]: entry for entry in failed if entry["node"].startswith("test.")}
    if name is None:
        print(table(["test", "rows", "message"], [[key, e["failures"], e["message"]] for key, e in tests.items()]))
        return DONE
    found = [key for key in tests if key == name] or [key for key in tests if name in key]
    if len(found) != 1:
        raise Stop(
            f"{'several tests' if found else 'no test'} of the last build that failed called {name!r}; "
            f"there are: {', '.join(tests) or 'none'}",
            USAGE,
        )
    query = tests[found[0]]["compiled"]
    if sql:
        click.echo(query)
        return DONE
    with night_lock("rows"), warehouse(read_only=True) as connection:
        print(table(*first_rows(connection, query, limit)))
    number = tests[found[0]]["failures"]
    say("rows", f"{found[0]}: {count(number, 'row')}{f', {limit} shown' if number and number > limit else ''}")
    return DONE
