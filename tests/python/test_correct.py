"""A wrong dump is replaced: what it touched is made anew, what was closed is not; the landing alone makes it all."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from ledger_harness import DAYS
from test_night import make

from scripts.console import DONE, FAILED, REFUSED, USAGE
from scripts.simulate import write_days
from scripts.simulator.settings import Settings, Target

ROOT = Path(__file__).resolve().parent.parent.parent
WORLD = Settings(seed=7, days=38, members=300, artists=150, tracks=500, plays_per_day=400, hourly_days=1)
WRONG_DAY = "2025-12-10"
BOOKED = "select * exclude (gl_line_id) from finance.fct_journal_lines where posted_on < '2026-01-01' order by all"
ISSUED = "select * from royalties.fct_statement_lines where statement_month < '2026-01-01' order by all"


PLAYBACK = """
backend: playback
description: Plays.
owner: {name: Playback team, email: playback@example.com}
tables:
  plays:
    kind: log
    description: One row per play.
    files: "plays*.csv"
    format: csv
    key: [play_id]
    event_at: played_at
    columns:
      play_id: {type: varchar, description: Id of the play.}
      account_id: {type: varchar, description: Who listened.}
      track_id: {type: varchar, description: The track.}
      ms_played: {type: bigint, description: Milliseconds heard.}
      played_at: {type: timestamp, description: When it began.}
"""
HEADER = "play_id,account_id,track_id,ms_played,played_at\n"


def ship(project, day: str, plays: int) -> None:
    folder = project.home / "inbox/playback" / day
    folder.mkdir(parents=True)
    (folder / "plays.csv").write_text(HEADER + "".join(lines(day, plays)))


def lines(day: str, plays: int) -> list[str]:
    return [f"{day}-{n},a{n % 3},t{n % 2 + 1},31000,{day} 08:00:00\n" for n in range(plays)]


@pytest.mark.nightly
def test_a_dump_is_replaced_after_a_preview_and_an_empty_warehouse_comes_out_the_same(tmp_path):
    project = make(tmp_path / "project")
    for file in (project.root / "backends").iterdir():
        file.unlink()
    (project.root / "backends/playback.yml").write_text(PLAYBACK)
    for number, day in enumerate(DAYS, 4):
        ship(project, day, number)
        project.land(day, [("t1", "a1"), ("t2", "a2")], table="tracks")
    done = project.run("night")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.published("select sum(plays) from business.listening_daily") == [(4 + 5 + 6 + 7 + 8 + 9,)]
    landed, before = sorted((project.home / "landing").rglob("_manifest.json")), project.hashes()

    right, wrong_name = tmp_path / "plays-right.csv", tmp_path / "right.csv"
    for file in (right, wrong_name):
        file.write_text(HEADER + "".join(lines(DAYS[1], 3)))
    command = ["correct", "playback.plays", DAYS[1], "--file", str(right)]
    for asked, why in (
        (
            ["correct", "playback.plays", DAYS[1], "--file", str(wrong_name)],
            "a file of playback.plays is called plays*.csv",
        ),
        (["correct", "playback.skips", DAYS[1], "--file", str(right)], "there is no landed table playback.skips"),
        (
            ["correct", "playback.plays", "2025-01-01", "--file", str(right)],
            "nothing of playback.plays about 2025-01-01",
        ),
        ([*command, "--arrives", DAYS[1]], "it must arrive after what it corrects"),
    ):
        refused = project.run(*asked)
        assert refused.returncode == USAGE and why in refused.stderr, refused.stderr

    preview = project.run(*command, "--preview", "--diff")
    assert preview.returncode == DONE, preview.stdout + preview.stderr
    assert f"playback.plays about {DAYS[1]}: 3 rows instead of 5" in preview.stdout
    assert re.search(rf"fct_plays +{DAYS[1]} +\d+ +changed: playback.plays", preview.stdout)
    assert "core.fct_plays: 2 removed of 39 → 37 rows (no key is promised" in preview.stdout
    assert sorted((project.home / "landing").rglob("_manifest.json")) == landed
    assert not list((project.home / "inbox").rglob("*corrected*")) and not list((project.home / "scratch").iterdir())

    for point in ("scratch:copied", "correct:before-rename", "correct:before-land", "correct:before-build"):
        visit = "#2" if point == "correct:before-rename" else ""  # the first is that of the preview
        assert project.run(*command, "--yes", fault=f"{point}{visit}").returncode == -signal.SIGKILL, point
        assert project.hashes() == before, point
    done = project.run(*command, "--yes")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert "is what has landed" in done.stdout and "which the preview did not say" not in done.stderr
    assert project.rebuilt()["fct_plays"] == project.rebuilt()["listening_daily"] == [DAYS[1]]
    assert project.hashes() == before, "readers see it with the next publication"
    assert "what it touches is built" in project.run(*command, "--yes").stdout

    replayed = project.run("replay")
    assert replayed.returncode == DONE, replayed.stdout + replayed.stderr
    assert ", 0 differ" in replayed.stdout
    with duckdb.connect(str(project.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute(f"update business.listening_daily set plays = plays + 1 where played_on = '{DAYS[2]}'")
        connection.execute(
            "insert into ops.ledger by name "
            "select (select max(sequence) + 1 from ops.ledger) as sequence, 'changed by hand' as output_hash, "
            "columns(* exclude (sequence, output_hash)) from ops.fresh where relation = 'listening_daily' and day = ?",
            [DAYS[2]],
        )
    replayed = project.run("replay")
    assert replayed.returncode == FAILED and ", 1 differ" in replayed.stdout, replayed.stdout + replayed.stderr
    assert f"changed played_on={DAYS[2]} plays 7 → 6" in replayed.stdout
    assert f"there is: {DAYS[-1]}" in project.run("replay", "--to", "2024-01-01").stderr


class Company:
    """The sample in small, with the commands of the project over it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str, expect: int | None = DONE) -> str:
        environment = {
            **os.environ,
            "NIGHTSHIFT_HOME": str(self.home),
            "NIGHTSHIFT_PSEUDONYM_SEED": "test",
            "NIGHTSHIFT_MASTER_KEY": "22" * 32,
            "NIGHTSHIFT_MEMORY": "2GB",
        }
        done = subprocess.run(
            [sys.executable, "-m", "scripts.nightshift", *arguments],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert expect is None or done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home / "warehouse/warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def landed(self, table: str) -> list[str]:
        return sorted(str(path.parent) for path in (self.home / "landing" / table).rglob("_manifest.json"))

    def last_sequence(self) -> int:
        return self.query("select max(sequence) from ops.ledger")[0][0]

    def days_made(self, model: str, since: int) -> list[str]:
        rows = self.query(
            f"select distinct cast(day as varchar) from ops.ledger where model = '{model}' and sequence > {since} "
            "and output_hash not in ('created', 'started') order by 1"
        )
        return [day for (day,) in rows]


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """November and December are closed in both books."""
    home = tmp_path_factory.mktemp("company")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_HOME", str(home))
        write_days(WORLD, Target(home / "inbox", home / "truth"), range(WORLD.days), workers=1)
    found = Company(home)
    found.run("night", expect=None)
    found.run("post")
    found.run("build", expect=None)
    for month, books in (("2025-11", "finance"), ("2025-12", "finance"), ("2025-12", "royalties")):
        found.run("close", month, "--books", books)
    return found


def rewritten(company: Company, tmp_path: Path, files: str, change) -> list[str]:
    """The day's files as they should have been: ``change`` gets each file's lines."""
    options = []
    for path in sorted((company.home / "inbox").glob(files)):
        lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
        right = tmp_path / path.name
        right.write_bytes(gzip.compress("".join(change(lines)).encode(), mtime=0))
        options += ["--file", str(right)]
    assert options
    return options


@pytest.mark.nightly
def test_what_cannot_be_corrected_is_refused_with_the_reason(company, tmp_path):
    (tmp_path / "invoices.txt").write_text("")
    (tmp_path / "plans.csv.gz").write_bytes(gzip.compress(b"plan_code\n"))
    wrong_name = company.run(
        "correct", "billing.plans", WRONG_DAY, "--file", str(tmp_path / "invoices.txt"), expect=USAGE
    )
    assert "a file of billing.plans is called plans.csv.gz" in wrong_name
    for table, day, why in (
        ("billing.no_such", WRONG_DAY, "there is no landed table billing.no_such"),
        ("nightshift.sends", WRONG_DAY, "there is no landed table nightshift.sends"),
        ("billing.plans", "2024-01-01", "nothing of billing.plans about 2024-01-01 has landed"),
    ):
        assert why in company.run("correct", table, day, "--file", str(tmp_path / "plans.csv.gz"), expect=USAGE)
    refused = company.run(
        "correct", "billing.plans", WRONG_DAY, "--file", str(tmp_path / "plans.csv.gz"), "--yes", expect=REFUSED
    )
    assert "refused" in refused
    assert not list((company.home / "inbox").glob("*/*/for-*/*-corrected"))


@pytest.mark.nightly
def test_a_wrong_amount_in_a_closed_month_is_corrected_in_the_open_one(company, tmp_path):
    """An invoice line's tax was wrong; the books of December are closed."""

    def change(lines):
        first = lines[1].split(",")
        first[10], first[12] = f"{float(first[10]) + 1:.2f}", f"{float(first[12]) - 1:.2f}"
        return [lines[0], ",".join(first), *lines[2:]]

    right = rewritten(company, tmp_path, f"billing/{WRONG_DAY}/invoice_lines.csv.gz", change)
    booked, landed, since = company.query(BOOKED), company.landed("billing"), company.last_sequence()
    command = ["correct", "billing.invoice_lines", WRONG_DAY, *right]
    done = company.run(*command, "--diff", "--yes", expect=None)
    assert re.search(rf"fct_invoice_lines +{WRONG_DAY} ", done), done
    assert "finance: 2025-12 was closed on" in done
    assert "core.fct_invoice_lines" in done and "1 changed" in done
    assert "which the preview did not say" not in done
    assert len(company.landed("billing")) == len(landed) + 1
    assert company.days_made("fct_invoice_lines", since) == [WRONG_DAY], "exactly what it touched"
    assert company.query(BOOKED) == booked, "December is as it was closed"
    due = company.query(
        "select journal_entry_id, cause, posted_on from finance.fct_journal_lines "
        "where batch_id is null and cause is not null"
    )
    assert due and all(str(posted_on) >= "2026-01-01" for _, _, posted_on in due)
    assert any(entry.endswith("~reversed") for entry, _, _ in due)
    assert "is what has landed" in company.run(*command, "--yes"), "a second time there is nothing to do"


@pytest.mark.nightly
def test_plays_that_were_not_are_an_adjustment_on_the_next_statement(company, tmp_path):
    right = rewritten(company, tmp_path, f"playback/{WRONG_DAY}/plays-*.jsonl.gz", lambda lines: lines[::2])
    issued, landed, since = company.query(ISSUED), company.landed("playback"), company.last_sequence()
    assert issued, "built with its closing by the correction before"
    people = company.run("vault", "count")
    command = ["correct", "playback.plays", WRONG_DAY, *right]
    preview = company.run(*command, "--preview")
    assert "royalties: 2025-12 was closed on" in preview, preview
    late = "2025-12-02, 2025-12-05, 2025-12-07 …"  # of these days the dump brought plays, too
    assert re.search(rf"fct_plays +{late} {WRONG_DAY} \(6 days\) ", preview), preview
    assert (company.last_sequence(), company.landed("playback")) == (since, landed), "a preview does nothing"
    assert company.run("vault", "count") == people
    company.run(*command, "--yes", expect=None)
    assert company.query(ISSUED) == issued, "statements stay as they were issued"
    assert WRONG_DAY in company.days_made("fct_plays", since)
    adjusted = company.query(
        "select count(*), sum(line_cents) from intermediate.int_royalties__adjustments "
        "where royalty_month = '2025-12-01'"
    )
    assert adjusted[0][0] > 0 and adjusted[0][1] != 0, "the difference is due on the next one"


@pytest.mark.nightly
def test_the_landing_alone_makes_the_same_warehouse_but_for_what_somebody_changed_by_hand(company):
    """Closed months, issued statements and corrections included."""
    nights = json.loads((company.home / "published/current/_published.json").read_text())["night"]
    assert f"there is: {nights}" in company.run("replay", "--to", "2024-01-01", expect=USAGE)
    with duckdb.connect(str(company.home / "warehouse/warehouse.duckdb")) as connection:
        invoice, day = connection.execute("select invoice_id, issued_on from core.fct_invoices limit 1").fetchone()
        connection.execute("update core.fct_invoices set country = 'XX' where invoice_id = ?", [invoice])
        connection.execute(
            "insert into ops.ledger by name "
            "select (select max(sequence) + 1 from ops.ledger) as sequence, 'changed by hand' as output_hash, "
            "columns(* exclude (sequence, output_hash)) from ops.fresh where relation = 'fct_invoices' and day = ?",
            [day],
        )
    done = company.run("replay", expect=FAILED)
    assert "1 differ" in done, done
    assert f"changed invoice_id={invoice} country XX → " in done
