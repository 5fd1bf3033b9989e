"""Item-to-item weights of the champion, as far as tonight's reasons can name them."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: the registry's table of neighbours, from any track to those on a list."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.models.nightly import champions_similar_tracks

    lists, tracks = dbt.ref("int_discovery__lists"), dbt.ref("int_discovery__tracks")
    day = session.sql("select max(on_date) from ops.horizon").fetchone()[0]
    return champions_similar_tracks(lists, tracks, day, session)
