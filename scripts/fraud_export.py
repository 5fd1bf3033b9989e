"""``fraud-export``: what the backend that decides online needs, as a folder it can pick up twice without harm."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import click
import numpy as np

from scripts import registry
from scripts.console import DONE, Stop, say
from scripts.faults import fault_point
from scripts.files import point_link, remove_folder
from scripts.home import folder
from scripts.lock import night_lock
from scripts.models import fraud
from scripts.warehouse import warehouse

VECTORS = 50
# What a feature store must know when it starts: each place's and account's newest features.
STATE = {
    "accounts": ("account_id", "account_"),
    "terminals": ("terminal_id", "terminal_"),
}


@click.command("fraud-export")
def fraud_export() -> int:
    """Write exports/fraud_model/<version>/ for the backend that decides online.

    \b
    What is in it
      trees-*.txt, scoring.json   the model: LightGBM's text format (the mean of the files' sums is the log odds), the
                                  calibration (chance = 1 / (1 + exp(-(slope * log odds + offset)))) and the thresholds
      features.json               each feature's name, type, meaning and default
      accounts.parquet, …         the newest features of each account and terminal, for a feature store to start from
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
        files = {name: version.read(name) for name in version.record["files"]}
        scorer = fraud.Scorer.of(files)
        shelf = folder("exports") / "fraud_model"
        shelf.mkdir(exist_ok=True)
        making = shelf / ".making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        for name, data in files.items():
            (making / name).write_bytes(data)
        _write_json(making / "features.json", _features(scorer))
        newest = "intermediate.int_risk__features_as_known"
        for name, (key, prefix) in STATE.items():
            columns = [
                row[0] for row in connection.execute(f"describe {newest}").fetchall() if row[0].startswith(prefix)
            ]
            kept = ", ".join(dict.fromkeys([key, "paid_at", *columns]))
            connection.execute(
                f"copy (select {kept} from (select *, row_number() over (partition by {key} order by paid_at desc, "
                f"payment_id) as newest_first from {newest}) where newest_first = 1 order by {key}) "
                f"to '{making / name}.parquet' (format parquet)"
            )
        found = connection.execute(
            f"select {', '.join(scorer.model.features)} from {newest} order by md5(payment_id) limit {VECTORS}"
        ).fetchnumpy()
        values = np.column_stack(
            [np.ma.filled(np.ma.asarray(found[name]).astype(float), np.nan) for name in scorer.model.features]
        )
        _write_json(making / "vectors.json", _vectors(scorer, values))
        manifest = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(making.iterdir())}
        key = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
        _write_json(
            making / "manifest.json", {"model": version.model, "version": version.name, "key": key, "files": manifest}
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


def _features(scorer: fraud.Scorer) -> list[dict[str, object]]:
    known = {feature.name: feature for feature in fraud.features()}
    return [
        {"name": name, "type": known[name].type, "meaning": known[name].description, "default": None}
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
