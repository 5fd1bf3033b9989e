"""The Fraud Detection Handbook's protocol: what is learned from and tested, its candidates and ours, the ceiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from scripts.console import USAGE, Stop, timed
from scripts.models import fraud, measures

DELAY, WEEK, TRAINING_DAYS, WARM_UP_DAYS = 7, 7, 90, 39
BOOK = (
    "amount", "is_weekend", "is_night",
    *(f"account_{what}_{days}d" for what in ("count", "mean_amount") for days in (1, 7, 30)),
    *(f"terminal_{what}_{days}d" for what in ("settled", "risk") for days in (1, 7, 30)),
)  # fmt: skip
SHIPPED = "nightshift"
HELD_OUT = tuple(date(2018, *day) for day in ((8, 15), (8, 29), (9, 5), (9, 19)))
MEASURES = ("auc_roc", "average_precision", "card_precision@100")
# The scenario that compromises terminals, and for how long: for the ceiling alone, never for a model.
AT_TERMINAL, COMPROMISED_DAYS = 2, 28


@dataclass(frozen=True)
class Week:
    """One week of the protocol: which rows are learned from, which are tested."""

    book_training: np.ndarray
    training: np.ndarray
    test: np.ndarray


def score_week(rows: fraud.Rows, test_week: date, only: tuple[str, ...] = ()) -> list[tuple[str, dict[str, Any]]]:
    """Figures of all candidates on one week."""
    week = cut(rows, (test_week - date(1970, 1, 1)).days)
    tested = rows.take(week.test)
    found = []
    for name, candidate in CANDIDATES.items():
        if only and name not in only:
            continue
        with timed("evaluate", f"{name} trained") as said:
            score = candidate(rows, week)
            if score is None:
                said.append(f"{name} left out: its library is not installed (requirements-test.lock has it)")
                continue
        found.append((name, {**figures_of(tested, score), "shipped": name == SHIPPED}))
    return found


def cut(rows: fraud.Rows, first: int) -> Week:
    """Training and test of the week that begins on day ``first`` (days since 1970), as the handbook cuts them."""
    day, bad = rows.day, rows.truth > 0
    end = first - DELAY
    learned = (day >= max(day.min() + WARM_UP_DAYS, end - TRAINING_DAYS)) & (day < end)
    book = (day >= end - WEEK) & (day < end)
    test = np.zeros(len(rows), bool)
    known = set(rows.account[book & bad])
    for offset in range(WEEK):
        known |= set(rows.account[(day == end + offset - 1) & bad])
        test |= (day == first + offset) & ~np.isin(rows.account, list(known))
    if not (learned.any() and test.any()):
        week = date(1970, 1, 1) + timedelta(days=first)
        raise Stop(f"the transactions hold no week {week} with training before it", USAGE)
    return Week(np.flatnonzero(book), np.flatnonzero(learned), np.flatnonzero(test))


def read_handbook(state: Path) -> fraud.Rows:
    """The features as built, in the order of time."""
    names = list(dict.fromkeys([*BOOK, *(feature.name for feature in fraud.features())]))
    with duckdb.connect(str(state / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select features.paid_on - date '1970-01-01' as day, transactions.is_fraud, "
            "dense_rank() over (order by features.account_id) as account, "
            f"{', '.join(f'cast(features.{name} as double) as {name}' for name in names)} "
            "from risk.fct_payment_features as features inner join staging.stg_cards__transactions as transactions "
            "using (payment_id) order by features.paid_at, payment_id"
        ).fetchnumpy()
    values = np.empty((len(found["day"]), len(names)))
    for position, name in enumerate(names):
        values[:, position] = np.ma.filled(found.pop(name).astype(float), np.nan)
    truth = np.ma.filled(found["is_fraud"], 0).astype(np.int8)
    return fraud.Rows(tuple(names), values, truth, np.asarray(found["day"]).astype(int), np.asarray(found["account"]))


# A fraud at a compromised terminal can be known when one before it there has been reported.
KNOWABLE = f"""
    with transactions as (
        select cast(TRANSACTION_ID as varchar) as payment_id, cast(TX_DATETIME as timestamp) as at,
            TERMINAL_ID as terminal, TX_FRAUD_SCENARIO as scenario
        from read_parquet($transactions)
    ),
    reported as (
        select distinct later.payment_id
        from transactions as later
        inner join transactions as before
            on before.terminal = later.terminal
            and before.at > later.at - interval {COMPROMISED_DAYS} day
            and before.at <= later.at - interval {DELAY} day
        where later.scenario = {AT_TERMINAL} and before.scenario = {AT_TERMINAL}
    )
    select transactions.scenario <> {AT_TERMINAL} or reported.payment_id is not null
    from risk.fct_payment_features as features
    inner join staging.stg_cards__transactions using (payment_id)
    inner join transactions using (payment_id)
    left join reported using (payment_id)
    order by features.paid_at, payment_id
"""


def knowable(state: Path, transactions: Path) -> np.ndarray | None:
    """Whether anything told of each fraud before it happened, by its scenario; None if the file does not tell it."""
    columns = {row[0] for row in duckdb.execute("describe from read_parquet(?)", [str(transactions)]).fetchall()}
    if "TX_FRAUD_SCENARIO" not in columns:
        return None
    with duckdb.connect(str(state / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(KNOWABLE, {"transactions": str(transactions)}).fetchnumpy()
    return np.asarray(next(iter(found.values())), dtype=bool)


def ceiling(rows: fraud.Rows, is_knowable: np.ndarray, test_week: date) -> dict[str, Any]:
    """What an oracle reaches that ranks first, without a mistake, each fraud of which anything could be known.

    The others are at terminals that were compromised so recently that no report has come: they look like any payment.
    Ranked by chance the figures scatter (mean and deviation of forty orders); the one thing that tells a little is how
    long ago a payment at the terminal was last known to be genuine, so the oracle's figures are given by that, too.
    """
    week = cut(rows, (test_week - date(1970, 1, 1)).days)
    tested, known = rows.take(week.test), is_knowable[week.test]
    first = (tested.truth > 0) & known
    exposure = np.nan_to_num(tested.values[:, tested.names.index("terminal_days_since_genuine")], nan=60.0)
    orders = [np.random.default_rng(seed).random(len(tested)) for seed in range(40)]
    by_chance = [figures_of(tested, first * 1e6 + order) for order in orders]
    return {
        "frauds": int(tested.truth.sum()),
        "frauds_nobody_could_know": int(((tested.truth > 0) & ~known).sum()),
        "by_exposure": figures_of(tested, first * 1e6 + exposure),
        "by_chance_mean": {name: _mean([one[name] for one in by_chance]) for name in MEASURES},
        "by_chance_deviation": {name: _deviation([one[name] for one in by_chance]) for name in MEASURES},
    }


def spread(weeks: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Mean and deviation of each candidate's figures over several weeks."""
    found = []
    for name in dict.fromkeys(line["name"] for week in weeks for line in week):
        lines = [line for week in weeks for line in week if line["name"] == name]
        values = {measure: [line[measure] for line in lines] for measure in MEASURES}
        found.append(
            {
                "name": name,
                **{measure: _mean(values[measure]) for measure in MEASURES},
                **{f"{measure}_deviation": _deviation(values[measure]) for measure in MEASURES},
            }
        )
    return found


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _deviation(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def figures_of(tested: fraud.Rows, score: np.ndarray) -> dict[str, float | None]:
    """The handbook's three figures."""
    cards = measures.Cards(tested.day, tested.account, tested.truth)
    found = (
        measures.auc_roc(tested.truth, score),
        measures.average_precision(tested.truth, score),
        measures.card_precision(cards, score, 100),
    )
    # a week of one class has no such figures
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(MEASURES, found, strict=True)}


def _columns(rows: fraud.Rows, names: tuple[str, ...]) -> np.ndarray:
    return np.nan_to_num(rows.values[:, [rows.names.index(name) for name in names]])


def _of_book(make: Callable[[], Any]) -> Callable[[fraud.Rows, Week], np.ndarray | None]:
    """A candidate of the handbook: fifteen features, scaled, one week."""

    def candidate(rows: fraud.Rows, week: Week) -> np.ndarray | None:
        try:
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler

            model = make_pipeline(StandardScaler(), make())
        except ImportError:
            return None
        model.fit(_columns(rows.take(week.book_training), BOOK), rows.truth[week.book_training])
        return model.predict_proba(_columns(rows.take(week.test), BOOK))[:, 1]

    return candidate


def _logistic_regression() -> Any:  # noqa: ANN401
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(random_state=0, max_iter=1000)


def _random_forest() -> Any:  # noqa: ANN401
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(random_state=0, n_jobs=2)


def _xgboost() -> Any:  # noqa: ANN401
    from xgboost import XGBClassifier

    # the defaults of the release that the handbook used, which have changed since
    return XGBClassifier(random_state=0, n_jobs=1, tree_method="exact", base_score=0.5)


def _nightshift(rows: fraud.Rows, week: Week) -> np.ndarray:
    return _ranked(rows, week, fraud.fit(rows.take(week.training), fraud.features()))


def _of_ours(name: str) -> Callable[[fraud.Rows, Week], np.ndarray]:
    """One of the candidates among which `train` chooses, with our features and training days."""

    def candidate(rows: fraud.Rows, week: Week) -> np.ndarray:
        files = fraud.CANDIDATES[name](rows.take(week.training), fraud.features(), 1, fraud.ROUNDS)
        return _ranked(rows, week, files)

    return candidate


def _ranked(rows: fraud.Rows, week: Week, files: dict[str, bytes]) -> np.ndarray:
    model = fraud.read_model(files)
    names = [rows.names.index(name) for name in model.features]
    # ranked before rounding: six decimals tie the many payments that are hardly suspicious
    return model.raw(rows.values[week.test][:, names])


CANDIDATES: dict[str, Callable[[fraud.Rows, Week], np.ndarray | None]] = {
    "book_logistic_regression": _of_book(_logistic_regression),
    "book_random_forest": _of_book(_random_forest),
    "book_xgboost": _of_book(_xgboost),
    "our_logistic_regression": _of_ours("logistic_regression"),
    "our_random_forest": _of_ours("random_forest"),
    SHIPPED: _nightshift,
}
