"""The tracks that the champion of the registry scores highest for each listener who is due."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: reads, hands over to scripts/models/nightly.py, returns."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.models.nightly import score_listeners

    histories = dbt.ref("int_discovery__histories")
    day = session.sql("select max(on_date) from ops.horizon").fetchone()[0]
    return score_listeners(histories, day, session)
