"""The public example through the product itself: what it finds is what ``evaluate news`` says it finds."""

from __future__ import annotations

import csv
import os
import subprocess
import sys

import duckdb
import pytest

from scripts.home import PROJECT
from scripts.models import stories

EXAMPLE = PROJECT / "examples" / "uci_news"
SOURCE = PROJECT / "../shared/data/uci_news/articles_2014-03_business_health.csv"

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Every third article of the file; its own rows where the file is not here."""
    path = tmp_path_factory.mktemp("uci") / "articles.csv"
    if not SOURCE.exists():
        pytest.skip(f"{SOURCE.name} is not here")
    with SOURCE.open(newline="", encoding="utf-8") as file, path.open("w", newline="", encoding="utf-8") as part:
        rows = csv.reader(file)
        csv.writer(part).writerows([next(rows), *[row for number, row in enumerate(rows) if number % 3 == 0]])
    return path


def test_fed_hour_by_hour_it_finds_the_stories_that_the_evaluation_finds(shipped, tmp_path):
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    feed = [sys.executable, str(EXAMPLE / "feed.py"), str(shipped), "--home", str(tmp_path)]
    hours = subprocess.run(feed, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    said = hours.stdout.split()
    assert len(said) == len({line[:13] for line in said}) > 10
    # two hours on their own and then all that are left at once: tests of the hour show that it makes no difference
    for hour in (*said[:2], said[-1]):
        command = [sys.executable, "-m", "scripts.nightshift", "hour", "--at", hour]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    read = stories.read_articles(shipped)
    expected = stories.stories_of(read.articles, stories.compiled_models())
    warehouse = tmp_path / "hourly" / "warehouse" / "warehouse.duckdb"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        columns = connection.execute("describe staging.stg_newsroom__articles").fetchall()
        assert not [name for name, *_ in columns if name.lower() == "story"]
        found = dict(
            connection.execute(
                "select article_id, arg_max(story_id, hour) from intermediate.int_news__stories group by article_id"
            ).fetchall()
        )
        connection.execute("set variable truth = $1", [str(shipped)])
        articles, *figures = connection.execute((EXAMPLE / "score.sql").read_text()).fetchone()
    assert {article: found.get(article, ("alone", article)) for article in expected} == expected
    scored = stories.b_cubed(read.truth, expected)
    assert articles == len(read.truth)
    assert figures == [round(scored[name], 4) for name in ("bcubed_precision", "bcubed_recall", "bcubed_f1")]
