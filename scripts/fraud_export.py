"""``fraud-export``: what the backend that decides online needs, as a folder it can pick up twice without harm."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import duckdb
import numpy as np

from scripts import registry
from scripts.console import DONE, Stop, say
from scripts.faults import fault_point
from scripts.files import point_link, remove_folder
from scripts.home import folder
from scripts.lock import night_lock
from scripts.models import fraud
from scripts.warehouse import warehouse

FEATURES = "intermediate.int_risk__features_as_known"
VECTORS = 50
# What a feature store must know when it starts: counters of each of these as tonight ends, …
KINDS = ("account", "terminal", "device", "card")
STATE = "intermediate.int_risk__feature_state"
ITSELF = re.compile(r"(account|terminal|device|card)_count_\d+d")  # counts that hold the payment they are asked for
# … and what they were counted from, because what leaves a window tomorrow must be known, too.
EVENTS = {
    "payments": "select payments.* from intermediate.int_risk__payments as payments, tonight "
    "where paid_on > on_date - 240 and knowable_at < on_date + 1 order by paid_at, payment_id",
    "labels": "select labels.* from intermediate.int_risk__labels as labels, tonight "
    "where known_on > on_date - 91 and knowable_at < on_date + 1 order by known_at, label_id",
}


@click.command("fraud-export")
def fraud_export() -> int:
    """Write exports/fraud_model/<version>/ for the backend that decides online.

    \b
    What is in it
      trees-*.txt, scoring.json   the model: LightGBM's text format (the mean of the files' sums is the log odds), the
                                  calibration (chance = 1 / (1 + exp(-(slope * log odds + offset)))) and the thresholds
      features.json               each feature's name, type, meaning and default (its value when nothing is known)
      accounts.parquet, terminals.parquet, devices.parquet, cards.parquet
                                  counters of each as tonight ends, by the feature SQL itself, for a feature store
      payments.parquet, labels.parquet
                                  the days they were counted from (240 of payments, 91 of labels), so that
                                  the store's windows can go on
      vectors.json                inputs with the score they must get, to 1e-6
      manifest.json               idempotency key, rows and hashes

    \b
    Example
      ./nightshift fraud-export
    """
    with night_lock("fraud-export"), warehouse(read_only=True) as connection:
        serving = registry.champion(fraud.MODEL)
        if serving is None:
            raise Stop("no version of fraud serves; run `./nightshift train fraud` first")
        version = registry.load(fraud.MODEL, serving)
        fraud.check_version(serving, version.record)
        files = {name: version.read(name) for name in version.record["files"]}
        scorer = fraud.Scorer.of(files)
        shelf = folder("exports") / "fraud_model"
        shelf.mkdir(exist_ok=True)
        making = shelf / ".making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        for name, data in files.items():
            (making / name).write_bytes(data)
        rows = _write_state(connection, making)
        _write_json(making / "features.json", _features(scorer, _unseen(connection, scorer.model.features)))
        found = connection.execute(
            f"select {', '.join(scorer.model.features)} from {FEATURES} order by md5(payment_id) limit {VECTORS}"
        ).fetchnumpy()
        values = np.column_stack(
            [np.ma.filled(np.ma.asarray(found[name]).astype(float), np.nan) for name in scorer.model.features]
        )
        _write_json(making / "vectors.json", _vectors(scorer, values))
        manifest = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(making.iterdir())}
        key = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
        totals = {**rows, "vectors.json": len(values)}
        _write_json(
            making / "manifest.json",
            {"model": version.model, "version": version.name, "key": key, "rows": totals, "files": manifest},
        )
        fault_point("fraud-export:before-rename")
        final = shelf / f"{version.name}-{key}"
        if final.exists():
            remove_folder(making)
        else:
            making.rename(final)
        fault_point("fraud-export:before-link")
        point_link(shelf / "current", final.name)
    say("export", f"fraud_model/{final.name}: {len(values)} test vectors")
    return DONE


def _write_state(connection: duckdb.DuckDBPyConnection, making: Path) -> dict[str, int]:
    """Counters by kind as tonight ends, and the events they were counted from; how many rows each file has."""
    columns = [row[0] for row in connection.execute(f"describe {STATE}").fetchall()]
    written = {}
    for kind in KINDS:
        counted = ", ".join(
            f"{name} - 1 as {name}" if ITSELF.fullmatch(name) else name
            for name in columns
            if name.startswith(f"{kind}_") and not name.endswith("_id")
        )
        written[f"{kind}s"] = (
            f"select id as {kind}_id, paid_at as as_of, {counted} from {STATE} where kind = '{kind}' order by id"
        )
    for name, sql in EVENTS.items():
        written[name] = f"with tonight as (select max(on_date) as on_date from ops.horizon) {sql}"
    rows = {}
    for name, sql in written.items():
        done = connection.execute(f"copy ({sql}) to '{making / name}.parquet' (format parquet)")
        rows[f"{name}.parquet"] = done.fetchone()[0]
    return rows


def _unseen(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, object]:
    """The features of a payment of which nothing is known, by name."""
    row = connection.execute(f"select {', '.join(names)} from {STATE} where kind = 'unseen'").fetchone()
    return dict(zip(names, row, strict=True))


def _features(scorer: fraud.Scorer, unseen: Mapping[str, object]) -> list[dict[str, object]]:
    known = {feature.name: feature for feature in fraud.features()}
    return [
        {"name": name, "type": known[name].type, "meaning": known[name].description, "default": unseen[name]}
        for name in scorer.model.features
    ]


def _vectors(scorer: fraud.Scorer, values: np.ndarray) -> list[dict[str, object]]:
    return [
        {
            "features": {
                name: None if np.isnan(v) else float(v) for name, v in zip(scorer.model.features, row, strict=True)
            },
            "score": float(score),
            "band": scorer.band(float(score)),
        }
        for row, score in zip(values, scorer.score(values), strict=True)
    ]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
