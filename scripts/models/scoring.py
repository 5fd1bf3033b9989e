"""Scores of payments by the champion, for the dbt model that asks: plain numpy, no training library."""

from __future__ import annotations

import json
from datetime import date, datetime, time

import numpy as np
import pyarrow as pa

from scripts import registry
from scripts.models import fraud

SCHEMA = pa.schema(
    {
        "payment_id": pa.string(),
        "model_version": pa.string(),
        "model": pa.string(),
        "account_id": pa.string(),
        "paid_on": pa.date32(),
        "score": pa.decimal128(9, 6),
        "band": pa.string(),
        "reasons_json": pa.string(),
        "features_json": pa.string(),
        "decided_at": pa.timestamp("us"),
    }
)


def _served(payments: pa.Table, day: date | None) -> tuple[registry.Version, fraud.Scorer, np.ndarray] | None:
    """The version that serves on ``day``, its scorer and its features of these payments; None without any of them."""
    serving = registry.champion(fraud.MODEL, until=day) if day else None
    if serving is None or not payments.num_rows:
        return None
    version = registry.load(fraud.MODEL, serving)
    fraud.check_version(serving, version.record)
    scorer = fraud.Scorer.of({name: version.read(name) for name in version.record["files"]})
    names = scorer.model.features
    fraud.check_features(names, payments.column_names)
    columns = [np.asarray(payments.column(name).to_pylist(), dtype=float) for name in names]
    return version, scorer, np.column_stack(columns)


def _spelled(schema: pa.Schema) -> pa.Schema:
    """A schema whose score is still text, from where it is cast to a decimal exactly."""
    return pa.schema([field if field.name != "score" else pa.field("score", pa.string()) for field in schema])


def score_payments(payments: pa.Table, day: date | None) -> pa.Table:
    """One row per payment with score, band and reasons, by the version that serves on ``day``; none without one."""
    found = _served(payments, day)
    if found is None:
        return SCHEMA.empty_table()
    version, scorer, values = found
    names = scorer.model.features
    score = scorer.score(values)
    reasons = fraud.Reasons(scorer, fraud.features()).of(values)
    plain = payments.select(["payment_id", "account_id", "paid_on"]).to_pylist()
    rows = [
        {
            **payment,
            "model_version": version.name,
            "model": fraud.MODEL,
            "score": f"{chance:.6f}",
            "band": scorer.band(float(chance)),
            "reasons_json": json.dumps(why, ensure_ascii=False, sort_keys=True),
            "features_json": json.dumps(
                {name: None if np.isnan(v) else float(v) for name, v in zip(names, row, strict=True)}, sort_keys=True
            ),
            "decided_at": datetime.combine(day, time()),
        }
        for payment, chance, why, row in zip(plain, score, reasons, values, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=_spelled(SCHEMA)).cast(SCHEMA)


CHAMPION_SCHEMA = pa.schema(
    {"payment_id": pa.string(), "model_version": pa.string(), "score": pa.decimal128(9, 6), "band": pa.string()}
)


def score_again(payments: pa.Table, day: date | None) -> pa.Table:
    """What the version that serves on ``day`` says of payments that others decided: score and band, no reasons."""
    found = _served(payments, day)
    if found is None:
        return CHAMPION_SCHEMA.empty_table()
    version, scorer, values = found
    score = scorer.score(values)
    rows = {
        "payment_id": payments.column("payment_id").to_pylist(),
        "model_version": [version.name] * len(score),
        "score": [f"{chance:.6f}" for chance in score],
        "band": [scorer.band(float(chance)) for chance in score],
    }
    return pa.table(rows, schema=_spelled(CHAMPION_SCHEMA)).cast(CHAMPION_SCHEMA)


DISTRIBUTIONS = pa.schema(
    {
        "model_version": pa.string(),
        "feature": pa.string(),
        "missing_share": pa.float64(),
        "position": pa.int32(),
        "value": pa.float64(),
    }
)


def distributions(day: date | None) -> pa.Table:
    """How each feature and the score were distributed when a version was made, for every one that served by ``day``.

    One row per quantile, from position 0 (the smallest value) on; a feature that was always missing has one row without
    a value. A version that the registry no longer holds whole is left out: nothing can be compared with it.
    """
    promoted = (
        {made.version for made in registry.decisions(fraud.MODEL, day) if made.action == "promote"} if day else ()
    )
    rows = []
    for name in sorted(promoted):
        try:
            record = registry.load(fraud.MODEL, name).record
        except registry.Damaged:
            continue
        for feature, was in sorted(record["distribution"].items()):
            for position, value in enumerate(was["quantiles"] or [None]):
                rows.append((name, feature, was["missing"], position, value))
    columns = zip(*rows, strict=True) if rows else [()] * len(DISTRIBUTIONS)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, DISTRIBUTIONS, strict=True)], DISTRIBUTIONS
    )
