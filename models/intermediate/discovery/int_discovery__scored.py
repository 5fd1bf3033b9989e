"""The tracks that the champion scores highest for each listener who is due, of those that the rules leave."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: reads, hands over to scripts/models/nightly.py, returns."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.models.nightly import Tables, score_listeners

    tables = Tables(
        due=dbt.ref("int_discovery__due_listeners"),
        histories=dbt.ref("int_discovery__histories"),
        tracks=dbt.ref("int_discovery__tracks"),
        offered=dbt.ref("int_discovery__offered"),
        hidden=dbt.ref("int_discovery__hidden"),
    )
    day = session.sql("select max(on_date) from ops.horizon").fetchone()[0]
    return score_listeners(tables, day, session)
