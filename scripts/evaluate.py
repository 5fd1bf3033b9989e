"""``evaluate``: how good the models are on data with known answers, by the protocol of those who published theirs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts import console
from scripts.console import DONE, REFUSED, USAGE, Stop, say, warn
from scripts.evaluate_recommender import evaluate_recommender
from scripts.home import PROJECT, folder, variable
from scripts.models import handbook
from scripts.retrieval.evaluation import evaluate_known_items, evaluate_search

HANDBOOK = PROJECT / "examples" / "fraud_handbook"
TRANSACTIONS = PROJECT / "../shared/data/fraud_handbook/transactions.parquet"
NEEDED = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")


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
    "--test-week", "test_weeks", type=click.DateTime(["%Y-%m-%d"]), multiple=True, default=["2018-08-08"],
    show_default=True, help="Its first day (several: mean and spread over them, too).",
)  # fmt: skip
@click.option("--held-out", is_flag=True, help="Also four weeks that nothing was ever tuned on, with mean and spread.")
@click.option("--only", multiple=True, help="Only this candidate (may be given several times).")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there too.")
def evaluate_fraud(
    example: str, transactions: Path | None, test_weeks: tuple[datetime, ...], held_out: bool, only: tuple[str, ...],
    json_file: Path | None,
) -> int:  # fmt: skip
    """All candidates on one week of card transactions, by the protocol of the Fraud Detection Handbook.

    The transactions pass through the product's own landing, feature SQL (fct_payment_features) and training. A label is
    known seven days after its transaction, to the second; training ends seven days before the test week; customers
    known to be compromised before a day of the test are left out of that day. Candidates named book_… use the
    handbook's fifteen features and its one week of training; our_… and nightshift our features and 90 days;
    nightshift is what `train fraud` makes. Where the file tells the scenarios, the ceiling of any model is said, too.

    \b
    Examples
      ./nightshift evaluate fraud --example handbook
      ./nightshift evaluate fraud --example handbook --held-out --only nightshift
      ./nightshift evaluate fraud --example handbook --test-week 2018-08-22 --json figures.json
    """
    source = transactions or TRANSACTIONS
    if unknown := set(only) - set(handbook.CANDIDATES):
        raise Stop(f"no candidate {', '.join(sorted(unknown))}; there are {', '.join(handbook.CANDIDATES)}", USAGE)
    state = _prepare(source)
    rows = handbook.read_handbook(state)
    is_knowable = handbook.knowable(state, source)
    weeks = []
    for day in dict.fromkeys([*(week.date() for week in test_weeks), *(handbook.HELD_OUT if held_out else ())]):
        table = [{"name": name, **figures} for name, figures in handbook.score_week(rows, day, only)]
        found = {"test_week": str(day), "candidates": table}
        if is_knowable is not None:
            found["ceiling"] = handbook.ceiling(rows, is_knowable, day)
        _print_week(found)
        weeks.append(found)
    result = dict(weeks[0])
    if len(weeks) > 1:
        # the weeks held out are told apart from the one that is published
        kept = [week for week in weeks if not held_out or week["test_week"] in map(str, handbook.HELD_OUT)]
        others = [[*week["candidates"], *_limits(week)] for week in kept]
        result |= {"weeks": weeks, "over_weeks": handbook.spread(others)}
        names = [f"{name}{more}" for name in handbook.MEASURES for more in ("", "_deviation")]
        print(f"\n  mean and deviation over {len(others)} weeks{' held out' if held_out else ''}")
        print(
            console.table(
                ("name", *names), [[_shown(line[n]) for n in ("name", *names)] for line in result["over_weeks"]]
            )
        )
    if json_file:
        json_file.write_text(json.dumps(result, indent=1) + "\n")
    return DONE


def _limits(week: dict[str, Any]) -> list[dict[str, Any]]:
    """A week's ceilings beside its candidates, where the file tells the scenarios."""
    ways = {"by chance": "by_chance_mean", "by exposure": "by_exposure"}
    limit = week.get("ceiling")
    return [{"name": f"ceiling, {way}", **limit[key]} for way, key in ways.items()] if limit else []


def _print_week(found: dict[str, Any]) -> None:
    header = ("name", *handbook.MEASURES, "shipped")
    print(f"\n  test week {found['test_week']}")
    print(console.table(header, [[_shown(line[name]) for name in header] for line in found["candidates"]]))
    if limit := found.get("ceiling"):
        chance = ", ".join(
            f"{name} {_shown(limit['by_chance_mean'][name])} ± {_shown(limit['by_chance_deviation'][name])} "
            f"({_shown(limit['by_exposure'][name])})"
            for name in handbook.MEASURES
        )
        print(
            f"  ceiling: {limit['frauds_nobody_could_know']} of {limit['frauds']} frauds are at terminals where none "
            "had been reported yet: nothing tells them apart.\n"
            "  All others ranked first, these by chance (by the days since a genuine payment there):\n"
            f"  {chance}"
        )


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else value


def _prepare(transactions: Path) -> Path:
    """Land the transactions and build their features, in a home of their own; nothing to do when both are there."""
    if not transactions.exists():
        raise Stop(
            f"{transactions.name} is not there: give it with --transactions (columns {', '.join(NEEDED)})", USAGE
        )
    columns = {row[0] for row in duckdb.execute("describe from read_parquet(?)", [str(transactions)]).fetchall()}
    if missing := set(NEEDED) - columns:
        raise Stop(f"{transactions.name} has no column {', '.join(sorted(missing))}", USAGE)
    # of its columns only those that may be known: not the scenario, which explains the fraud
    selected = (
        "cast(TRANSACTION_ID as varchar) as TRANSACTION_ID, cast(TX_DATETIME as timestamp) as TX_DATETIME, "
        "cast(CUSTOMER_ID as varchar) as CUSTOMER_ID, cast(TERMINAL_ID as varchar) as TERMINAL_ID, TX_AMOUNT, "
        "cast(TX_FRAUD as integer) as TX_FRAUD"
    )
    (newest,) = duckdb.execute(
        "select max(cast(TX_DATETIME as timestamp)) from read_parquet(?)", [str(transactions)]
    ).fetchone()
    if newest is None:
        raise Stop(f"{transactions.name} holds no transactions", USAGE)
    with transactions.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    state = folder("examples") / f"fraud_handbook-{content}"
    arrival = state / "inbox" / "cards" / str(newest.date() + timedelta(days=1))
    arrival.mkdir(parents=True, exist_ok=True)
    shipped = arrival / "transactions.parquet"
    if not shipped.exists():
        making = arrival / ".making"
        duckdb.execute(
            f"copy (select {selected} from read_parquet($file)) to '{making}' (format parquet)",
            {"file": str(transactions)},
        )
        shutil.move(making, shipped)
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(state), "NIGHTSHIFT_PROJECT": str(HANDBOOK)}
    for step in ("land", "build"):
        command = [sys.executable, "-m", "scripts.nightshift", step]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
        if done.returncode not in (DONE, REFUSED):
            raise Stop(f"the example's {step} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}", done.returncode)
        if done.returncode == REFUSED:
            warn("evaluate", done.stderr.strip() or f"{step} refused some of the transactions")
        say("evaluate", done.stdout.strip().splitlines()[0])
    return state


@evaluate.command("streams")
@click.option("--plays", required=True, help="Parquet file, folder or pattern (CSV and JSON lines are read, too).")
@click.option("--truth", required=True, help="The same, with what each play really was.")
@click.option("--leave-one-out", is_flag=True, help="Set the limits anew without each habit in turn: its recall then.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there too."
)
def evaluate_streams(plays: str, truth: str, leave_one_out: bool, json_file: Path | None) -> int:
    """The rules of artificial streaming on plays of which the truth is known. The SQL is the warehouse's.

    Plays have the columns of backends/playback.yml (play_id, account_id, track_id, started_at and ms_played are needed;
    country, device_id and network_prefix help; with sent_at and received_at the device's clock is corrected). The truth
    has play_id and is_artificial, and may have habit, by which the figures are told apart. Figures are over streams,
    plays of at least 30 s. Lines of JSON that cannot be read and rows without a play_id are left out, counted and said.

    --leave-one-out sets each rule's leading limit on the earlier half of the days as if one habit did not exist, and
    measures that habit on the later half; then the next habit (some minutes).

    \b
    Examples
      ./nightshift evaluate streams --plays plays.parquet --truth truth.parquet
      ./nightshift evaluate streams --plays 'inbox/playback/*/plays*.parquet' --truth truth/plays --json figures.json
      ./nightshift evaluate streams --plays plays.parquet --truth truth.parquet --leave-one-out
    """
    from scripts.models import stream_limits, streams

    with duckdb.connect(config={"threads": 2}) as connection:
        shipped, known = streams.Source.find(plays, connection), streams.Source.find(truth, connection)
        streams.load_plays(connection, shipped)
        streams.load_truth(connection, known)
        models = streams.compiled_models()
        streams.judge_plays(connection, models, streams.read_rules())
        figures = streams.figures(connection)
        if leave_one_out:
            figures["left_out"] = stream_limits.leave_one_out(connection, models)
    say(
        "evaluate",
        f"precision {_shown(figures['precision'])}, recall {_shown(figures['recall'])} "
        f"over {figures['streams']:,} streams",
    )
    header = ("habit", "artificial", "streams", "judged", "share")
    print(console.table(header, [[_shown(line[name]) for name in header] for line in figures["habits"]]))
    print(console.table(("rule", "judged", "right"), [list(line.values()) for line in figures["rules"]]))
    if leave_one_out:
        header = ("habit", "streams", "recall", "precision")
        print("\n  Each habit left out when the limits were set:")
        print(console.table(header, [[_shown(line[name]) for name in header] for line in figures["left_out"]]))
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
    half_life = variable("story_half_life_hours")
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
