"""``judge``: what the rules of artificial streaming say becomes a judgement, once."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime, timedelta

import click

from scripts.commitments import committed_files
from scripts.console import DONE, count, say
from scripts.faults import fault_point
from scripts.home import PROJECT
from scripts.landed import newest_arrival
from scripts.lock import night_lock
from scripts.warehouse import get_day, warehouse

COLUMNS = ("play_id", "played_on", "verdict", "reason", "appeal_id", "account_id", "track_id", "evidence_json")


def rule_version() -> str:
    """Names the rules as they are: the seed's content."""
    return hashlib.sha256((PROJECT / "seeds" / "streaming_rules.csv").read_bytes()).hexdigest()[:8]


def due_sql() -> str:
    """What is due and was not committed since the build that found it."""
    sql = f"select {', '.join(COLUMNS)} from risk.judgements_due as due"
    if files := committed_files("judgements"):
        known = f"read_parquet([{', '.join(repr(file) for file in files)}])"
        same = "known.play_id = due.play_id and known.verdict = due.verdict"
        sql += f" where not exists (select 1 from {known} as known where {same})"
    return sql + " order by played_on, play_id, verdict"


@click.command()
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="Logical day of the judgements (default: the build's).")
def judge(on: datetime | None) -> int:
    """Commit the judgements that the last build found due: plays that are artificial, plays that an appeal gives back.

    A play is judged once; a rule that changes later changes nothing for it. The next night counts without it, and a
    month already closed is put right by an adjustment. Run again, nothing is due any more and nothing happens.

    \b
    Examples
      ./nightshift build && ./nightshift judge
      ./nightshift rows judgements_due
    """
    from scripts.land import commit

    with night_lock("judge"):
        with warehouse(read_only=True) as connection:
            rows = connection.execute(due_sql()).fetchall()
        with warehouse() as connection:
            day = on.date() if on else get_day(connection) or newest_arrival()
        if not rows:
            say("judge", "nothing is due")
            return DONE
        version = rule_version()
        made = [{**dict(zip(COLUMNS, row, strict=True)), "judged_on": day, "rule_version": version} for row in rows]
        fault_point("judge:before-commit")
        commit("judgements", made, arrived_on=day + timedelta(days=1))
        fault_point("judge:after-commit")
    reasons = Counter(row["reason"] for row in made)
    said = ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))
    say("judge", f"{count(len(made), 'judgement')} of {day}: {said}")
    return DONE
