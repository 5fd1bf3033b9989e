"""``statements``: the files of closed royalty months, from what was committed and nothing else.

The same bytes whenever they are written again: names, titles and the time of creation are those of the closing.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

import click
import duckdb

from scripts import books, dsr
from scripts.commitments import committed_files
from scripts.console import Stop, count, say
from scripts.faults import fault_point
from scripts.files import fill_folder, place_folder, point_link
from scripts.home import folder

STYLE = """
body { font: 13px/1.4 sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em; color: #222 }
h1 { font-size: 1.5em; margin: 0 } h2 { font-size: 1.1em; margin: 1.6em 0 .4em }
table { border-collapse: collapse; width: 100% }
th, td { padding: .15em .5em; text-align: left; vertical-align: baseline }
th { border-bottom: 1px solid #888 } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr.total td { border-top: 1px solid #888; font-weight: bold } td.id { color: #888; font: 11px monospace }
@media print { body { margin: 0; padding: 0; max-width: none }
  thead { display: table-header-group } tr { break-inside: avoid } }
"""
KINDS = {
    "brought forward": "Balance brought forward",
    "earning": "Earnings of the month",
    "adjustment": "Adjustments of earlier months",
    "suspense_release": "Released out of suspense",
    "advance_recouped": "Advance recouped",
    "withholding_tax": "Tax withheld",
    "payout": "Paid out",
    "carried forward": "Balance carried forward",
}


def rows_of(table: str, where: str, order: str) -> Iterator[dict[str, object]]:
    """Committed rows, in a total order."""
    files = committed_files(table)
    if not files:
        return
    found = duckdb.connect(config={"threads": 1}).execute(
        f"select * from read_parquet({files!r}, hive_partitioning = false, union_by_name = true) "
        f"where {where} order by {order}"
    )
    names = [column[0] for column in found.description]
    while batch := found.fetchmany(10_000):
        yield from (dict(zip(names, row, strict=True)) for row in batch)


def reports(month: date, closed_on: date) -> dict[str, bytes]:
    """The DDEX files of a month: one a licensor and territory."""
    where, key = f"royalty_month = date '{month}'", "licensor_id, territory"
    pools = {
        group: list(rows)
        for group, rows in groupby(
            rows_of("royalty_pools", where, f"{key}, plan_code, currency"),
            key=lambda row: (row["licensor_id"], row["territory"]),
        )
    }
    files = {}
    used = rows_of("royalty_usage", where, f"{key}, plan_code, currency, recording_id")
    for group, usage in groupby(used, key=lambda row: (row["licensor_id"], row["territory"])):
        name, content = dsr.report(pools[group], usage, closed_on)
        if wrong := dsr.problems(name, content):
            raise Stop(f"{name} would not be a report of the profile: {'; '.join(wrong[:3])}")
        files[name] = content.encode()
    return files


def pages(month: date) -> dict[str, bytes]:
    """The statements of a month as pages: one a holder."""
    titles = {
        row["recording_id"]: f"{row['title']} – {row['artist_name']}"
        for row in rows_of("royalty_usage", "title is not null", "recording_id, royalty_month desc")
    }
    lines = rows_of(
        "statements", f"statement_month = date '{month}'",
        "rights_holder_id, play_month, line_kind, currency, territory, plan_code, recording_id, statement_line_id",
    )  # fmt: skip
    return {
        f"{holder}.html": page(list(of_holder), titles).encode()
        for holder, of_holder in groupby(lines, key=lambda row: row["rights_holder_id"])
    }


def page(lines: list[dict[str, object]], titles: dict[str, str]) -> str:
    """One statement, to be read or printed."""
    first = lines[0]
    name = html.escape(str(first["rights_holder_name"] or first["rights_holder_id"]))
    currency = first["statement_currency"]
    out = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{first['statement_id']}</title><style>{STYLE}</style>",
        f"<h1>Royalty statement {first['statement_month']:%B %Y}</h1>",
        f"<p><b>{name}</b> ({first['rights_holder_id']})<br>Statement {first['statement_id']}, issued on "
        f"{first['issued_on']}. Amounts in {currency}.</p>",
        "<table><tbody>",
    ]
    for kind, title in KINDS.items():
        amounts = [r["statement_amount"] for r in lines if r["line_kind"] == kind or r["cause"] == kind]
        if amounts:
            total = sum(amounts, Decimal("0.00"))
            shown = -total if kind == "carried forward" else total
            out.append(f"<tr><td>{title}<td class=n>{shown:,.2f}")
    out.append("</table>")
    of_recordings = [row for row in lines if row["recording_id"]]
    key = lambda row: (row["play_month"], row["line_kind"], row["currency"])  # noqa: E731
    for (played, kind, own), rows in groupby(of_recordings, key=key):
        group = list(rows)
        rate = group[0]["exchange_rate"]
        at = "" if own == currency else f", converted at {rate} {currency} for 1 {own}"
        out.append(f"<h2>{KINDS[kind]}: plays of {played:%B %Y} in {own}{at}</h2>")
        # Of a statement in the currency of the pool one amount says it all.
        named = ("amount",) if own == currency else ("amount", "statement_amount")
        heads = "".join(f"<th class=n>{code}" for code in (own, currency)[: len(named)])
        out.append(
            "<table><thead><tr><th>Recording<th>Country<th>Plan<th>Cause<th class=n>Streams"
            f"{heads}<th>Line</thead><tbody>"
        )
        for row in group:
            title = html.escape(titles.get(str(row["recording_id"]), str(row["recording_id"])))
            out.append(
                f"<tr><td>{title}<td>{row['territory']}<td>{row['plan_code']}<td>{row['cause'] or ''}"
                f"<td class=n>{row['streams']:,}{_amounts(row[name] for name in named)}"
                f"<td class=id>{row['statement_line_id']}"
            )
        totals = _amounts(sum((row[name] for row in group), Decimal("0.00")) for name in named)
        streams = sum(row["streams"] for row in group)
        out.append(f"<tr class=total><td colspan=4>Together<td class=n>{streams:,}{totals}<td></table>")
    return "\n".join(out) + "\n"


def _amounts(values: Iterable[Decimal]) -> str:
    """Cells of amounts."""
    return "".join(f"<td class=n>{value:,}" for value in values)


FILES: dict[str, Callable[[date, date], dict[str, bytes]]] = {
    "royalty-dsr": lambda month, closed_on: reports(month, closed_on),
    "royalty-statements": lambda month, _: pages(month),
}


def write_files(again: bool = False) -> None:
    """The folders of every closed month that has none (or of all), each whole or not at all, and what leads to them."""
    closed = books.closed_months("royalties")
    for name, render in FILES.items() if closed else ():
        root = folder("exports") / name
        for month, closed_on in closed.items():
            target = root / f"{month:%Y-%m}"
            if target.exists() and not again:
                continue
            fault_point("statements:before-export")
            files = render(month, closed_on)
            new = fill_folder(target, files, _manifest(name, month, files))
            fault_point("statements:before-rename")
            place_folder(new, target)
            say("statements", f"{target.relative_to(root.parent)}: {count(len(files), 'file')}")
        fault_point("statements:before-link")
        point_link(root / "current", f"{max(closed):%Y-%m}")


def _manifest(name: str, month: date, files: dict[str, bytes]) -> dict[str, object]:
    return {
        "format": 1,
        "month": f"{month:%Y-%m}",
        "idempotency_key": hashlib.sha256(f"{month}/{name}".encode()).hexdigest()[:32],
        "control_totals": {"files": len(files), "bytes": sum(map(len, files.values()))},
        "files": [
            {"name": file, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for file, content in sorted(files.items())
        ],
    }


@click.command()
@click.option(
    "--rebuild-files", is_flag=True, help="Write the files of all closed months again; they get the same bytes."
)
def statements(rebuild_files: bool) -> None:
    """Write the files of closed royalty months.

    exports/royalty-dsr/<month>/ has a DDEX report a licensor and territory (usage and revenue of recordings),
    exports/royalty-statements/<month>/ a page a payee, to be read or printed, with the id of each line for
    ./nightshift explain. Closing a month writes them too. They come from what was committed at the closing, so they
    have the same bytes whenever they are written.

    \b
    Examples
      ./nightshift statements
      ./nightshift statements --rebuild-files     after a lost disk: the same files again
    """
    if not books.closed_months("royalties"):
        say("statements", "no month of the royalty books is closed yet")
    write_files(rebuild_files)
