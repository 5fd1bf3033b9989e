"""``decide``: tonight's scores become decisions, once, with all they were computed from."""

from __future__ import annotations

from datetime import timedelta

import click

from scripts.commitments import committed_files
from scripts.console import DONE, count, say
from scripts.faults import fault_point
from scripts.lock import night_lock
from scripts.models.fraud import MODEL
from scripts.warehouse import warehouse

COLUMNS = (
    "payment_id", "model_version", "account_id", "score", "band", "reasons_json", "features_json", "decided_at",
)  # fmt: skip


@click.command()
def decide() -> int:
    """Commit the scores that the last build gave to payments not decided before.

    What a decision was computed from is kept with it and never changes, whatever arrives later. Run again, nothing
    happens.

    \b
    Example: ./nightshift build && ./nightshift decide
    """
    from scripts.land import commit

    with night_lock("decide"):
        with warehouse(read_only=True) as connection:
            rows = connection.execute(due_sql()).fetchall()
        if not rows:
            say("decide", "nothing is due")
            return DONE
        made = [{**dict(zip(COLUMNS, row, strict=True)), "model": MODEL} for row in rows]
        by_day: dict[object, list[dict]] = {}
        for row in made:
            by_day.setdefault(row["decided_at"].date(), []).append(row)
        fault_point("decide:before-commit")
        for day, decisions in sorted(by_day.items()):
            commit("decisions", decisions, arrived_on=day + timedelta(days=1))
        fault_point("decide:after-commit")
    bands = ", ".join(f"{band} {sum(row['band'] == band for row in made):,}" for band in ("accept", "review", "refuse"))
    say("decide", f"{count(len(made), 'payment')}: {bands}")
    return DONE


def due_sql() -> str:
    """Tonight's scores of payments for which no decision was committed, hidden or not."""
    sql = f"select {', '.join(COLUMNS)} from risk.fct_payment_scores as due where not is_committed"
    if files := committed_files("decisions"):
        known = f"read_parquet([{', '.join(repr(file) for file in files)}])"
        sql += f" and not exists (select 1 from {known} as known where known.payment_id = due.payment_id)"
    return sql + " order by payment_id"
