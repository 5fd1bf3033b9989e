"""Posting and closing as a person does them: twice, by two people, killed at every named point. Same bytes in the end.

The warehouse is what the models' own SQL makes of a small world and of what has been posted, as a build would.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from compiled import Models
from kills import LANDING, wanting_approval
from test_finance_journal import KEEP, START, world
from told_outside import told_outside

from scripts import journal
from scripts.home import PROJECT

DAY = date(2026, 3, 20)
# Two months with all that can become of an invoice, hence at least two batches.
CASES = [
    (2, "EUR", 1199, 228, "paid", 5), (4, "GBP", 999, 200, "refunded", 8), (9, "USD", 1299, 0, "lost", 6),
    (20, "GBP", 2000, 400, "won", 3), (35, "EUR", 1199, 228, "nobody pays", 9), (38, "USD", 500, 0, "open", 1),
]  # fmt: skip
POSTS = [
    "post:before-commit", *(f"land:{point}" for point in LANDING), "land:before-rename#2", "post:after-commit",
    "post:before-commit#2", "post:after-commit#2", "post:before-export", "post:before-export#2", "post:before-rename",
    "post:before-rename#3", "post:before-index", "post:after-link#2",
]  # fmt: skip

CLOSES = ["close:before-commit", *(f"land:{point}" for point in LANDING), "close:after-commit"]
APPROVES = ["prepare:before-proposal", "approve:before-settle"]


@pytest.fixture(scope="module")
def models():
    made = Models()
    rates = [{"rated_on": str(date.fromordinal(START.toordinal() + n)), "gbp": f"0.8{n % 7}13", "usd": f"1.0{n % 9}7"}
             for n in range(-5, 90)]  # fmt: skip
    made.insert("rates.eurofxref", rates)
    made.run("int_finance__exchange_rates", "int_finance__posting_rules")
    made.filled.clear()
    return made


class Office:
    """A home with a warehouse, and the commands over it."""

    def __init__(self, home: Path, models: Models, **seeds: str) -> None:
        self.home, self.models = home, models
        self.project = PROJECT

    def build(self) -> None:
        """What a build makes of the world and of what the landing says is posted and closed."""
        models, root = self.models, self.home / "landing/nightshift"
        models.clear()
        for table, rows in world(CASES).items():
            models.insert(table, rows)
        for table in ("journal_batches", "closed_months"):
            if any((root / table).rglob("*.parquet")):
                identifier = f"landing.nightshift__{table}"
                files = f"read_parquet('{root / table}/*/*/*.parquet', hive_partitioning = false)"
                models.connection.execute(f"insert into {identifier} by name from {files}")
                models.filled.add(identifier)
        models.run("fct_journal_lines", "trial_balance", keep=KEEP)
        (self.home / "warehouse").mkdir(parents=True, exist_ok=True)
        target = self.home / "warehouse/warehouse.duckdb"
        target.unlink(missing_ok=True)
        days = "(select cast(d as date) from range(date '2026-01-01', date '2026-03-21', interval 1 day) as r(d))"
        tables = ["billing.invoices", "billing.invoice_lines", "billing.payments", "processor.settlements"]
        models.connection.execute(f"""
            attach '{target}' as made;
            create schema made.finance; create schema made.intermediate; create schema made.ops;
            create table made.finance.fct_journal_lines as from finance.fct_journal_lines;
            create table made.finance.trial_balance as from finance.trial_balance;
            create table made.intermediate.int_finance__exchange_rates as from intermediate.int_finance__exchange_rates;
            create table made.ops.horizon as select date '{DAY}' as on_date;
            create table made.ops.domain_checks as
                select 'finance' as domain, true as passed, '' as failures, now() as checked_at, 1 as ledger_sequence;
            create table made.ops.landed_dumps as
                select split_part(name, '.', 1) as backend, split_part(name, '.', 2) as table_name, days.* as covers_on
                from (select unnest({tables}) as name) as tables cross join {days} as days(covers_on);
            create table made.ops.visible_dumps as
                select 'billing' as backend, 'payments' as table_name, 'd' as dump_id, date '2026-01-05' as arrived_on;
            create table made.ops.landed_totals as
                select *, 'rows' as measure, 7 as declared, 7 as counted, 1 as kept_out from made.ops.visible_dumps;
            create table made.ops.quarantined as select *, unnest(['staging', 'door']) as layer, 1 as row_count
                from made.ops.visible_dumps;
            create table made.ops.definitions as
                select 'stg_billing__payments' as relation, unnest(['old', 'v']) as version, unnest([1, 2]) as sequence;
            create table made.ops.staged as select *, 'rows' as measure, unnest(['old:t', 'v:t']) as version,
                unnest([0, 5]) as amount from made.ops.visible_dumps;
            detach made;
        """)

    def run(self, *arguments: str, fault: str | None = None) -> subprocess.CompletedProcess:
        """The command, in a process of its own."""
        env = {**os.environ, "NIGHTSHIFT_HOME": str(self.home), "NIGHTSHIFT_PROJECT": str(self.project),
               "NIGHTSHIFT_THREADS": "1", "PYTHONPATH": str(PROJECT), "NIGHTSHIFT_FAULT": fault or "",
               "NIGHTSHIFT_PSEUDONYM_SEED": "test", "NIGHTSHIFT_MASTER_KEY": "22" * 32}  # fmt: skip
        command = [sys.executable, "-m", "scripts.nightshift", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    def want_approval(self, root: Path) -> None:
        """Books that want an approval."""
        self.project = wanting_approval(root, "finance")

    def contents(self) -> dict[str, bytes]:
        return told_outside(self.home)

    def posted(self, columns: str, then: str = "") -> list[tuple]:
        """Posted lines."""
        files = f"{self.home}/landing/nightshift/journal_batches/*/*/*.parquet"
        return duckdb.sql(f"select {columns} from read_parquet('{files}', hive_partitioning = false) {then}").fetchall()


@pytest.fixture
def office(models, tmp_path):
    made = Office(tmp_path / "home", models)
    made.build()
    return made


@pytest.fixture(scope="module")
def undisturbed(models, tmp_path_factory):
    """What posting and closing leave when nothing happens to them."""
    made = Office(tmp_path_factory.mktemp("undisturbed"), models)
    made.build()
    done = made.run("post", "--by", "anna")
    assert done.returncode == 0, done.stderr
    posted = made.contents()
    made.build()
    done = made.run("close", "2026-01", "--by", "anna")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"posted": posted, "closed": made.contents()}


def test_posted_twice_nothing_is_posted_twice(office, undisturbed):
    assert office.run("post", "--by", "anna").returncode == 0
    assert office.contents() == undisturbed["posted"]
    again = office.run("post", "--by", "boris")
    assert again.returncode == 0 and "nothing is due" in again.stdout, "although the warehouse was not built since"
    office.build()
    assert "nothing is due" in office.run("post", "--by", "boris").stdout
    assert office.contents() == undisturbed["posted"]


def check_killed_post(office, undisturbed, point):
    killed = office.run("post", "--by", "anna", fault=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for name, content in office.contents().items():
        if not name.endswith(("/current", "ledger.beancount")):
            assert undisturbed["posted"][name] == content, "what is visible is whole"
    again = office.run("post", "--by", "anna")
    assert again.returncode == 0, again.stderr
    assert office.contents() == undisturbed["posted"]


@pytest.mark.parametrize("point", ["post:after-commit", "post:before-rename#3"])
def test_post_killed_and_run_again_leaves_the_same_bytes(office, undisturbed, point):
    check_killed_post(office, undisturbed, point)


@pytest.mark.nightly
@pytest.mark.parametrize("point", POSTS)
def test_post_killed_anywhere_and_run_again_leaves_the_same_bytes(office, undisturbed, point):
    check_killed_post(office, undisturbed, point)


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["post:after-commit", "post:before-export"])
def test_post_killed_built_and_run_again_leaves_the_same_bytes(office, undisturbed, point):
    """The night between the kill and the next posting sees the batch that made it."""
    assert office.run("post", "--by", "anna", fault=point).returncode == -signal.SIGKILL
    office.build()
    assert office.run("post", "--by", "anna").returncode == 0
    assert office.contents() == undisturbed["posted"]


@pytest.mark.nightly
@pytest.mark.parametrize("point", CLOSES)
def test_close_killed_anywhere_closes_once(office, undisturbed, point):
    office.run("post", "--by", "anna")
    office.build()
    assert office.run("close", "2026-01", "--by", "anna", fault=point).returncode == -signal.SIGKILL
    again = office.run("close", "2026-01", "--by", "anna")
    is_closed = point in ("land:after-rename", "close:after-commit")
    assert again.returncode == (1 if is_closed else 0)
    assert "it is closed once" in again.stderr if is_closed else "is closed" in again.stdout
    assert office.contents() == undisturbed["closed"]


def test_what_cannot_be_closed_stays_open_and_says_why(office):
    unposted = office.run("close", "2026-01", "--by", "anna")
    assert unposted.returncode == 1 and "NOT everything due is posted" in unposted.stdout
    office.run("post", "--by", "anna")
    office.build()
    later = office.run("close", "2026-02", "--by", "anna")
    assert later.returncode == 1 and "NOT every month before it is closed (open: 2026-01)" in later.stdout
    running = office.run("close", "2026-03", "--by", "anna")
    assert running.returncode == 1 and "NOT the month is over (built up to 2026-03-20)" in running.stdout
    assert office.run("close", "2026-01", "--by", "anna").returncode == 0
    twice = office.run("close", "2026-01", "--by", "anna")
    assert twice.returncode == 1 and "it is closed once" in twice.stderr


@pytest.mark.nightly
@pytest.mark.parametrize(
    "change, told",
    [
        ("update ops.staged set amount = 4", "billing.payments of 2026-01-05: rows let in 6 are not what is staged"),
        ("delete from ops.staged where version = 'v:t'", "rows let in 6 are not what is staged"),
        (
            "update ops.quarantined set row_count = 0; update ops.landed_totals set declared = 8",
            "billing.payments of 2026-01-05: rows declared 8, came 7",
        ),
        ("delete from ops.landed_dumps where covers_on = '2026-01-09' and table_name = 'payments'", "2026-01-09"),
        (
            "delete from intermediate.int_finance__exchange_rates where rated_on >= '2026-01-31'",
            "rates up to 2026-01-30",
        ),
    ],
)
def test_a_month_that_is_not_whole_stays_open(office, change, told):
    office.run("post", "--by", "anna")
    office.build()
    with duckdb.connect(str(office.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute(change)
    refused = office.run("close", "2026-01", "--by", "anna")
    assert refused.returncode == 1 and told in refused.stdout, refused.stdout + refused.stderr
    assert "2026-01 stays open" in refused.stderr


def test_an_amount_is_traced_there_and_back(office):
    """From a row of the journal to its line in the general ledger, and from that back to the row."""
    office.run("post", "--by", "anna")
    office.build()
    there = office.run("trace", "payment_received:pay0@20260103")
    assert there.returncode == 0, there.stderr
    gl_lines = [word for word in there.stdout.split() if word.startswith("J2601-") and "/1300/" in word]
    assert gl_lines
    back = office.run("trace", gl_lines[0])
    assert back.returncode == 0 and "./nightshift trace billing.payments/pay0" in back.stdout
    unknown = office.run("trace", "billing.payments/nobody")
    assert unknown.returncode == 2 and "the books know no" in unknown.stderr


def number(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.split("approve ")[1].split()[0]


def test_where_an_approval_is_asked_for_two_people_post(office, tmp_path):
    office.want_approval(tmp_path / "project")
    alone = office.run("post", "--by", "anna")
    assert alone.returncode == 2 and "want an approval" in alone.stderr
    proposal = number(office.run("prepare", "post", "--by", "anna"))
    herself = office.run("approve", proposal, "--by", "anna")
    assert herself.returncode == 1 and "somebody else has to approve it" in herself.stderr
    assert not office.contents()
    assert office.run("approve", proposal, "--by", "boris").returncode == 0
    assert set(office.posted("prepared_by, approved_by")) == {("anna", "boris")}
    gone = office.run("approve", proposal, "--by", "boris")
    assert gone.returncode == 2 and "no proposal" in gone.stderr


@pytest.mark.nightly
def test_what_changed_since_it_was_prepared_is_not_posted(office, tmp_path):
    office.want_approval(tmp_path / "project")
    proposal = number(office.run("prepare", "post", "--by", "anna"))
    with duckdb.connect(str(office.home / "warehouse/warehouse.duckdb")) as connection:
        connection.execute("update finance.fct_journal_lines set content_hash = 'other' where source_key = 'il0'")
    changed = office.run("approve", proposal, "--by", "boris")
    assert changed.returncode == 1 and "what is due has changed since" in changed.stderr
    assert not office.contents()


@pytest.mark.nightly
@pytest.mark.parametrize(
    "point, built",
    [*((point, False) for point in (*POSTS, "approve:before-settle")), ("post:after-commit", True),
     ("post:before-export", True), ("approve:before-settle", True)],
)  # fmt: skip
def test_approval_killed_and_given_again_posts_what_was_prepared(office, models, tmp_path, point, built):
    other = Office(tmp_path / "other", models)
    for one in (office, other):
        one.build()
        one.want_approval(tmp_path / f"project-{one.home.name}")
    assert other.run("approve", number(other.run("prepare", "post", "--by", "anna")), "--by", "boris").returncode == 0
    killed = office.run("prepare", "post", "--by", "anna", fault="prepare:before-proposal")
    assert killed.returncode == -signal.SIGKILL
    proposal = number(office.run("prepare", "post", "--by", "anna"))
    assert office.run("approve", proposal, "--by", "boris", fault=point).returncode == -signal.SIGKILL
    if built:
        office.build()
    again = office.run("approve", proposal, "--by", "boris")
    assert again.returncode == 0, again.stderr
    assert office.contents() == other.contents()


@pytest.mark.nightly
@pytest.mark.parametrize("point", [*CLOSES, "approve:before-settle"])
def test_closing_killed_after_its_approval_closes_once(office, tmp_path, point):
    office.run("post", "--by", "anna")
    office.build()
    office.want_approval(tmp_path / "project")
    proposal = number(office.run("prepare", "close", "2026-01", "--by", "anna"))
    assert office.run("approve", proposal, "--by", "boris", fault=point).returncode == -signal.SIGKILL
    again = office.run("approve", proposal, "--by", "boris")
    assert again.returncode == 0, again.stderr
    files = f"{office.home}/landing/nightshift/closed_months/*/*/*.parquet"
    assert duckdb.sql(f"select closed_by, approved_by from read_parquet('{files}')").fetchall() == [("anna", "boris")]


def test_files_lost_are_made_again_with_the_same_bytes(office, undisturbed):
    office.run("post", "--by", "anna")
    lost = office.home / "exports"
    lost.rename(office.home / "lost")
    assert office.run("post", "--rebuild-files").returncode == 0
    assert office.contents() == undisturbed["posted"]


def test_control_totals_of_the_files_are_those_of_the_batch(office):
    office.run("post", "--by", "anna")
    sums = "batch_id, count(*), sum(reporting_debit_amount), sum(reporting_credit_amount)"
    batches = office.posted(sums, "group by batch_id")
    assert len(batches) > 2
    for name in journal.FORMATS:
        for batch, lines, debit, credit in batches:
            manifest = json.loads((office.home / f"exports/journal-{name}/{batch}/manifest.json").read_text())
            totals = manifest["control_totals"]
            found = totals["journal_lines"], totals["reporting_debit_amount"], totals["reporting_credit_amount"]
            assert found == (lines, str(debit), str(credit)), (name, batch)


def test_each_accounting_package_finds_what_was_posted(office):
    """Beancount's own check and query tool; the two packages' files as their help pages want them."""
    pytest.importorskip("beancount.loader")
    office.run("post", "--by", "anna")
    exports = office.home / "exports"
    ledger = exports / "journal-beancount/ledger.beancount"
    tools = Path(sys.executable).parent
    checked = subprocess.run([tools / "bean-check", ledger], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    query = "select account, currency, sum(number) as n, round(sum(number(weight)), 2) as w group by account, currency"
    asked = subprocess.run([tools / "bean-query", "-f", "csv", "-q", ledger, query], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    foreign, by_account = {}, {}
    for row in csv.DictReader(asked.stdout.splitlines()):
        row = {name.strip(): value.strip() for name, value in row.items()}
        account = row["account"].split(":")[1][:4]
        if row["currency"] != "EUR" and Decimal(row["n"]):
            foreign[account, row["currency"]] = Decimal(row["n"])
        by_account[account] = by_account.get(account, Decimal(0)) + Decimal(row["w"])
    by_account = {account: amount for account, amount in by_account.items() if amount}
    net = "sum(debit_amount - credit_amount)"
    wanted = office.posted(f"account_code, currency, {net}", f"where currency <> 'EUR' group by all having {net} <> 0")
    assert foreign == {(account, currency): amount for account, currency, amount in wanted}
    net = "sum(reporting_debit_amount - reporting_credit_amount)"
    assert by_account == dict(office.posted(f"account_code, {net}", f"group by 1 having {net} <> 0"))
    assert packages(exports / "journal-xero", xero_amount, 299) == by_account
    names = {row["name"]: row["account_code"] for row in csv.DictReader((PROJECT / "seeds/accounts.csv").open())}
    quickbooks = packages(exports / "journal-quickbooks", quickbooks_amount, 999)
    assert {names[name]: amount for name, amount in quickbooks.items()} == by_account


def packages(root, read, most):
    """Sums by account over all files of a package, each within its limits and balanced journal by journal."""
    found: dict[str, Decimal] = {}
    for path in sorted(root.glob("J*/*.csv")):
        rows = list(csv.DictReader(path.open(newline="")))
        assert len(rows) <= most
        journals: dict[str, Decimal] = {}
        for row in rows:
            entry, account, amount = read(row)
            journals[entry] = journals.get(entry, Decimal(0)) + amount
            found[account] = found.get(account, Decimal(0)) + amount
        assert set(journals.values()) == {Decimal("0.00")}, path
    return {account: amount for account, amount in found.items() if amount}


def xero_amount(row):
    """Debits are positive there."""
    datetime.strptime(row["*Date"], "%d/%m/%Y")
    return (row["*Narration"], row["*Date"]), row["*AccountCode"], Decimal(row["*Amount"])


def quickbooks_amount(row):
    """A debit or a credit."""
    datetime.strptime(row["Journal Date"], "%m/%d/%Y")
    assert len(row["Journal No"]) <= 21 and bool(row["Debits"]) != bool(row["Credits"])
    return row["Journal No"], row["Account Name"], Decimal(row["Debits"] or 0) - Decimal(row["Credits"] or 0)
