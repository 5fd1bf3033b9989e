"""Bad input: what happens to each kind is decided, written down in docs/bad-input.md, and shown here."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import duckdb
import pytest
from estate import DAY, PAYMENT, PLAYBACK, payments, plays

from scripts.home import PROJECT
from scripts.landing import cutting, records

GOOD = payments({}, {})
LINES = GOOD.splitlines(keepends=True)


@dataclass
class Case:
    """One kind of bad input: how it is shipped, and what becomes of it."""

    ship: Callable
    rows: int | None = None
    bad: tuple[tuple[int, str | None, str], ...] = ()
    refused: str | None = None
    also: Callable | None = None
    table: str = "billing.payments"

    @property
    def decision(self) -> str:
        if self.refused:
            return "refused"
        return "quarantined" if self.bad else "landed" if self.rows is not None else "warned about"


def csv_file(content: bytes | str, name: str = "payments.csv") -> Callable:
    return lambda estate: estate.ship("billing", name, content)


def json_file(content: bytes | str, name: str = "plays.jsonl") -> Callable:
    return lambda estate: estate.ship("playback", name, content)


def value(column: str, text: str) -> Callable:
    """A good row, and one with this value."""
    return csv_file(payments({}, {column: text}))


def before_since(column: str) -> Callable:
    """A file of a day on which a column was not shipped yet, as the contract says."""

    def ship(estate):
        path = estate.project / "backends" / "billing.yml"
        path.write_text(path.read_text().replace(f"{column}: {{", f"{column}: {{since: 2026-02-01, "))
        estate.ship("billing", "payments.csv", payments({}, columns=tuple(c for c in PAYMENT if c != column)))

    return ship


def cut_gzip(text: str, keep: float) -> bytes:
    """The first part of a gzip file, in its ending two lines cut through."""
    raw = gzip.compress(text.encode(), 0, mtime=0)
    return raw[: int(len(raw) * keep)]


def totals(declared: dict) -> Callable:
    def ship(estate):
        estate.ship("billing", "payments.csv", GOOD)
        estate.declare("billing", {"payments.csv": declared})

    return ship


def landed_notes(estate) -> list:
    return [row[0] for row in estate.rows("billing.payments", "note")]


def first_value(column: str, expected: object) -> Callable:
    return lambda estate: estate.rows("billing.payments", column)[0][0] == expected


def two_snapshots(second: str) -> Callable:
    def ship(estate):
        estate.ship("billing", "prices.csv", "plan,amount\nfree,0\npaid,9.99\n")
        estate.land()
        estate.ship("billing", "prices.csv", second, date(2026, 1, 11))

    return ship


def parquet(query: str, damage: int | None = None) -> Callable:
    def ship(estate):
        text = PLAYBACK.replace("plays*.jsonl*", "plays*.parquet").replace("format: jsonl", "format: parquet")
        estate.describe("playback", text)
        path = estate.ship("playback", "plays.parquet", b"")
        duckdb.sql(f"copy ({query}) to '{path}' (format parquet)")
        if damage is not None:
            raw = bytearray(path.read_bytes())
            raw[damage : damage + 8] = b"\xff" * 8
            path.write_bytes(raw)

    return ship


PLAY_ROW = """
    select 's' || range as play_id, 'a1' as account_id, timestamp '2026-01-10 12:00:00' as started_at,
        null::timestamp as sent_at, null::timestamp as received_at, 30000 as ms_played, null as price,
        false as offline, 'd1' as device
    from range(3)
"""
UTF8 = "payment of Zoë"
DECIMAL_2 = "not a decimal(18,2): digits, a point, at most 2 decimals"
DECIMAL_4 = DECIMAL_2.replace("2", "4")

CASES = {
    # Files
    "file of no bytes": Case(csv_file(b""), refused="payments.csv: empty: not even a header"),
    "compressed file of no bytes": Case(
        lambda e: e.ship("billing", "payments.csv.gz", "").write_bytes(b""), refused="empty: not even compressed"
    ),
    "header and no rows": Case(csv_file(LINES[0]), rows=0),
    "JSON file of no bytes": Case(json_file(b""), rows=0, table="playback.plays"),
    "gzip cut short": Case(
        lambda e: e.ship("playback", "plays.jsonl.gz", "").write_bytes(cut_gzip(plays(*[{}] * 10), 0.75)),
        rows=7,
        bad=((8, None, "cut off: the file ends in the middle of the record"),),
        also=lambda e: e.manifests("playback.plays")[0]["truncated"] == ["plays.jsonl.gz"],
        table="playback.plays",
    ),
    "gzip with a changed byte": Case(
        lambda e: e.ship("playback", "plays.jsonl.gz", "").write_bytes(
            gzip.compress(plays({}, {}).encode(), mtime=0).replace(b"\0", b"\1", 1)[:-8] + b"12345678"
        ),
        refused="plays.jsonl.gz: not readable as gzip",
        table="playback.plays",
    ),
    "last line without a line end": Case(csv_file(GOOD.rstrip("\n")), rows=2),
    "Parquet with damaged pages": Case(
        parquet(PLAY_ROW, damage=20), refused="not readable as Parquet", table="playback.plays"
    ),
    "file that no table claims": Case(
        lambda e: e.ship("billing", "surprise.csv", "a,b\n"),
        also=lambda e: e.land().strays == ["billing/2026-01-10/surprise.csv: no table of the backend claims it"],
    ),
    "folder of an unknown backend": Case(
        lambda e: e.ship("unknown", "x.csv", "a"),
        also=lambda e: e.land().strays == ["unknown/: no backends/unknown.yml"],
    ),
    # Encoding
    "byte order mark": Case(csv_file(b"\xef\xbb\xbf" + GOOD.encode()), rows=2),
    "UTF-16": Case(csv_file(GOOD.encode("utf-16")), refused="encoded as UTF-16, must be UTF-8"),
    "CRLF line ends": Case(csv_file(GOOD.replace("\n", "\r\n")), rows=2, also=first_value("note", None)),
    "carriage return within a line": Case(
        csv_file(GOOD + LINES[1].replace("p1", "p\r9")), rows=2, bad=((4, None, "a carriage return within the line"),)
    ),
    "NUL byte": Case(csv_file(GOOD + LINES[1].replace("p1", "p\0")), rows=2, bad=((4, None, "NUL byte"),)),
    "NUL character in JSON": Case(
        json_file(plays({}, {"device": "d\0"})),
        rows=1,
        bad=((2, None, "NUL character in a value"),),
        table="playback.plays",
    ),
    "invalid UTF-8": Case(
        csv_file(payments({"note": UTF8}, {"note": UTF8}).encode().replace(b"Zo\xc3\xab", b"Zo\xeb", 1)),
        rows=1,
        bad=((2, None, "not UTF-8 (byte 0xeb)"),),
        also=lambda e: landed_notes(e) == [UTF8],
    ),
    # Lines and columns
    "wrong delimiter": Case(
        csv_file(payments({}, delimiter=";")), refused="column payment_id is missing; the header has 'payment_id;acc"
    ),
    "column missing": Case(
        csv_file(payments({}, columns=tuple(c for c in PAYMENT if c != "note"))),
        refused="payments.csv: line 1: column note is missing",
    ),
    "column missing before it was shipped": Case(
        before_since("rate"),
        rows=1,
        also=first_value("rate", None),
    ),
    "column added": Case(
        csv_file(payments({"tax": "1"}, columns=(*PAYMENT, "tax"))),
        rows=1,
        also=lambda e: e.manifests("billing.payments")[0]["unknown_columns"] == ["tax"],
    ),
    "column renamed, as the contract says": Case(
        csv_file(GOOD.replace("amount", "total", 1)), rows=2, also=first_value("amount::varchar", "9.99")
    ),
    "column renamed, unknown to the contract": Case(
        csv_file(GOOD.replace("amount", "sum", 1)), refused="column amount is missing"
    ),
    "columns in another order": Case(
        csv_file(payments({}, columns=tuple(reversed(PAYMENT)))), rows=1, also=first_value("payment_id", "p1")
    ),
    "column twice in the header": Case(
        csv_file(payments({}, columns=(*PAYMENT, "amount"))), refused="column amount stands 2 times in the header"
    ),
    "column of another type": Case(
        csv_file(payments({"amount": "EUR"}, {"amount": "USD"})),
        refused="none of its 2 rows can be taken; the first, line 2: amount: not a decimal(18,2)",
    ),
    "required JSON key missing everywhere": Case(
        json_file(plays({"ms_played": ...}, {"ms_played": ...})),
        refused="none of its 2 rows can be taken; the first, line 1: ms_played: required, is empty",
        table="playback.plays",
    ),
    "too few fields": Case(csv_file(GOOD + "p3,a1\n"), rows=2, bad=((4, None, "2 fields where the header has 11"),)),
    "too many fields": Case(
        csv_file(GOOD + LINES[1].replace("\n", ",x\n")), rows=2, bad=((4, None, "12 fields where the header has 11"),)
    ),
    "quote out of place": Case(
        csv_file(LINES[0] + LINES[1].replace("c1", '5" disk') + LINES[2]),
        rows=1,
        bad=((2, None, "a quote out of place, or left open"),),
    ),
    "quote left open": Case(
        csv_file(LINES[0] + LINES[1].replace(",c1", ',"c1') + LINES[2]),
        rows=1,
        bad=((2, None, "a quote out of place, or left open"),),
    ),
    "line ends and quotes within quotes": Case(
        csv_file(payments({"note": 'a "b",\nc'}, {})), rows=2, also=lambda e: landed_notes(e)[0] == 'a "b",\nc'
    ),
    "line of 10 MB": Case(
        csv_file(payments({"note": "x" * 10_000_000}, {})), rows=2, also=first_value("length(note)", 10_000_000)
    ),
    "not JSON": Case(json_file(plays({}) + '{"a": \n'), rows=1, bad=((2, None, "not JSON"),), table="playback.plays"),
    "JSON that is no object": Case(
        json_file(plays({}) + "[1]\n"), rows=1, bad=((2, None, "not a JSON object"),), table="playback.plays"
    ),
    "blank lines": Case(csv_file(LINES[0] + "\n" + LINES[1] + "\r\n" + LINES[2] + "\n"), rows=2),
    # Values
    "required value empty": Case(value("amount", ""), rows=1, bad=((3, "amount", "required, is empty"),)),
    "thousands separator": Case(
        value("amount", "1,234.50"), rows=1, bad=((3, "amount", DECIMAL_2),)
    ),
    "more decimals than the contract has": Case(
        value("amount", "12.345"), rows=1, bad=((3, "amount", DECIMAL_2),)
    ),
    "zeros beyond the contract's decimals": Case(value("amount", "12.3400"), rows=2),
    "amount beyond the type": Case(
        value("amount", "9" * 17), rows=1, bad=((3, "amount", DECIMAL_2),)
    ),
    "NaN": Case(value("rate", "NaN"), rows=1, bad=((3, "rate", "not a finite number"),)),
    "NaN as an amount": Case(value("amount", "NaN"), rows=1, bad=((3, "amount", DECIMAL_2),)),
    "NaN as an amount in Parquet": Case(
        parquet(PLAY_ROW.replace("null as price", "case when range = 1 then 'nan'::double else 1.5 end as price")),
        rows=2, bad=((2, "price", DECIMAL_4),), table="playback.plays",
    ),
    "1e400": Case(value("rate", "1e400"), rows=1, bad=((3, "rate", "not a finite number"),)),
    "NaN and 1e400 in JSON": Case(
        json_file(plays({}, {}) .replace("null", "NaN", 1).replace("null", "1e400", 1) + plays({})),
        rows=1,
        bad=(
            (1, "price", DECIMAL_4),
            (2, "price", DECIMAL_4),
        ),
        table="playback.plays",
    ),
    "JSON number too long to be exact": Case(
        json_file(plays({}, {}).replace("null", "12345678901234.5678", 1).replace("null", '"12345678901234.5678"', 1)),
        rows=1,
        bad=((1, "price", DECIMAL_4),),
        also=lambda e: e.rows("playback.plays", "price::varchar") == [("12345678901234.5678",)],
        table="playback.plays",
    ),
    "fraction where an integer is due": Case(
        value("attempt", "1.5"), rows=1, bad=((3, "attempt", "not an integer"),)
    ),
    "word for true": Case(value("is_final", "yes"), rows=1, bad=((3, "is_final", "neither true nor false"),)),
    "day that does not exist": Case(
        value("due_on", "2026-02-30"), rows=1, bad=((3, "due_on", "not a date (YYYY-MM-DD)"),)
    ),
    "day in another notation": Case(
        value("due_on", "10.01.2026"), rows=1, bad=((3, "due_on", "not a date (YYYY-MM-DD)"),)
    ),
    "offset in a timestamp": Case(
        csv_file(payments({"updated_at": "2026-01-10T12:00:00+02:00"})),
        rows=1,
        also=first_value("updated_at::varchar", "2026-01-10 10:00:00"),
    ),
    "years 0001 and 9999": Case(csv_file(payments({"due_on": "0001-01-01"}, {"due_on": "9999-12-31"})), rows=2),
    "years 0001 and 9999 as event time": Case(
        csv_file(payments({}, {"paid_at": "0001-01-01"}, {"paid_at": "9999-12-31 23:59:59"})),
        rows=1,
        bad=tuple((n, "paid_at", "event day before 1970-01-01 or more than 7 days after arrival") for n in (3, 4)),
    ),
    "negative money where none can be": Case(value("amount", "-3.00"), rows=2),
    "key twice": Case(csv_file(payments({"payment_id": "p"}, {"payment_id": "p"})), rows=2),
    # Totals and dumps
    "declared rows that are not there": Case(
        totals({"rows": 3, "sum": {"amount": "19.98"}}), refused="declares 3 rows, has 2"
    ),
    "declared sum that is another": Case(
        totals({"rows": 2, "sum": {"amount": "19.99"}}), refused="declares 19.99 as sum of amount, has 19.98"
    ),
    "declared totals that are true": Case(
        totals({"rows": 2, "sum": {"amount": "19.98"}}),
        rows=2,
        also=lambda e: e.manifests("billing.payments")[0]["control_totals"]["amount"]["declared"] == "19.98",
    ),
    "totals in another shape": Case(totals({"rows": "many"}), refused="_totals.json: entries must read"),
    "totals that are no JSON": Case(
        lambda e: (e.ship("billing", "payments.csv", GOOD), e.ship("billing", "_totals.json", "{")),
        refused="_totals.json is no JSON",
    ),
    "snapshot that is suddenly empty": Case(
        two_snapshots("plan,amount\n"),
        refused="empty, but the dump before it (2026-01-10) has 2 rows",
        table="billing.prices",
    ),
    "snapshot of which nothing can be taken": Case(
        two_snapshots("plan,amount\nfree,x\npaid,y\n"), refused="none of its 2 rows", table="billing.prices"
    ),
    "correction that arrives before the dump it corrects": Case(
        lambda e: (
            e.ship("billing", "payments.csv", GOOD, "2026-01-12/for-2026-01-10"),
            e.land(),
            e.ship("billing", "payments.csv", LINES[0] + LINES[1]),
        ),
        refused="which replaced this slot; ship it again in a newer arrival folder, under for-2026-01-10/",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input(estate, name):
    case = CASES[name]
    case.ship(estate)
    before = sum(m["rows"] for m in estate.manifests(case.table))
    report = estate.land()
    if case.refused:
        assert [why for _, why in report.refused if case.refused in why], report.refused
        assert report.landed == []
        assert sum(m["rows"] for m in estate.manifests(case.table)) == before, "nothing of it is visible"
    else:
        assert report.refused == []
    if case.rows is not None:
        assert len(estate.rows(case.table)) == case.rows
        (manifest,) = estate.manifests(case.table)
        assert sum(manifest["quarantined"].values()) == len(case.bad)
        assert manifest["control_totals"]["rows"]["counted"] == case.rows + len(case.bad), "nothing is lost"
    found = estate.quarantine(case.table)
    assert tuple((entry["line"], entry["column"], entry["reason"]) for entry in found) == case.bad
    if case.also:
        assert case.also(estate)


def test_every_case_stands_in_the_docs_with_its_decision():
    text = (PROJECT / "docs" / "bad-input.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) \| (landed|quarantined|refused|warned about) \|", text, re.MULTILINE)
    assert dict(rows) == {name: case.decision for name, case in CASES.items()}


SONGS = """
backend: shop
description: Songs, the whole list every day, as Parquet.
owner: {name: Shop team, email: shop@example.com}
tables:
  songs:
    kind: snapshot
    description: One row per song.
    files: "songs*.parquet"
    format: parquet
    key: [song]
    columns:
      song: {type: varchar}
      title: {type: varchar, required: true}
"""


@pytest.mark.parametrize(
    ("titles", "landed", "bad", "refused"),
    [
        ("'a', 'b', 'c'", 3, [], None),
        ("'a', null, 'c'", 2, [(2, "title", "required, is empty")], None),
        ("null, null, null", None, [], "none of its 3 rows can be taken"),
        ("", None, [], None),
    ],
)
def test_a_snapshot_copied_in_one_pass_still_counts_what_is_wrong_with_it(estate, titles, landed, bad, refused):
    """Parquet of the right types is written while it is read; if rows are missing then, it is looked at again."""
    estate.describe("shop", SONGS)
    path = estate.ship("shop", "songs.parquet", b"")
    rows = (
        f"select 's' || generate_subscripts(t, 1) as song, unnest(t) as title from (select [{titles}]::varchar[] as t)"
    )
    duckdb.sql(f"copy ({rows}) to '{path}' (format parquet)")
    report = estate.land()
    assert [why for _, why in report.refused if refused not in why] == [] if refused else report.refused == []
    assert [(e["line"], e["column"], e["reason"]) for e in estate.quarantine("shop.songs")] == bad
    manifests = estate.manifests("shop.songs")
    assert [m["rows"] for m in manifests] == ([] if refused else [landed or 0])
    if landed:
        assert manifests[0]["control_totals"]["rows"] == {"declared": None, "counted": 3}
        assert manifests[0]["event_days"] == [{"day": "2026-01-10", "rows": landed}]
        assert manifests[0]["quarantined"] == {f"{column}: {why}": 1 for _, column, why in bad}
        assert len(estate.rows("shop.songs")) == landed


def test_a_line_beyond_all_measure_is_quarantined(estate, monkeypatch):
    monkeypatch.setattr(cutting, "LONGEST", 1000)
    monkeypatch.setattr(records, "LONGEST", 1000)
    estate.ship("playback", "plays.jsonl.gz", plays({}, {"device": "d" * 50_000_000}, {}))
    estate.land()
    assert len(estate.rows("playback.plays")) == 2
    (entry,) = estate.quarantine("playback.plays")
    assert entry["line"] == 2
    assert entry["reason"].startswith("longer than")


def test_raw_bytes_in_quarantine_are_those_shipped(estate):
    import base64

    line = b'p9,a1,"1,5",2026-01-10,,,,,"x\ny",,\n'
    estate.ship("billing", "payments.csv", GOOD.encode() + line)
    estate.land()
    (entry,) = estate.quarantine("billing.payments")
    assert base64.b64decode(entry["raw_base64"]) == line
    files = list((estate.home / "quarantine").rglob("*.jsonl"))
    assert [f.stat().st_mode & 0o777 for f in files] == [0o600], "it may name people"
    assert json.loads(files[0].read_text())["file"] == "payments.csv"
    assert estate.manifests("billing.payments")[0]["control_totals"]["amount"] == {"declared": None, "counted": "19.98"}
    assert DAY
