# ruff: noqa: E501 (rows of tables read better in one line)
"""Closing a royalty month: killed at every point, done twice, refused; and the files that come out of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from kills import LANDING, named_points, wanting_approval
from royalty_world import LATE_PLAY, Royalties, example
from test_finance_posting import APPROVES, CLOSES, POSTS
from told_outside import told_outside

from scripts import close_royalties, dsr

PROJECT = Path(__file__).resolve().parent.parent.parent
COPIED = (
    "core.dim_artist", "core.dim_licensor", "core.dim_rights_holder", "core.dim_track",
    "intermediate.int_finance__exchange_rates", "intermediate.int_royalties__closed_months",
    "intermediate.int_royalties__audiences", "intermediate.int_royalties__catalogue",
    "intermediate.int_royalties__lines", "intermediate.int_royalties__pools",
    "intermediate.int_royalties__recording_values", "intermediate.int_royalties__statement_lines_due",
    "intermediate.int_royalties__statements_due", "royalties.fct_pools", "royalties.fct_statement_lines",
    "royalties.fct_suspense",
)  # fmt: skip
# One kill a commitment, and within the third landing of a closing (each of its commitments is one).
POINTS = [
    "close-royalties:before-written",
    *(f"close-royalties:before-{table}" for table in close_royalties.TABLES),
    *(f"land:{point}#3" for point in LANDING),
    "close-royalties:after-commit",
    "statements:before-export",
    "statements:before-export#2",
    "statements:before-rename",
    "statements:before-rename#2",
    "statements:before-link",
    "statements:before-link#2",
]


def test_every_named_point_is_killed_at():
    """A step that gets another point is killed there too, or this says so."""
    killed = {unnumbered(point) for point in [*POINTS, *POSTS, *CLOSES, *APPROVES]}
    assert named_points("post", "close", "close_royalties", "journal", "statements", "books") <= killed


def unnumbered(point: str) -> str:
    """The name without its visit; what is before a table's landing is one name."""
    name = point.split("#")[0]
    tables = {f"close-royalties:before-{table}" for table in close_royalties.TABLES}
    return "close-royalties:before-*" if name in tables else name


@dataclass
class Office:
    """A home with a warehouse in which January is over."""

    home: Path
    project: Path = PROJECT

    def warehouse(
        self, royalties: Royalties, day: str = "2026-02-03", late_split: bool = False, second: bool = False
    ) -> None:
        """The royalty models over the worked example and what was committed of it, as a night leaves them.

        Of the ``second`` month, the example comes again, and a late play of the first.
        """
        royalties.forget()
        for table in close_royalties.TABLES:
            if any((self.home / "landing/nightshift" / table).rglob("*.parquet")):
                files = f"{self.home}/landing/nightshift/{table}/*/*/*.parquet"
                royalties.connection.execute(
                    f"insert into landing.nightshift__{table} by name "
                    f"from read_parquet('{files}', hive_partitioning = false)"
                )
        world = example()
        if late_split:
            world.splits.pop(0)
        if second:
            world.streams += [LATE_PLAY, *((date(2026, 2, 10), *row[1:]) for row in world.streams)]
            world.revenue += [(date(2026, 2, 10), *row[1:]) for row in world.revenue]
        royalties.make(world)
        royalties.forget()
        target = self.home / "warehouse/warehouse.duckdb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        dumps = "(select cast(d as date) from range(date '2026-01-01', date '2026-03-03', interval 1 day) as r(d))"
        connection = royalties.connection
        connection.execute(f"attach '{target}' as made")
        for schema in ("core", "intermediate", "royalties", "ops"):
            connection.execute(f"create schema made.{schema}")
        for relation in COPIED:
            connection.execute(f"create table made.{relation} as from {relation}")
        connection.execute(f"""
            update made.core.dim_licensor set name = 'Licensor';
            insert into made.core.dim_licensor values ('l1', 'One Music', 'PADPIDA2019000001X');
            insert into made.core.dim_artist values ('a1', 'Somebody');
            update made.core.dim_track set title = 'A | title', artist_id = 'a1', release_id = 'rel1', duration_ms = 1;
            create table made.ops.horizon as select date '{day}' as on_date;
            create table made.ops.domain_checks as
                select 'royalties' as domain, true as passed, '' as failures, now() as checked_at, 1 as ledger_sequence;
            create table made.ops.landed_dumps as
                select split_part(name, '.', 1) as backend, split_part(name, '.', 2) as table_name, days.* as covers_on
                from (select unnest({list(close_royalties.DAILY)}) as name) as tables cross join {dumps} as days(covers_on);
            create table made.ops.visible_dumps as
                select 'playback' as backend, 'plays' as table_name, 'd' as dump_id, date '2026-01-05' as arrived_on;
            create table made.ops.landed_totals as
                select *, 'rows' as measure, 5 as declared, 5 as counted, 0 as kept_out from made.ops.visible_dumps;
            create table made.ops.quarantined as select *, 'door' as layer, 1 as row_count
                from made.ops.visible_dumps where false;
            create table made.ops.definitions as select 'stg_playback__plays' as relation, 'v' as version, 1 as sequence;
            create table made.ops.staged as select *, 'rows' as measure, 'v:t' as version, 5 as amount
                from made.ops.visible_dumps;
            detach made;
        """)

    def run(self, *arguments: str, fault: str = "") -> subprocess.CompletedProcess:
        """The command, in a process of its own."""
        env = {**os.environ, "NIGHTSHIFT_HOME": str(self.home), "NIGHTSHIFT_PROJECT": str(self.project),
               "NIGHTSHIFT_THREADS": "1", "PYTHONPATH": str(PROJECT), "NIGHTSHIFT_FAULT": fault,
               "NIGHTSHIFT_PSEUDONYM_SEED": "test", "NIGHTSHIFT_MASTER_KEY": "22" * 32}  # fmt: skip
        command = [sys.executable, "-m", "scripts.nightshift", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    def close(self, fault: str = "", month: str = "2026-01") -> subprocess.CompletedProcess:
        return self.run("close", month, "--books", "royalties", "--by", "anna", fault=fault)

    def contents(self) -> dict[str, bytes]:
        return told_outside(self.home)


@pytest.fixture(scope="module")
def royalties():
    return Royalties()


@pytest.fixture(scope="module")
def closed(royalties, tmp_path_factory):
    """January closed without an accident."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.warehouse(royalties)
    done = office.close()
    assert done.returncode == 0, done.stdout + done.stderr
    return office


@pytest.fixture(scope="module")
def closed_twice(royalties, tmp_path_factory):
    """January and, a month later, February closed without an accident."""
    office = Office(tmp_path_factory.mktemp("office"))
    close_twice(office, royalties)
    return office


def close_twice(office, royalties, point=""):
    office.warehouse(royalties)
    assert office.close().returncode == 0
    unbuilt = office.close(month="2026-02")
    assert unbuilt.returncode == 1 and "the last closing is not built yet" in unbuilt.stderr
    office.warehouse(royalties, day="2026-03-03", second=True)
    if point:
        assert office.close(point, month="2026-02").returncode == -9
        if not point.startswith("statements:"):
            # The night between sees a part of what was committed; without its month it does not count.
            office.warehouse(royalties, day="2026-03-03", second=True)
    done = office.close(month="2026-02") if not point.startswith("statements:") else office.run("statements")
    assert done.returncode == 0, done.stdout + done.stderr


def killed_and_again(royalties, home, point, closed):
    office = Office(home)
    office.warehouse(royalties)
    assert office.close(point).returncode == -9
    done = office.close() if not point.startswith("statements:") else office.run("statements")
    assert done.returncode == 0, done.stdout + done.stderr
    assert office.contents() == closed.contents()


def test_killed_between_two_commitments_the_month_is_closed_once_and_the_same(royalties, tmp_path, closed):
    killed_and_again(royalties, tmp_path, "close-royalties:before-royalty_pools", closed)


@pytest.mark.nightly
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere(royalties, tmp_path, point, closed):
    killed_and_again(royalties, tmp_path, point, closed)


@pytest.mark.nightly
def test_the_second_month_has_what_is_new_of_the_first_and_leaves_its_bytes(closed, closed_twice):
    once, twice = closed.contents(), closed_twice.contents()
    moved = {name for name, content in once.items() if twice[name] != content}
    assert moved == {"exports/royalty-dsr/current", "exports/royalty-statements/current"}
    files = f"{closed_twice.home}/landing/nightshift/statements/*/*/*.parquet"
    found = duckdb.sql(
        f"select rights_holder_id, sum(amount) from read_parquet('{files}', hive_partitioning = false) "
        "where play_month = '2026-01-01' and recording_id is not null group by 1 order by 1"
    ).fetchall()
    assert [(holder, str(amount)) for holder, amount in found] == [
        ("h1", "5.90"), ("h2", "3.90"), ("h3", "1.25"), ("h4", "1.95"),
    ]  # fmt: skip


@pytest.mark.nightly
@pytest.mark.parametrize("point", POINTS)
def test_the_second_month_killed_anywhere(royalties, tmp_path, point, closed_twice):
    office = Office(tmp_path)
    close_twice(office, royalties, point)
    assert office.contents() == closed_twice.contents()


@pytest.fixture(scope="module")
def approved(royalties, tmp_path_factory):
    """January closed by two people."""
    root = tmp_path_factory.mktemp("approved")
    office = Office(root / "home", wanting_approval(root / "project", "royalties"))
    office.warehouse(royalties)
    done = office.run("approve", prepare(office), "--by", "boris")
    assert done.returncode == 0, done.stdout + done.stderr
    return office


def prepare(office):
    done = office.run("prepare", "close", "2026-01", "--books", "royalties", "--by", "anna")
    assert done.returncode == 0, done.stderr
    return done.stdout.split("approve ")[1].split()[0]


@pytest.mark.nightly
@pytest.mark.parametrize("point", [*POINTS, "approve:before-settle"])
def test_an_approved_closing_killed_anywhere(royalties, tmp_path, point, approved):
    office = Office(tmp_path / "home", wanting_approval(tmp_path / "project", "royalties"))
    office.warehouse(royalties)
    proposal = prepare(office)
    assert office.run("approve", proposal, "--by", "boris", fault=point).returncode == -9
    again = office.run("approve", proposal, "--by", "boris")
    assert again.returncode == 0, again.stdout + again.stderr
    assert office.contents() == approved.contents()
    gone = office.run("approve", proposal, "--by", "boris")
    assert gone.returncode == 2 and "no proposal" in gone.stderr


def test_a_broken_off_closing_is_finished_as_it_was_written_down(royalties, tmp_path, closed):
    office = Office(tmp_path)
    office.warehouse(royalties)
    assert office.close("close-royalties:before-royalty_usage").returncode == -9
    # Meanwhile a night finds a split gone: what was written down stands.
    office.warehouse(royalties, late_split=True)
    assert office.close().returncode == 0
    assert office.contents() == closed.contents()


def test_a_month_is_closed_once_and_not_while_it_runs(royalties, tmp_path, closed):
    before = closed.contents()
    again = closed.close()
    assert again.returncode == 1 and "it is closed once" in again.stdout + again.stderr
    assert closed.contents() == before
    office = Office(tmp_path)
    office.warehouse(royalties, day="2026-01-31")
    early = office.close()
    assert early.returncode == 1 and "NOT the month is over" in early.stdout
    office.warehouse(royalties, late_split=True)
    suspended = office.close()
    assert suspended.returncode == 1 and "NOT no more than 10% is in suspense (54.54%" in suspended.stdout
    assert office.contents() == {}


def test_a_rate_that_only_reaches_the_last_day_is_not_its_rate(royalties, tmp_path):
    """31 January 2026 is a Saturday: Friday's rate is its rate once Monday's is known, and not before."""
    office = Office(tmp_path)
    office.warehouse(royalties)
    with duckdb.connect(str(office.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute(
            "insert into intermediate.int_finance__exchange_rates (currency, exchange_rate, valid_from, rated_on) values "
            "('USD', 0.8, '2026-01-30', '2026-01-30'), ('USD', 0.8, '2026-01-31', '2026-01-30'), "
            "('USD', 0.8, '2026-02-01', '2026-01-30')"
        )
    refused = office.close()
    assert (
        refused.returncode == 1
        and "NOT its closing exchange rates are known (rates up to 2026-01-30)" in refused.stdout
    )
    with duckdb.connect(str(office.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute(
            "insert into intermediate.int_finance__exchange_rates (currency, exchange_rate, valid_from, rated_on) values "
            "('USD', 0.8, '2026-02-02', '2026-02-02')"
        )
    assert office.close().returncode == 0


def test_files_are_reports_of_the_profile_and_the_same_when_written_again(closed):
    before = closed.contents()
    assert closed.run("statements", "--rebuild-files").returncode == 0
    assert closed.contents() == before
    # Made again, no file is ever missing: killed half-way all are there, and what does not belong goes in the end.
    [path] = (closed.home / "exports/royalty-dsr/2026-01").glob("*.tsv")
    path.write_text("damaged")
    path.with_name("stray.tsv").write_text("of nobody")
    assert closed.run("statements", "--rebuild-files", fault="export:before-file#2").returncode == -9
    assert closed.contents().keys() == before.keys() | {"exports/royalty-dsr/2026-01/stray.tsv"}
    assert closed.run("statements", "--rebuild-files").returncode == 0
    assert closed.contents() == before
    assert not list((closed.home / "exports").rglob(".*"))
    assert path.name == "DSR_PADPIDA2019000001X_PADPIDA2025121501N_NightshiftMusic_2026-01_FR_1of1_20260203T000000.tsv"
    content = path.read_text()
    assert dsr.problems(path.name, content) == []
    page = (closed.home / "exports/royalty-statements/2026-01/h4.html").read_text()
    assert "Royalty statement January 2026" in page and "A | title – Somebody" in page and "1.06" in page


@pytest.mark.nightly
@pytest.mark.skipif(not shutil.which("chromium"), reason="wants Chromium (Debian: chromium)")
def test_a_browser_shows_and_prints_a_statement_within_its_page(closed, tmp_path):
    """On a window as wide as a sheet of A4 nothing of the page is beyond its edge, and it prints as one sheet."""
    page = (closed.home / "exports/royalty-statements/2026-01/h1.html").read_text()
    fits = "<script>document.title = document.documentElement.scrollWidth <= innerWidth</script>"
    (tmp_path / "page.html").write_text(page + fits)
    browser = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    shown = subprocess.run(
        [*browser, "--window-size=794,1123", "--dump-dom", f"file://{tmp_path}/page.html"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "<title>true</title>" in shown.stdout, shown.stdout[:300] + shown.stderr[-300:]
    subprocess.run(
        [*browser, f"--print-to-pdf={tmp_path}/page.pdf", f"file://{tmp_path}/page.html"],
        capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    assert len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes())) == 1


BROKEN = {
    "SRFO does not count the lines that are there": lambda text: text.replace("SRFO\t7\t1", "SRFO\t8\t1"),
    "no SY10 for ['S9']": lambda text: text.replace("Somebody\t\tS1", "Somebody\t\tS9", 1),
    "HEAD must be first and SRFO last, once each": lambda text: text[: text.index("SRFO")],
    "line 3: DspReleaseId is empty": lambda text: text.replace("rel1", "", 1),
    "line 2: Territory is no CurrentTerritoryCode: France": lambda text: text.replace("\tFR\t", "\tFrance\t", 1),
    "S1: the recordings' amounts are not its amount": lambda text: text.replace("7.09\t7.09\t7.09", "7.08\t7.08\t7.08"),
    "line 3: SR08 has ": lambda text: text.replace("Somebody\t", "Somebody", 1),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_report_that_is_not_of_the_profile_is_seen(closed, problem):
    [path] = (closed.home / "exports/royalty-dsr/2026-01").glob("*.tsv")
    broken = BROKEN[problem](path.read_text())
    assert broken != path.read_text()
    assert problem in " | ".join(dsr.problems(path.name, broken))


def test_streams_that_earned_less_than_a_cent_have_a_price_of_nothing_in_digits():
    cells = dsr.line("SR08", CalculatedUnitPriceInCurrencyOfAccounting=(Decimal("0.00") / 3).quantize(Decimal("1e-8")))
    assert "\t0.00000000\t" in cells and "E" not in cells


def test_a_file_name_is_the_standard_s(closed):
    assert dsr.problems("DSR_x.tsv", "")[0].startswith("the file name")


def test_statements_add_up_to_nothing_and_are_kept_with_their_day(closed):
    files = f"{closed.home}/landing/nightshift/statements/*/*/*.parquet"
    rows = duckdb.sql(
        f"select statement_id, sum(statement_amount), min(issued_on) from read_parquet('{files}', hive_partitioning = false) group by 1 order by 1"
    ).fetchall()
    assert [row[0] for row in rows] == ["R2601-h1", "R2601-h2", "R2601-h3", "R2601-h4"]
    assert {row[1:] for row in rows} == {(0, date(2026, 2, 3))}
