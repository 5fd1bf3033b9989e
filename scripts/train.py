"""``train``, ``due``, ``promote``, ``demote``: a model's versions are made, compared and let to serve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import click
import duckdb
import numpy as np

from scripts import gate, registry
from scripts.console import DONE, USAGE, Stop, say, timed, warn
from scripts.faults import fault_point
from scripts.home import PROJECT, variable
from scripts.landed import newest_arrival
from scripts.lock import night_lock
from scripts.models import fraud, measures, recommending
from scripts.warehouse import get_day, warehouse

FEATURES = "intermediate.int_risk__features_as_known"
MODELS = (fraud.MODEL, recommending.MODEL)
MATURE_DAYS = variable("label_delay_days")  # so long unreported, a payment counts as genuine
GATE_DAYS = 28
FEWEST_FRAUDS = 5
CARDS_A_DAY = 10  # accounts a day that a desk is compared by
FEWEST_RECENT = 200  # payments, to say that something is distributed otherwise
SCORE = "score"  # beside the features in a record's distributions
CODE = ("scripts/models/fraud.py", "scripts/models/trees.py", "scripts/models/linear.py",
        "macros/risk/payment_features.sql",
        "macros/risk/account_windows.sql", "macros/risk/terminal_windows.sql", "macros/risk/windows.sql")  # fmt: skip

# The latest thing said of a payment by the cutoff, but for what was said before it was made; what nobody reported for
# long enough was genuine. A payment that arrived days late was scored on other grounds than one in time, so it is not
# learned from.
LABELLED = f"""
    with said as (
        select labels.payment_id, labels.is_fraud,
            row_number() over (
                partition by labels.payment_id order by labels.known_at desc, labels.label_id desc
            ) as newest_first
        from intermediate.int_risk__labels as labels
        inner join {FEATURES} as features
            on features.payment_id = labels.payment_id and labels.known_at >= features.paid_at
        where labels.knowable_at < $cutoff + interval 1 day
    )
    select features.*, features.paid_on - date '1970-01-01' as day,
        dense_rank() over (order by features.account_id) as account,
        coalesce(payments.country, '') as segment,
        cast(coalesce(said.is_fraud, false) as tinyint) as truth
    from {FEATURES} as features
    inner join intermediate.int_risk__payments as payments
        on payments.payment_id = features.payment_id and payments.paid_on = features.paid_on
    left join said on said.payment_id = features.payment_id and said.newest_first = 1
    where payments.arrived_on <= payments.paid_on + 1
        and features.paid_on between $first and $last
        and (said.is_fraud is not null or features.paid_on <= $cutoff - {MATURE_DAYS})
    order by features.paid_at, features.payment_id
"""


def labelled(connection: duckdb.DuckDBPyConnection, first: date, last: date, cutoff: date) -> fraud.Rows:
    """Payments of a window with features as they were known and labels as they were known by ``cutoff``."""
    names = [feature.name for feature in fraud.features()]
    try:
        result = connection.execute(LABELLED, {"first": first, "last": last, "cutoff": cutoff})
    except duckdb.CatalogException:
        raise Stop("the warehouse has no features yet; run `./nightshift build` first", USAGE) from None
    offered = [column[0] for column in result.description]
    fraud.check_features(names, offered)
    found = result.fetchnumpy()
    values = np.empty((len(found["day"]), len(names)))
    for position, name in enumerate(names):
        values[:, position] = np.ma.filled(np.ma.asarray(found[name]).astype(float), np.nan)
    account, truth = (np.ma.filled(np.ma.asarray(found[name]), 0) for name in ("account", "truth"))
    segment = np.ma.filled(np.ma.asarray(found["segment"]), "").astype(str)
    return fraud.Rows(tuple(names), values, truth, np.asarray(found["day"]).astype(int), account, segment)


@dataclass(frozen=True)
class Windows:
    """What a challenger learns from, and the later days on which it meets the champion."""

    first: date
    trained_to: date
    last: date


def windows(connection: duckdb.DuckDBPyConnection, cutoff: date) -> Windows:
    """The last ``GATE_DAYS`` whose labels have settled are kept for the gate; all before is learned from.

    It begins when payments began to be known here: what came at once as history was not known in time.
    """
    first = connection.execute(f"select min(known_on) from {FEATURES}").fetchone()[0]
    if first is None:
        raise Stop("nothing to learn from: there are no payments")
    last = cutoff - timedelta(days=MATURE_DAYS)
    return Windows(first, last - timedelta(days=GATE_DAYS), last)


def _check_rows(rows: fraud.Rows, spans: Windows, cutoff: date) -> None:
    """Refuse a window that nothing can be learned from, and say what to look at."""
    if not len(rows):
        raise Stop(
            f"nothing to learn from: on {cutoff} labels have settled for payments up to {spans.trained_to} "
            f"({MATURE_DAYS} days for labels, {GATE_DAYS} for the gate), and payments are known since {spans.first}; "
            f"train again from {spans.first + timedelta(days=MATURE_DAYS + GATE_DAYS)} on"
        )
    if len(np.unique(rows.truth)) < 2:
        raise Stop(
            f"nothing to learn from: all {len(rows):,} payments from {spans.first} to {spans.trained_to} are "
            f"{'frauds' if rows.truth[0] else 'genuine'} by what is known on {cutoff}, of one class; "
            "`./nightshift status` says whether billing.chargebacks and support.payment_reviews arrive"
        )


def metrics(rows: fraud.Rows, score: np.ndarray) -> dict[str, float | None]:
    """The figures kept with a version."""
    cards = measures.Cards(rows.day, rows.account, rows.truth)
    found = {
        "auc_roc": measures.auc_roc(rows.truth, score),
        "average_precision": measures.average_precision(rows.truth, score),
        f"card_precision@{CARDS_A_DAY}": measures.card_precision(cards, score, CARDS_A_DAY),
        "fraud_rate": float(rows.truth.mean()) if len(rows) else float("nan"),
    }
    return {name: round(value, 6) if np.isfinite(value) else None for name, value in found.items()}


def scores(version: registry.Version, rows: fraud.Rows) -> np.ndarray:
    """A registered version's scores of rows."""
    fraud.check_version(version.name, version.record)
    scorer = scorer_of(version)
    return scorer.score(rows.values[:, [rows.names.index(name) for name in scorer.model.features]])


def scorer_of(version: registry.Version) -> fraud.Scorer:
    """What scores, from the registry's files."""
    return fraud.Scorer.of({name: version.read(name) for name in version.record["files"]})


@click.command()
@click.argument("model", type=click.Choice(MODELS))
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="As if nothing had arrived after this day.")
@click.option("--promote/--no-promote", "may_promote", default=True, show_default=True, help="Let the gate decide.")
def train(model: str, on: datetime | None, may_promote: bool) -> int:
    """Train a challenger, register it, and let it take the champion's place if it passes the gate.

    It learns from features as they were known at each payment and from labels known by now, up to 28 days before the
    last day whose labels have settled. Gradient boosting, a random forest and logistic regression are compared on the
    last sixth of those days; what wins is trained on all of them, calibrated and registered.

    On the 28 days after them it meets the champion. Better by more than the noise of a paired bootstrap (average
    precision, and how many of the ten accounts a day that a desk would look at are frauds), or as good and newer and
    worse in no country: then it serves from the next night. Otherwise it is kept, with the reason, and does not serve.
    The same data and code give the same version.

    The recommender learns from all streams but those of the last 14 days, on which its candidates meet.

    \b
    Examples
      ./nightshift train fraud
      ./nightshift train recommender
      ./nightshift due fraud && ./nightshift train fraud        for cron: only when it is due
    """
    with night_lock("train"):
        cutoff = on.date() if on else _logical_day()
        if model == recommending.MODEL:
            from scripts import train_recommender

            train_recommender.train(cutoff, may_promote)
            return DONE
        registry.sweep(model)
        with warehouse(read_only=True) as connection, timed("train", "trained") as said:
            spans = windows(connection, cutoff)
            rows = labelled(connection, spans.first, spans.trained_to, cutoff)
            _check_rows(rows, spans, cutoff)
            later = labelled(connection, spans.trained_to + timedelta(days=1), spans.last, cutoff)
            files = fraud.fit(rows, fraud.features())
            said.append(f"{len(rows):,} payments up to {spans.trained_to}, {int(rows.truth.sum()):,} frauds")
            said.append(_candidates(files))
        fault_point("train:before-register")
        scorer = fraud.Scorer.of(files)
        order = [rows.names.index(name) for name in scorer.model.features]
        later_score = scorer.score(later.values[:, order])
        record = {
            "window": {"first": str(spans.first), "last": str(spans.trained_to), "labels_known_by": str(cutoff)},
            "gate_window": {"first": str(spans.trained_to + timedelta(days=1)), "last": str(spans.last)},
            "features": [{"name": f.name, "type": f.type} for f in fraud.features()],
            "rows": len(rows),
            "frauds": int(rows.truth.sum()),
            "data": registry.data_fingerprint(rows.values, rows.truth),
            "code": registry.fingerprint([PROJECT / path for path in CODE]),
            "metrics": metrics(later, later_score),
            "candidates": json.loads(files["candidates.json"]),
            "thresholds": {name: json.loads(files["scoring.json"])[name] for name in ("review_from", "refuse_from")},
            "by_month": _by_month(later, later_score),
            "by_country": _by_segment(later, later_score),
            "calibration": measures.calibration(later.truth, later_score) if len(later) else [],
            "distribution": _distribution(rows, later, later_score, spans.first),
        }
        version = registry.register(model, files, record, spans.trained_to)
        say("train", f"registered {model}/{version.name}")
        fault_point("train:before-decision")
        verdict, champion = decide(model, version, later, spans)
        say("train", verdict.reason)
        if verdict.passed and may_promote and champion != version.name:
            registry.promote(model, version.name, cutoff, verdict.reason, "gate", verdict.as_record())
            say("train", f"{version.name} serves from the next night")
        elif champion != version.name:
            registry.decide(model, version.name, "keep", cutoff, verdict.reason, "gate", verdict.as_record())
            say("train", f"{version.name} is kept and does not serve; `./nightshift promote` overrules the gate")
    return DONE


def decide(
    model: str, challenger: registry.Version, later: fraud.Rows, spans: Windows
) -> tuple[gate.Verdict, str | None]:
    """What the gate says of a challenger, and who serves now."""
    serving = registry.champion(model)
    if serving == challenger.name:
        return gate.Verdict(False, "it serves already", {}), serving
    second = scores(challenger, later)
    hindered = serving and _hindered(model, serving)
    if serving is None or hindered:
        found = metrics(later, second)
        frauds = int(later.truth.sum())
        good = (found["auc_roc"] or 0) > 0.6 and (found["average_precision"] or 0) > 3 * (found["fraud_rate"] or 1)
        if frauds < FEWEST_FRAUDS:
            return gate.Verdict(False, f"only {frauds} frauds to measure on, {FEWEST_FRAUDS} are needed", {}), serving
        word = "better than chance" if good else "no better than chance"
        before = f"the champion cannot score ({hindered})" if hindered else "the first"
        return gate.Verdict(good, f"{before}, and {word}: average precision {found['average_precision']}", {}), serving
    champion = registry.load(model, serving)
    unseen = later.day > (champion.trained_to - date(1970, 1, 1)).days
    rows, second = later.take(unseen), second[unseen]
    first = scores(champion, rows)
    accounts, position = np.unique(rows.account, return_inverse=True)

    def precision(weight: np.ndarray) -> tuple[float, float]:
        return (
            measures.average_precision(rows.truth, first, weight[position]),
            measures.average_precision(rows.truth, second, weight[position]),
        )

    cards = measures.Cards(rows.day, position, rows.truth)
    desks = measures.DeskRanking(cards, first), measures.DeskRanking(cards, second)

    def of_desk(weight: np.ndarray) -> tuple[float, float]:
        return desks[0].precision(weight, CARDS_A_DAY), desks[1].precision(weight, CARDS_A_DAY)

    measured = {"average_precision": precision, f"card_precision@{CARDS_A_DAY}": of_desk}
    newer = challenger.trained_to > champion.trained_to
    segments = _segments(rows, first, second)
    return gate.judge(measured, len(accounts), newer=newer, segments=segments), serving


def _hindered(model: str, serving: str) -> str:
    """Why the champion cannot score: it is damaged, or made of features that are gone; empty if it can."""
    try:
        _able(model, serving)
    except Stop as problem:
        return str(problem)
    return ""


def _able(model: str, name: str, *, added_too: bool = False) -> registry.Version:
    """A version that is whole and can score; ``added_too``: that has all of today's features."""
    version = registry.load(model, name)
    if model == fraud.MODEL:
        fraud.check_version(name, version.record, added_too=added_too)
    return version


def _segments(
    rows: fraud.Rows, first: np.ndarray, second: np.ndarray
) -> dict[str, tuple[gate.Measure, int]]:  # fmt: skip
    """The gate's parts: countries with enough frauds to tell two models apart, compared by average precision."""
    found: dict[str, tuple[gate.Measure, int]] = {}
    if rows.segment is None:
        return found
    for country in np.unique(rows.segment):
        inside = rows.segment == country
        truth, scored = rows.truth[inside], (first[inside], second[inside])
        if truth.sum() < FEWEST_FRAUDS:
            continue
        accounts, position = np.unique(rows.account[inside], return_inverse=True)
        found[f"country {country or 'unknown'}"] = (_in_segment(truth, scored, position), len(accounts))
    return found


def _in_segment(
    truth: np.ndarray, scored: tuple[np.ndarray, np.ndarray], position: np.ndarray
) -> gate.Measure:  # fmt: skip
    def precision(weight: np.ndarray) -> tuple[float, float]:
        counts = weight[position]
        return tuple(measures.average_precision(truth, score, counts) for score in scored)

    return precision


def _candidates(files: Mapping[str, bytes]) -> str:
    """Who won, and what each reached on the last days of the training window."""
    kept = json.loads(files["candidates.json"])
    reached = ", ".join(f"{name} {value:.3f}" for name, value in kept["average_precision"].items())
    winner = kept["winner"].replace("_", " ")
    return (
        f"{winner} wins (average precision: {reached})" if reached else f"{winner}, as there is too little to compare"
    )


def _by_month(rows: fraud.Rows, score: np.ndarray) -> dict[str, Mapping[str, float | None]]:
    months = np.array([str(date(1970, 1, 1) + timedelta(days=int(day)))[:7] for day in rows.day])
    return {month: metrics(rows.take(months == month), score[months == month]) for month in np.unique(months)}


def _by_segment(rows: fraud.Rows, score: np.ndarray) -> dict[str, Mapping[str, float | None]]:
    segment = np.array([], dtype=str) if rows.segment is None else rows.segment
    return {
        country or "unknown": metrics(rows.take(segment == country), score[segment == country])
        for country in np.unique(segment)
    }


def _distribution(
    rows: fraud.Rows, later: fraud.Rows, later_score: np.ndarray, first: date
) -> dict[str, dict[str, Any]]:
    """How each feature was distributed in training, and the score right after it, for drift to be measured against.

    While there is less history than a feature looks back, its windows fill, and it moves whatever people do: days
    before they could be full do not count, and a feature without enough payments after them is not watched yet. The
    score is watched once all its features could be full. Of what it learned from a model is too sure: scores of that
    would be another distribution from the first day on.
    """
    begin = (first - date(1970, 1, 1)).days
    full_from = {feature.name: begin + feature.full_after for feature in fraud.features()}
    values = {
        name: rows.values[rows.day >= full_from[name], position]
        for position, name in enumerate(rows.names)
    }  # fmt: skip
    values[SCORE] = later_score[later.day >= max(full_from.values())]
    return {name: _spread(found) for name, found in values.items() if len(found) >= FEWEST_RECENT}


def _spread(values: np.ndarray) -> dict[str, Any]:
    """Quantiles of what is known and the share that is missing."""
    known = values[~np.isnan(values)]
    quantiles = [round(float(v), 6) for v in np.quantile(known, np.linspace(0, 1, 201))] if len(known) else []
    return {"missing": round(1 - len(known) / len(values), 6), "quantiles": quantiles}


def drift(was: Mapping[str, Any], now: np.ndarray) -> float:
    """Stability index of a feature against its distribution in training, missing values included."""
    known = np.array(was["quantiles"], dtype=float)
    if not len(known):
        return 0.0 if np.isnan(now).all() else 1.0
    copies = 50
    expected = np.repeat(known, copies)
    missing = round(len(expected) * was["missing"] / max(1e-9, 1 - was["missing"]))
    return measures.stability_index(np.r_[expected, np.full(missing, np.nan)], now)


def _logical_day() -> date:
    with warehouse() as connection:
        day = get_day(connection) or newest_arrival()
    if day is None:
        raise Stop("nothing has landed yet; run `./nightshift night` first", USAGE)
    return day


def reasons_due(model: str, day: date, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Why a model should be trained anew on ``day``; empty if it should not."""
    serving = registry.champion(model)
    if serving is None:
        return ["no version serves"]
    try:
        version = _able(model, serving)
    except Stop as problem:
        return [str(problem)]
    if model == recommending.MODEL:
        from scripts import train_recommender

        return train_recommender.reasons_due(version, day, connection)
    possible = day - timedelta(days=MATURE_DAYS + GATE_DAYS)
    found = gate.too_old((possible - version.trained_to).days)
    if change := fraud.Change.since(version.record):
        found.append(f"features: risk.fct_payment_features changed since it was made: {change}")
    recent = labelled(connection, day - timedelta(days=GATE_DAYS), day, day + timedelta(days=3650))
    if len(recent) >= FEWEST_RECENT:
        found += _drifted(version, recent)
    spans = windows(connection, day)
    later = labelled(connection, max(spans.trained_to, version.trained_to) + timedelta(days=1), spans.last, day)
    promised = version.record["metrics"].get("average_precision")
    if promised and later.truth.sum() >= 20:
        reached = measures.average_precision(later.truth, scores(version, later))
        if reached < 0.8 * promised:
            found.append(f"precision: {reached:.3f} on labels known since, {promised:.3f} when it was made")
    return found


def _drifted(version: registry.Version, recent: fraud.Rows) -> list[str]:
    """Which features, or the score itself, are distributed otherwise than when a version was made; most first."""
    now = {name: recent.values[:, position] for position, name in enumerate(recent.names)}
    now[SCORE] = scores(version, recent)
    was = version.record["distribution"]
    moved = {name: drift(was[name], values) for name, values in now.items() if name in was}
    return [
        f"drift: {'the score' if name == SCORE else name} is distributed otherwise than "
        f"{'when it was made' if name == SCORE else 'in training'} (stability index {index:.2f})"
        for name, index in sorted(moved.items(), key=lambda item: -item[1])
        if index > variable("retrain_drift")
    ]


@click.command()
@click.argument("model", type=click.Choice(MODELS), required=False)
@click.option("--json", "as_json", is_flag=True, help="For a machine.")
def due(model: str | None, as_json: bool) -> int:
    """Which models should be trained anew, and why: by age, by drift of the features or of the score, by a drop of
    precision on labels known since, by features that changed, or because the champion is damaged.

    Exit code 0 if one is due, 1 if none is; of one model, if it is named (so that `due && train` does what it says).

    \b
    Examples
      ./nightshift due
      ./nightshift due fraud && ./nightshift train fraud
      ./nightshift due --json
    """
    with night_lock("due"):
        day = _logical_day()
        with warehouse(read_only=True) as connection:
            found = {name: reasons_due(name, day, connection) for name in ([model] if model else MODELS)}
    if as_json:
        click.echo(json.dumps({"on": str(day), "due": found}))
    else:
        for name, reasons in found.items():
            for reason in reasons or ["not due"]:
                say("due", f"{name}: {reason}")
    return DONE if any(found.values()) else 1


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--by", required=True, help="Who decides.")
def promote(model: str, version: str, reason: str, by: str) -> int:
    """Let a registered version serve from the next night, whatever the gate said.

    It must have the features of today's mart; if not, it is refused with the difference.

    \b
    Example: ./nightshift promote fraud 2026-02-01-1a2b3c4d --reason "gate window had the outage" --by "A. Person"
    """
    _able(model, version, added_too=True)
    if registry.champion(model) == version:
        say("promote", f"{model}/{version} serves already: nothing to do")
        return DONE
    registry.promote(model, version, _logical_day(), reason, by)
    say("promote", f"{model}/{version} serves from the next night")
    return DONE


@click.command()
@click.argument("model")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--by", required=True, help="Who decides.")
def demote(model: str, reason: str, by: str) -> int:
    """Take the champion back; the version that served before serves again from the next night.

    \b
    Example
      ./nightshift demote fraud --reason "reviewers disagree with it" --by ada
    """
    before = registry.demote(model, _logical_day(), reason, by)
    say("demote", f"{model}: {before or 'no version'} serves from the next night")
    if before and (problem := _hindered(model, before)):
        warn("demote", f"that version cannot score: {problem}")
    return DONE
