"""Scores of the payments of the last days that no decision was committed for, by the champion of the registry."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: reads, hands over to scripts/models/scoring.py, returns."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.models.scoring import score_payments

    features = dbt.ref("int_risk__features_as_known")
    decisions = dbt.ref("stg_nightshift__decisions")
    day = session.sql("select max(on_date) from ops.horizon").fetchone()[0]
    known = decisions.project("payment_id").distinct().set_alias("known")
    new = (
        features.filter(f"paid_on > date '{day or '0001-01-01'}' - 7")
        .set_alias("features")
        .join(known, "features.payment_id = known.payment_id", how="anti")
        .order("payment_id")
    )
    return score_payments(new.to_arrow_table(), day)
