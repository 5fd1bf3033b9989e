"""How each feature and the score were distributed when each version that served was made, from its record."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: hands over to scripts/models/scoring.py, returns."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.models.scoring import distributions

    dbt.ref("stg_nightshift__promotions")  # what served follows from these
    return distributions(session.sql("select max(on_date) from ops.horizon").fetchone()[0])
