"""``evaluate``: how good the models are on data with known answers, by the protocol of those who published theirs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import yaml

from scripts import console
from scripts.console import DONE, USAGE, Stop, say, timed, warn
from scripts.evaluate_recommender import evaluate_recommender
from scripts.home import PROJECT, folder
from scripts.models import fraud, measures
from scripts.retrieval.evaluation import evaluate_known_items, evaluate_search

HANDBOOK = PROJECT / "examples" / "fraud_handbook"
TRANSACTIONS = PROJECT / "../shared/data/fraud_handbook/transactions.parquet"
NEEDED = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")
DELAY, WEEK, TRAINING_DAYS, WARM_UP_DAYS = 7, 7, 90, 39
BOOK = (
    "amount", "is_weekend", "is_night",
    *(f"account_{what}_{days}d" for what in ("count", "mean_amount") for days in (1, 7, 30)),
    *(f"terminal_{what}_{days}d" for what in ("settled", "risk") for days in (1, 7, 30)),
)  # fmt: skip


@click.group()
def evaluate() -> None:
    """Measure the models on data whose answers are known.

    \b
    Examples
      ./nightshift evaluate fraud --example handbook
      ./nightshift evaluate fraud --example handbook --test-week 2018-08-22 --json figures.json
      ./nightshift evaluate fraud --example handbook --transactions other.parquet --test-week 2024-05-06
      ./nightshift evaluate streams --plays plays.parquet --truth truth.parquet
      ./nightshift evaluate search --documents docs.jsonl --queries queries.tsv --qrels qrels.txt
      ./nightshift evaluate recommender --interactions plays.tsv --split time:0.8
      ./nightshift evaluate known-items
      ./nightshift evaluate news --articles articles.csv --json figures.json
    """


evaluate.add_command(evaluate_search)
evaluate.add_command(evaluate_recommender)
evaluate.add_command(evaluate_known_items)


@evaluate.command("fraud")
@click.option("--example", type=click.Choice(["handbook"]), default="handbook", show_default=True)
@click.option(
    "--transactions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Parquet with the handbook's columns (default: ../shared/data/fraud_handbook/transactions.parquet).",
)
@click.option(
    "--test-week", type=click.DateTime(["%Y-%m-%d"]), default="2018-08-08", show_default=True, help="Its first day."
)
@click.option("--only", multiple=True, help="Only this candidate (may be given several times).")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there too.")
def evaluate_fraud(
    example: str, transactions: Path | None, test_week: datetime, only: tuple[str, ...], json_file: Path | None
) -> int:
    """All candidates on one week of card transactions, by the protocol of the Fraud Detection Handbook.

    The transactions pass through the product's own landing, feature SQL (fct_payment_features) and training. A label is
    known seven days after its transaction, to the second; training ends seven days before the test week; customers
    known to be compromised before a day of the test are left out of that day. Candidates named book_… use the
    handbook's fifteen features and its one week of training; nightshift is what `train fraud` makes, from 90 days.
    """
    state = _prepare(transactions or TRANSACTIONS)
    rows = read_handbook(state)
    table = [{"name": name, **figures} for name, figures in score_week(rows, test_week.date(), only)]
    if not table:
        raise Stop(f"no such candidate; there are {', '.join(CANDIDATES)}", USAGE)
    header = ("name", "auc_roc", "average_precision", "card_precision@100", "shipped")
    print(console.table(header, [[_shown(line[name]) for name in header] for line in table]))
    if json_file:
        json_file.write_text(json.dumps({"test_week": str(test_week.date()), "candidates": table}, indent=1) + "\n")
    return DONE


def _shown(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


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
    cards = measures.Cards(tested.day, tested.account, tested.truth)
    found = []
    for name, candidate in CANDIDATES.items():
        if only and name not in only:
            continue
        with timed("evaluate", f"{name} trained") as said:
            score = candidate(rows, week)
            if score is None:
                said.append(f"{name} left out: its library is not installed (requirements-test.lock has it)")
                continue
        figures = {
            "auc_roc": measures.auc_roc(tested.truth, score),
            "average_precision": measures.average_precision(tested.truth, score),
            "card_precision@100": measures.card_precision(cards, score),
            "shipped": name == "nightshift",
        }
        found.append((name, figures))
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


def _prepare(transactions: Path) -> Path:
    """Land the transactions and build their features, in a home of their own; nothing to do when both are there."""
    if not transactions.exists():
        raise Stop(
            f"{transactions.name} is not there: give it with --transactions (columns {', '.join(NEEDED)})", USAGE
        )
    columns = {row[0] for row in duckdb.execute("describe from read_parquet(?)", [str(transactions)]).fetchall()}
    if missing := set(NEEDED) - columns:
        raise Stop(f"{transactions.name} has no column {', '.join(sorted(missing))}", USAGE)
    newest, size = duckdb.execute(
        "select max(TX_DATETIME), count(*) from read_parquet(?)", [str(transactions)]
    ).fetchone()
    state = folder("examples") / f"fraud_handbook-{newest:%Y%m%d}-{size}"
    arrival = state / "inbox" / "cards" / str(newest.date() + timedelta(days=1))
    arrival.mkdir(parents=True, exist_ok=True)
    shipped = arrival / "transactions.parquet"
    if not shipped.exists():
        # of its columns only those that may be known: not the scenario, which explains the fraud
        making = arrival / ".making"
        duckdb.execute(
            f"copy (select {', '.join(NEEDED)} from read_parquet($file)) to '{making}' (format parquet)",
            {"file": str(transactions)},
        )
        shutil.move(making, shipped)
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(state), "NIGHTSHIFT_PROJECT": str(HANDBOOK)}
    for step in ("land", "build"):
        command = [sys.executable, "-m", "scripts.nightshift", step]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
        if done.returncode != DONE:
            raise Stop(f"the example's {step} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}", done.returncode)
        say("evaluate", done.stdout.strip().splitlines()[0])
    return state


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
    chosen = fraud.features()
    scorer = fraud.Scorer.of(fraud.fit(rows.take(week.training), chosen))
    names = [rows.names.index(name) for name in scorer.forest.features]
    # ranked before rounding: six decimals tie the many payments that are hardly suspicious
    return scorer.forest.raw(rows.values[week.test][:, names])


CANDIDATES: dict[str, Callable[[fraud.Rows, Week], np.ndarray | None]] = {
    "book_logistic_regression": _of_book(_logistic_regression),
    "book_random_forest": _of_book(_random_forest),
    "book_xgboost": _of_book(_xgboost),
    "nightshift": _nightshift,
}


@evaluate.command("streams")
@click.option("--plays", type=click.Path(path_type=Path, exists=True), required=True, help="Parquet file or folder.")
@click.option("--truth", type=click.Path(path_type=Path, exists=True), required=True, help="Parquet file or folder.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too."
)
def evaluate_streams(plays: Path, truth: Path, json_file: Path | None) -> int:
    """The rules of artificial streaming on plays of which the truth is known.

    Plays have the columns of backends/playback.yml; the truth has play_id and is_artificial, and may have habit, by
    which recall (of bots) and wrongly judged plays (of honest listeners) are told apart. The SQL is the warehouse's.
    """
    from scripts.models import streams

    with duckdb.connect(config={"threads": 2}) as connection:
        streams.verdicts(connection, _parquet(plays), streams.compiled_models())
        figures = stream_figures(connection, _parquet(truth))
    say(
        "evaluate",
        f"precision {figures['precision']:.4f}, recall {figures['recall']:.4f} over {figures['streams']:,} streams",
    )
    header = ("habit", "artificial", "streams", "judged", "share")
    lines = [
        [_shown(value) if isinstance(value, float) else value for value in line.values()] for line in figures["habits"]
    ]
    print(console.table(header, lines))
    if json_file:
        json_file.write_text(json.dumps(figures, indent=1) + "\n")
    return DONE


@evaluate.command("news")
@click.option(
    "--articles",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="CSV with TITLE, STORY, PUBLISHED_AT; ID and URL help.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too."
)
def evaluate_news(articles: Path, json_file: Path | None) -> int:
    """Stories found in a file of articles, fed hour by hour as they were published, against the true ones.

    The SQL is that of ./nightshift hour (int_news__terms, int_news__stories), with its settings. STORY is read by the
    score alone. Beside it: what the words tell without the time, what the hour tells without the words (sources that
    were collected story by story give much away by it), and a plain online baseline: TF-IDF, nearest centroid.
    """
    from scripts.models import stories

    read = stories.read_articles(articles)
    for why, number in sorted(read.left_out.items()):
        warn("evaluate", f"{console.count(number, 'row')} {why} left out")
    models = stories.compiled_models()
    half_life = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["story_half_life_hours"]
    ways = {
        "nightshift": lambda: stories.stories_of(read.articles, models),
        "nightshift, no decay": lambda: stories.stories_of(read.articles, stories.without_time(models, half_life)),
        "hour alone": lambda: stories.by_hour_alone(read.articles),
        "online baseline": lambda: stories.online_baseline(read.articles),
    }
    figures = {}
    for name, way in ways.items():
        began = time.monotonic()
        figures[name] = stories.b_cubed(read.truth, way())
        figures[name]["seconds"] = round(time.monotonic() - began, 1)
    header = ("way", "bcubed_precision", "bcubed_recall", "bcubed_f1", "clusters", "seconds")
    lines = [[name, *(_shown(found[key]) for key in header[1:])] for name, found in figures.items()]
    say("evaluate", f"{len(read.truth):,} articles, {len(set(read.truth.values())):,} true stories")
    print(console.table(header, lines))
    if json_file:
        document = {
            "articles": len(read.truth),
            "left_out": sum(read.left_out.values()),
            "true_stories": len(set(read.truth.values())),
            **figures["nightshift"],
            "baseline": figures["online baseline"],
            "no_decay": figures["nightshift, no decay"],
            "hour_alone": figures["hour alone"],
        }
        json_file.write_text(json.dumps(document, indent=1) + "\n")
    return DONE


def stream_figures(connection: duckdb.DuckDBPyConnection, truth: Path) -> dict[str, Any]:
    """Precision and recall over streams (plays of at least 30 s), and the judged share of each habit."""
    columns = {row[0] for row in connection.execute("describe from read_parquet(?)", [str(truth)]).fetchall()}
    habit = "coalesce(habit, '')" if "habit" in columns else "''"
    rows = connection.execute(
        f"with truth as (select play_id, max({habit}) as habit, bool_or(is_artificial) as is_artificial "
        "from read_parquet($truth) group by play_id) "
        "select truth.habit, truth.is_artificial, count(*), count(judged.play_id) from truth "
        "inner join core.fct_plays as plays using (play_id) "
        "left join intermediate.int_risk__suspicious_plays as judged using (play_id) "
        "where plays.ms_played >= 30000 group by all order by 2 desc, 1",
        {"truth": str(truth)},
    ).fetchall()
    judged = sum(row[3] for row in rows)
    right = sum(row[3] for row in rows if row[1])
    artificial = sum(row[2] for row in rows if row[1])
    return {
        "streams": sum(row[2] for row in rows),
        "precision": right / judged if judged else float("nan"),
        "recall": right / artificial if artificial else float("nan"),
        "habits": [
            {
                "habit": row[0] or "ordinary",
                "artificial": row[1],
                "streams": row[2],
                "judged": row[3],
                "share": row[3] / row[2],
            }
            for row in rows
        ],
    }


def _parquet(path: Path) -> Path:
    return path / "**" / "*.parquet" if path.is_dir() else path
