"""Posted journal batches as the landing has them, and the files they become for accounting packages.

A file is a function of the batch alone (and of the accounts' names on its days): built again it has the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path

import duckdb

from scripts.console import Stop
from scripts.faults import fault_point
from scripts.files import fill_folder, place_folder, point_link
from scripts.home import PROJECT, folder

# Xero takes 300 lines a file, QuickBooks Online 1,000 rows; the header may count as one.
XERO_LINES, QUICKBOOKS_LINES = 299, 999
BEANCOUNT_ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}


@dataclass(frozen=True)
class Line:
    """A line of the general ledger: a batch's entries summed by day in the books, currency, account and plan."""

    posted_on: date
    currency: str
    account_code: str
    plan_code: str
    debit: Decimal
    credit: Decimal
    reporting_currency: str
    reporting_debit: Decimal
    reporting_credit: Decimal
    journal_lines: int

    @property
    def net(self) -> Decimal:
        """Debit less credit in the currency of the books."""
        return self.reporting_debit - self.reporting_credit


@dataclass(frozen=True)
class Account:
    """An account of the chart, as it is called on a day."""

    code: str
    name: str
    type: str

    @property
    def beancount(self) -> str:
        """Its name as Beancount writes accounts."""
        words = re.sub(r"[^A-Za-z0-9]+", " ", self.name).split()
        return f"{BEANCOUNT_ROOTS[self.type]}:{self.code}-{'-'.join(word.capitalize() for word in words)}"


def posted_files() -> str:
    """Every posted line there is, whenever it arrived, as a relation; without rows when nothing has been posted."""
    root = folder("landing") / "nightshift" / "journal_batches"
    if not any(root.glob("*/*/*.parquet")):
        return "(select cast(null as date) as occurred_on, cast(null as varchar) as journal_entry_id where false)"
    return f"read_parquet('{root}/*/*/*.parquet', hive_partitioning = false)"


def posted(columns: str, where: str = "true") -> duckdb.DuckDBPyRelation | None:
    """Columns of every posted line; None when nothing has been posted."""
    files = posted_files()
    return duckdb.connect().sql(f"select {columns} from {files} where {where}") if files[0] != "(" else None


def lines_of(batch_ids: Sequence[str], columns: Sequence[str]) -> list[dict[str, object]]:
    """The lines of some batches as they were posted."""
    quoted = ", ".join(f"'{batch_id}'" for batch_id in batch_ids)
    found = posted(", ".join(columns), f"batch_id in ({quoted})") if batch_ids else None
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()] if found else []


def batches() -> list[str]:
    """The ids of all batches, oldest first."""
    found = posted("batch_id, min(_arrived_on) as first_on", "true group by batch_id order by first_on, batch_id")
    return [row[0] for row in found.fetchall()] if found else []


def general_ledger(batch_id: str) -> list[Line]:
    """A batch summed for the general ledger, in a total order."""
    found = posted(
        """posted_on, currency, account_code, coalesce(plan_code, ''), sum(debit_amount)::decimal(18, 2),
        sum(credit_amount)::decimal(18, 2), reporting_currency, sum(reporting_debit_amount)::decimal(18, 2),
        sum(reporting_credit_amount)::decimal(18, 2), count(*)""",
        f"batch_id = '{batch_id}' group by all order by 1, 2, 3, 4",
    )
    return [Line(*row) for row in found.fetchall()] if found else []


@cache
def chart(on: date) -> dict[str, Account]:
    """The accounts that hold on a day, by code."""
    with (PROJECT / "seeds" / "accounts.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["valid_from"] <= str(on)]
    return {
        row["account_code"]: Account(row["account_code"], row["name"], row["type"])
        for row in rows
        if not row["valid_to"] or row["valid_to"] > str(on)
    }


def journals(lines: Sequence[Line]) -> Iterator[tuple[date, str, list[Line]]]:
    """The lines by day and currency: each such group is balanced."""
    for (day, currency), group in groupby(lines, key=lambda line: (line.posted_on, line.currency)):
        yield day, currency, list(group)


def beancount(batch_id: str, lines: Sequence[Line]) -> dict[str, str]:
    """One transaction a day and currency; foreign amounts carry their total in the currency of the books."""
    out = [f"; Batch {batch_id} of the journal, summed by day, currency, account and plan.\n"]
    for day, currency, group in journals(lines):
        accounts = chart(day)
        out.append(f'\n{day} * "Journal {batch_id}" "{currency}"\n  batch: "{batch_id}"\n')
        for line in group:
            for sign, amount, reporting in (
                ("", line.debit, line.reporting_debit),
                ("-", line.credit, line.reporting_credit),
            ):
                if not amount and not reporting:
                    continue
                if not amount or currency == line.reporting_currency:
                    value = f"{sign}{reporting} {line.reporting_currency}"
                else:
                    value = f"{sign}{amount} {currency} @@ {reporting} {line.reporting_currency}"
                out.append(f"  {accounts[line.account_code].beancount}  {value}\n")
                if line.plan_code:
                    out.append(f'    plan: "{line.plan_code}"\n')
    return {"journal.beancount": "".join(out)}


def xero(batch_id: str, lines: Sequence[Line]) -> dict[str, str]:
    """Manual journals: at most 300 lines a file and its header, debits positive, dd/mm/yyyy, in the books' currency."""
    header = [
        "*Narration",
        "*Date",
        "Description",
        "*AccountCode",
        "*TaxRate",
        "*Amount",
        "TrackingName1",
        "TrackingOption1",
    ]
    rows = []
    for day, currency, group in journals(lines):
        accounts = chart(day)
        rows.append([
            [f"{batch_id} {day} {currency}", f"{day:%d/%m/%Y}", accounts[line.account_code].name, line.account_code,
             "Tax Exempt", str(line.net), "Plan" if line.plan_code else "", line.plan_code]
            for line in group if line.net
        ])  # fmt: skip
    return _files(rows, header, "xero", XERO_LINES, batch_id)


def quickbooks(batch_id: str, lines: Sequence[Line]) -> dict[str, str]:
    """Journal entries for QuickBooks Online: at most 1,000 rows a file with its header, days as mm/dd/yyyy."""
    header = ["Journal No", "Journal Date", "Account Name", "Debits", "Credits", "Description", "Class"]
    rows = []
    for number, (day, currency, group) in enumerate(journals(lines), 1):
        accounts = chart(day)
        rows.append([
            [f"{batch_id}-{number:03}", f"{day:%m/%d/%Y}", accounts[line.account_code].name,
             str(line.net) if line.net > 0 else "", str(-line.net) if line.net < 0 else "",
             f"{batch_id} {currency}", line.plan_code]
            for line in group if line.net
        ])  # fmt: skip
    return _files(rows, header, "quickbooks", QUICKBOOKS_LINES, batch_id)


def plain(batch_id: str, lines: Sequence[Line]) -> dict[str, str]:
    """Every line with both currencies, for anything else."""
    header = [
        "batch_id", "posted_on", "account_code", "account_name", "plan_code", "currency", "debit_amount",
        "credit_amount", "reporting_currency", "reporting_debit_amount", "reporting_credit_amount", "journal_lines",
    ]  # fmt: skip
    rows = [
        [batch_id, str(line.posted_on), line.account_code, chart(line.posted_on)[line.account_code].name,
         line.plan_code, line.currency, str(line.debit), str(line.credit), line.reporting_currency,
         str(line.reporting_debit), str(line.reporting_credit), str(line.journal_lines)]
        for line in lines
    ]  # fmt: skip
    return {"journal.csv": _csv([header, *rows])}


FORMATS: dict[str, Callable[[str, Sequence[Line]], dict[str, str]]] = {
    "beancount": beancount,
    "xero": xero,
    "quickbooks": quickbooks,
    "csv": plain,
}


def _files(
    journals: Sequence[list[list[str]]], header: list[str], name: str, most: int, batch_id: str
) -> dict[str, str]:
    """Whole journals into files of at most so many lines; each file is balanced because each journal is."""
    files: list[list[list[str]]] = [[]]
    for rows in journals:
        if len(rows) > most:
            raise Stop(
                f"batch {batch_id}: a journal of {len(rows)} lines does not fit into a file of {most} for {name}"
            )
        if len(files[-1]) + len(rows) > most:
            files.append([])
        files[-1].extend(rows)
    return {f"{name}-{number:04}.csv": _csv([header, *rows]) for number, rows in enumerate(files, 1) if rows}


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def export(batch_id: str, again: bool = False) -> list[Path]:
    """Write a batch's folders, each whole or not at all; those that are there stay, unless asked for again."""
    lines = general_ledger(batch_id)
    written = []
    for name, render in FORMATS.items():
        target = folder("exports") / f"journal-{name}" / batch_id
        if target.exists() and not again:
            continue
        files = {file: text.encode() for file, text in render(batch_id, lines).items()}
        new = fill_folder(target, files, _manifest(batch_id, name, lines, files))
        fault_point("post:before-rename")
        place_folder(new, target)
        written.append(target)
    return written


def index(batch_ids: Sequence[str]) -> None:
    """Have each format's ``current`` lead to the newest batch, and Beancount's ledger include all of them."""
    for name in FORMATS if batch_ids else ():
        point_link(folder("exports") / f"journal-{name}" / "current", batch_ids[-1])
        fault_point("post:after-link")
    if batch_ids:
        _beancount_ledger(batch_ids)


def _manifest(batch_id: str, name: str, lines: Sequence[Line], files: dict[str, bytes]) -> dict[str, object]:
    return {
        "format": 1,
        "batch_id": batch_id,
        "idempotency_key": hashlib.sha256(f"{batch_id}/{name}".encode()).hexdigest()[:32],
        "control_totals": {
            "gl_lines": len(lines),
            "journal_lines": sum(line.journal_lines for line in lines),
            "reporting_debit_amount": str(sum((line.reporting_debit for line in lines), Decimal("0.00"))),
            "reporting_credit_amount": str(sum((line.reporting_credit for line in lines), Decimal("0.00"))),
        },
        "files": [
            {"name": file, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for file, content in sorted(files.items())
        ],
    }


def _beancount_ledger(batch_ids: Sequence[str]) -> None:
    """The file to open: accounts, and every batch there is."""
    root = folder("exports") / "journal-beancount"
    opened: dict[str, str] = {}
    with (PROJECT / "seeds" / "accounts.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name = Account(row["account_code"], row["name"], row["type"]).beancount
            opened[name] = min(row["valid_from"], opened.get(name, row["valid_from"]))
    # A total price is kept as a price a unit there, so a balanced transaction may be off by 1e-27.
    options = {"title": "Nightshift", "operating_currency": "EUR", "inferred_tolerance_default": "EUR:0.0001"}
    out = [f'option "{name}" "{value}"\n' for name, value in options.items()] + ["\n"]
    out += [f"{day} open {name}\n" for name, day in sorted(opened.items())]
    out += ["\n"] + [f'include "{batch}/journal.beancount"\n' for batch in batch_ids]
    temporary = root / ".ledger.new"
    temporary.write_text("".join(out))
    temporary.rename(root / "ledger.beancount")


def content_hash(month: date, beyond: date) -> str:
    """A hash of every line posted in a month, in a total order."""
    found = posted(
        "*", f"posted_on >= date '{month}' and posted_on < date '{beyond}' order by journal_entry_id, line_number"
    )
    digest = hashlib.sha256()
    for row in found.fetchall() if found else []:
        digest.update(json.dumps(row, default=str).encode() + b"\n")
    return digest.hexdigest()
