"""``evaluate streams`` on files of others: other names, types and layouts, one empty line, columns that are missing."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from scripts.console import Stop
from scripts.models import stream_limits, streams

ROOT = Path(__file__).resolve().parent.parent.parent
NIGHT = dt.datetime(2026, 1, 5)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_HOME", str(home))
        yield streams.compiled_models()


def world(days: int = 4) -> tuple[list[tuple], list[tuple]]:
    """Plays and truth: people with many tastes, a sleeper, and two habits of bots that no simulator here has."""
    rng = random.Random(5)
    plays, truth = [], []

    def play(
        account: int, track: int, at: dt.datetime, ms: int, device: str, network: str, habit: str, bad: bool
    ) -> None:
        plays.append((len(plays) + 1, account, track, at, ms, "DE", device, network))
        truth.append((len(plays), bad, habit))

    for day in range(days):
        midnight = NIGHT + dt.timedelta(days=day)
        for person in range(60):
            for _ in range(12):
                at = midnight + dt.timedelta(seconds=rng.randrange(80_000))
                play(
                    person,
                    rng.randrange(900),
                    at,
                    rng.choice([12_000, 180_000, 240_000]),
                    f"d{person}",
                    f"n{person // 3}",
                    "",
                    False,
                )
        for position in range(150):
            play(70, 5000, midnight + dt.timedelta(seconds=position * 500), 480_000, "d70", "n70", "sleeper", False)
        for bot in range(8):  # one phone, many accounts, the same two tracks heard whole
            for position in range(10):
                at = midnight + dt.timedelta(seconds=3_000 * bot + 290 * position)
                play(100 + bot, 6000 + position % 2, at, 200_000, "phone", f"mobile{bot}", "one phone", True)
        for position in range(60):
            at = midnight + dt.timedelta(seconds=rng.randrange(80_000))
            play(200, 7000 + position % 9, at, 30_100 + rng.randrange(9_000), "d200", "n200", "skipper", True)
    return plays, truth


def write(folder: Path, rows: list[tuple], columns: str, name: str) -> str:
    with duckdb.connect() as connection:
        marks = ", ".join("?" * len(rows[0]))
        connection.execute(f"create table made ({columns})")
        connection.executemany(f"insert into made values ({marks})", rows)
        connection.execute(f"copy made to '{folder / name}'")
    return str(folder / name)


PLAYS = "play_id bigint, account_id integer, track_id integer, started_at timestamp, ms_played bigint, country varchar, device_id varchar, network_prefix varchar"  # noqa: E501
TRUTH = "play_id bigint, is_artificial boolean, habit varchar"


def measured(models, plays: str, truth: str) -> dict:
    with duckdb.connect(config={"threads": 1}) as connection:
        streams.load_plays(connection, streams.Source.find(plays, connection))
        streams.load_truth(connection, streams.Source.find(truth, connection))
        streams.judge_plays(connection, models, streams.read_rules())
        return streams.figures(connection)


@pytest.fixture(scope="module")
def usual(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("usual")
    plays, truth = world()
    paths = write(folder, plays, PLAYS, "plays.parquet"), write(folder, truth, TRUTH, "truth.parquet")
    return paths, measured(models, *paths)


def test_habits_that_no_rule_was_made_for_are_found_and_honest_people_are_not(usual):
    _, found = usual
    assert found["precision"] == 1 and found["recall"] == 1
    assert {line["rule"] for line in found["rules"]} == {"same_place", "just_paid"}


def test_other_names_types_and_layouts_give_the_same_figures(models, usual, tmp_path):
    plays, truth = world()
    for part in (0, 1):  # two files, of which one calls the length otherwise; times as text with a zone, ids as text
        rows = [
            (f"{row[0]}", f"{row[1]}", f"{row[2]}", f"{row[3].isoformat()}+00:00", *row[4:]) for row in plays[part::2]
        ]
        columns = "PLAY_ID varchar, User_ID varchar, track varchar, played_at varchar, ms_played bigint, country varchar, device_id varchar, network_prefix varchar"  # noqa: E501
        write(tmp_path, rows, columns.replace("ms_played", "played_ms") if part else columns, f"part-{part}.parquet")
    answers = write(
        tmp_path, [(str(a), int(b), c) for a, b, c in truth], "id varchar, label integer, habit varchar", "answers.csv"
    )
    assert measured(models, str(tmp_path / "part-*.parquet"), answers) == usual[1]


def test_times_in_milliseconds_copies_and_broken_rows_change_nothing(models, usual, tmp_path):
    plays, truth = world()
    epoch = dt.datetime(1970, 1, 1)
    rows = [(*row[:3], int((row[3] - epoch).total_seconds() * 1000), *row[4:]) for row in plays]
    rows += [*rows[:50], (900_001, None, 5, 1, 1, None, None, None), (900_002, 1, 5, 1, None, None, None, None)]
    shipped = write(tmp_path, rows, PLAYS.replace("started_at timestamp", "started_at bigint"), "plays.parquet")
    answers = write(tmp_path, [*truth, (900_003, True, "unknown")], TRUTH, "truth.parquet")
    assert measured(models, shipped, answers) == usual[1]


def test_without_places_the_rules_that_need_them_are_silent(models, tmp_path):
    plays, truth = world(2)
    columns = ", ".join(PLAYS.split(", ")[:5])
    shipped = write(tmp_path, [row[:5] for row in plays], columns, "plays.parquet")
    found = measured(models, shipped, write(tmp_path, truth, TRUTH, "truth.parquet"))
    assert found["precision"] == 1 and {line["rule"] for line in found["rules"]} <= {"just_paid", "pushed_track"}


def test_a_list_of_artificial_plays_is_a_truth(models, usual, tmp_path):
    listed = write(tmp_path, [(row[0],) for row in world()[1] if row[1]], "play_id bigint", "listed.parquet")
    found = measured(models, usual[0][0], listed)
    assert (found["precision"], found["recall"]) == (1, 1)


@pytest.mark.parametrize("column", ["track_id", "started_at"])
def test_a_missing_column_is_named(tmp_path, column):
    plays, _ = world(1)
    shipped = write(tmp_path, plays, PLAYS.replace(column, "something"), "plays.parquet")
    with duckdb.connect() as connection, pytest.raises(Stop, match=f"no column {column}"):
        streams.load_plays(connection, streams.Source.find(shipped, connection))


def test_no_file_no_plays_and_no_common_play_are_said(usual, tmp_path):
    with duckdb.connect() as connection:
        with pytest.raises(Stop, match="no such file"):
            streams.Source.find(str(tmp_path / "nothing*.parquet"), connection)
        broken = tmp_path / "broken.parquet"
        broken.write_text("no Parquet")
        with pytest.raises(Stop, match="cannot be read"):
            streams.Source.find(str(broken), connection)
        empty = write(tmp_path, [(1, 1, 1, None, 1, None, None, None)], PLAYS, "empty.parquet")
        with pytest.raises(Stop, match="no play"):
            streams.load_plays(connection, streams.Source.find(empty, connection))
        streams.load_plays(connection, streams.Source.find(usual[0][0], connection))
        strangers = write(tmp_path, [(-1, True, "")], TRUTH, "truth.parquet")
        with pytest.raises(Stop, match="in common"):
            streams.load_truth(connection, streams.Source.find(strangers, connection))


def test_raw_files_with_broken_lines_give_the_same_figures_and_say_what_was_left_out(models, usual, tmp_path, capsys):
    """As a backend ships them: JSON lines, compressed, one cut off, one no JSON, one without a play_id."""
    plays, truth = world()
    names = [column.split()[0] for column in PLAYS.split(", ")]
    lines = [json.dumps({**dict(zip(names, row, strict=True)), "started_at": row[3].isoformat()}) for row in plays]
    lines[7:7] = ['{"play_id": 9', "\0" * 9, "", '{"account_id": 1}']
    with gzip.open(tmp_path / "plays.jsonl.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    answers = [json.dumps({"play_id": a, "is_artificial": b, "habit": c}) for a, b, c in truth]
    (tmp_path / "truth.ndjson").write_text("\n".join([*answers[:3], "oops", *answers[3:]]))
    assert measured(models, str(tmp_path / "plays.jsonl.gz"), str(tmp_path / "truth.ndjson")) == usual[1]
    said = capsys.readouterr().err
    assert "plays.jsonl.gz: 3 rows left out" in said and "the first: plays.jsonl.gz, line 8: not JSON" in said
    assert "truth.ndjson: 1 row left out" in said and "truth.ndjson, line 4: not JSON" in said


def test_a_csv_with_broken_lines_gives_the_same_figures_and_says_which_is_first(models, usual, tmp_path, capsys):
    plays, _ = world()
    shipped = Path(write(tmp_path, plays, PLAYS, "plays.csv"))
    lines = shipped.read_text().splitlines()
    shipped.write_text("\n".join([*lines[:2500], "1,2", *lines[2500:], "1,2,3,4,5,6,7,8,9"]) + "\n")
    assert measured(models, str(shipped), usual[0][1]) == usual[1]
    said = capsys.readouterr().err
    assert "plays.csv: 2 rows left out" in said and "plays.csv, line 2501: 2 fields where the header has 8" in said


def test_a_file_of_something_else_or_cut_off_is_said(tmp_path, capsys):
    listed, cut = tmp_path / "list.jsonl", tmp_path / "cut.jsonl.gz"
    listed.write_text('[1]\n{"play_id": 1}\n')
    plays, _ = world()
    names = [column.split()[0] for column in PLAYS.split(", ")]
    whole = "\n".join(json.dumps({**dict(zip(names, row, strict=True)), "started_at": str(row[3])}) for row in plays)
    cut.write_bytes(gzip.compress(whole.encode())[:-2000])
    with duckdb.connect() as connection:
        with pytest.raises(Stop, match=r"list\.jsonl, line 1: not a JSON object"):
            streams.Source.find(str(listed), connection)
        streams.load_plays(connection, streams.Source.find(str(cut), connection))
    said = capsys.readouterr().err
    assert re.search(r"1 row left out, .*: cut\.jsonl\.gz, line \d+: cut off", said), said


@pytest.mark.nightly
def test_a_habit_left_out_is_found_by_limits_set_without_it(models, usual):
    with duckdb.connect(config={"threads": 1}) as connection:
        streams.load_plays(connection, streams.Source.find(usual[0][0], connection))
        streams.load_truth(connection, streams.Source.find(usual[0][1], connection))
        found = stream_limits.leave_one_out(connection, models)
    assert [(line["habit"], line["recall"]) for line in found] == [("one phone", 1), ("skipper", 1)]


def test_the_command_prints_its_figures_and_writes_them(usual, tmp_path):
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "scripts.nightshift", "evaluate", "streams", "--plays", usual[0][0]]
    done = subprocess.run(
        [*command, "--truth", usual[0][1], "--json", str(file)],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_HOME": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "precision 1.0000, recall 1.0000" in done.stdout
    assert json.loads(file.read_text()) == usual[1]
