"""What tonight's champion says of the payments of the last four weeks, whoever decided about them."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: reads, hands over to scripts/models/scoring.py, returns."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.models.scoring import score_again

    day = session.sql("select max(on_date) from ops.horizon").fetchone()[0]
    recent = dbt.ref("int_risk__features_as_known").filter(f"paid_on > date '{day or '0001-01-01'}' - 28")
    return score_again(recent.order("payment_id").to_arrow_table(), day)
