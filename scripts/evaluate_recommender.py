"""``evaluate recommender``: all candidates and what ships, on anybody's interactions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import scipy.sparse as sp
import yaml

from scripts import console
from scripts.console import DONE, FAILED, USAGE, Stop, say, timed
from scripts.home import PROJECT
from scripts.models import interactions, recommender

LASTFM = PROJECT / "../shared/data/lastfm_hetrec/user_artists.dat"
EXAMPLES = PROJECT / "examples"
FIGURES = ("ndcg@10", "recall@20", "ndcg@100", "recall@100")


@click.command("recommender")
@click.option(
    "--interactions",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Tab-separated, with a header line: listener, item, weight and, where there is one, time "
    "(default: ../shared/data/lastfm_hetrec/user_artists.dat).",
)
@click.option(
    "--split",
    default="random:42:0.8",
    show_default=True,
    help="random:SEED:SHARE in the order of the file, or time:SHARE: so much of it, the earliest, is learned from.",
)
@click.option(
    "--example",
    type=click.Choice(["lastfm_hetrec"]),
    help="The protocol of examples/NAME, on its own file and split; fails if it does not come out.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there too.")
def evaluate_recommender(file: Path | None, split: str, example: str | None, json_file: Path | None) -> int:
    """All candidates on one file of interactions, by the protocol that the field shares, and the blend that ships.

    Every listener with something to find counts; what a listener had in training is not recommended; gain is binary;
    recall is over all that is to be found. popularity, neighbours_…, ease and ials are untuned references. Those that
    end in _tuned are the blend's parts; nightshift is what `train recommender` makes. Whatever is tuned is tuned on a
    part of the training rows held back, never on those of the test. Weights may be counts or ratings, ids anything.

    \b
    Examples
      ./nightshift evaluate recommender --example lastfm_hetrec
      ./nightshift evaluate recommender --interactions plays.tsv --split time:0.8 --json figures.json
    """
    if json_file and not json_file.absolute().parent.is_dir():
        raise Stop(f"{json_file.parent} is no folder", USAGE)
    protocol = yaml.safe_load((EXAMPLES / example / "protocol.yml").read_text()) if example else {}
    split = protocol.get("split", split)
    found = interactions.read(file or (EXAMPLES / example / protocol["data"] if example else LASTFM))
    first = found.training(split)
    train, test = found.split(split)
    say(
        "evaluate",
        f"{len(found.listeners):,} listeners, {len(found.items):,} items: {train.nnz:,} pairs to learn from, "
        f"{test.nnz:,} to find",
    )
    latest = _latest(found, first) if found.time is not None and split.startswith("time") else None
    table = score(train, test, latest)
    header = ("name", *FIGURES, "shipped")
    print(console.table(header, [[_shown(line[name]) for name in header] for line in table]))
    if json_file:
        json_file.write_text(json.dumps(table, indent=1) + "\n")
    return _compared(protocol, table) if example else DONE


def _compared(protocol: dict[str, Any], table: list[dict[str, Any]]) -> int:
    """Print what a protocol expects beside what came out; FAILED if it did not."""
    reached = {line["name"]: line for line in table}
    lines = []
    for name, figures in protocol["references"].items():
        for figure, value in figures.items():
            good = abs(reached[name][figure] - value) <= protocol["within"]
            lines.append((name, figure, f"{value:.3f} ± {protocol['within']:.3f}", reached[name][figure], good))
    for name, figures in protocol["at_least"].items():
        for figure, value in figures.items():
            lines.append((name, figure, f"at least {value:.3f}", reached[name][figure], reached[name][figure] >= value))
    shown = [(*line[:3], f"{line[3]:.4f}", "yes" if line[4] else "NO") for line in lines]
    print(console.table(("name", "figure", "expected", "came out", "good"), shown))
    return DONE if all(line[4] for line in lines) else FAILED


def score(train: sp.csr_matrix, test: sp.csr_matrix, trial: recommender.Trial | None = None) -> list[dict[str, Any]]:
    """The table of all candidates."""
    table = []
    rows = np.flatnonzero(np.diff(test.indptr) > 0)
    for candidate in recommender.baselines(train):
        table.append(_line(candidate, train, test, rows))
    with timed("evaluate", "tuned on a part of the training rows"):
        choice = recommender.tune(trial or recommender.hold_back(train), lambda text: say("evaluate", text))
    with timed("evaluate", "fitted on all of them"):
        candidates = choice.fit(train)
    table += [_line(candidate, train, test, rows) for candidate in candidates]
    return table


def _line(
    candidate: recommender.Candidate, train: sp.csr_matrix, test: sp.csr_matrix, rows: np.ndarray
) -> dict[str, Any]:
    history = recommender.transformed(train[rows], candidate.transform)
    figures = recommender.measure(candidate.parts, history, train[rows], test[rows])
    means = {name: round(float(figures[name].mean()), 6) for name in FIGURES}
    say("evaluate", f"{candidate.name}: NDCG@10 {means['ndcg@10']:.4f}, recall@20 {means['recall@20']:.4f}")
    return {"name": candidate.name, **means, "shipped": candidate.shipped}


def _latest(found: interactions.Interactions, first: np.ndarray) -> recommender.Trial:
    """A trial like the split itself: the last fifth of the training rows, in time, is to be found."""
    rows = np.flatnonzero(first)
    order = rows[np.argsort(found.time[rows], kind="stable")]
    early = np.zeros(len(found), dtype=bool)
    early[order[: int(len(order) * 0.8)]] = True
    plays, rest = found.matrix(early), found.matrix(first & ~early)
    known = plays.copy()
    known.data[:] = 1
    rest.data[:] = 1
    rest = (rest - rest.multiply(known)).tocsr()
    rest.eliminate_zeros()
    return recommender.hold_back(plays, rest)


def _shown(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
