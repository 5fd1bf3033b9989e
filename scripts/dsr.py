"""DDEX Digital Sales Reports: how often a licensor's recordings were used and what they earned, one file a territory.

Profile FinancialReportingToRecordCompaniesProfileSRB 1.0: usage and revenue of recordings for record companies, one
record a recording. Cells and their order come from scripts/dsr_records.csv, written down from the schema of that
profile in github.com/ddexnet/dsrf (schemas/FinancialReportingToRecordCompaniesProfileSRB/1.0, HEAD is its
RecordType-SRHE); the file name from constants.py there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

PROFILE, VERSION = "FinancialReportingToRecordCompaniesProfileSRB", "1.0"
SENDER_ID, SENDER = "PADPIDA2025121501N", "Nightshift"
SERVICE = "NightshiftMusic"
RECORDS = Path(__file__).with_name("dsr_records.csv")
MODELS = {"free": "AdvertisementSupportedModel"}
FILE_NAME = re.compile(
    r"DSR_(?P<recipient>[^_]+)_(?P<sender>[^_]+)_(?P<service>[^_]+)_(?P<period>\d{4}-\d{2})_(?P<territory>[A-Z]{2})"
    r"_1of1_(?P<created>\d{8}T\d{6})\.tsv"
)
TYPES = {
    "string": re.compile(r".*"),
    "integer": re.compile(r"[+-]?\d+"),
    "decimal": re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)"),
    "boolean": re.compile(r"true|false|1|0"),
    "date": re.compile(r"\d{4}(-\d{2}(-\d{2})?)?"),
    "dateTime": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:?\d{2})"),
    "ProfileId": re.compile(re.escape(PROFILE)),
    "CommercialModelType": re.compile(r"SubscriptionModel|AdvertisementSupportedModel"),
    "UseType": re.compile(r"OnDemandStream"),
    "ResourceType": re.compile(r"SoundRecording"),
    "ReleaseType": re.compile(r"\w+"),
    "CurrentTerritoryCode": re.compile(r"[A-Z]{2}"),
    "CurrencyCode": re.compile(r"[A-Z]{3}"),
}


@dataclass(frozen=True)
class Cell:
    """One cell of a record, as the schema defines it."""

    name: str
    type: str
    is_required: bool
    pattern: str

    def problem(self, text: str) -> str | None:
        """What is wrong with a value, if anything."""
        if not text:
            return f"{self.name} is empty" if self.is_required else None
        if not TYPES[self.type].fullmatch(text):
            return f"{self.name} is no {self.type}: {text}"
        # The schema's pattern of MessageVersion is a beginning, as its parser reads it.
        if self.pattern and not re.match(self.pattern, text):
            return f"{self.name} does not match {self.pattern}: {text}"
        return None


@cache
def records() -> dict[str, list[Cell]]:
    """The cells of each record of the profile, in order."""
    found: dict[str, list[Cell]] = {}
    with RECORDS.open(newline="") as file:
        for row in csv.DictReader(file):
            cell = Cell(row["cell"], row["type"], row["min_occurs"] != "0", row["pattern"])
            found.setdefault(row["record"], []).append(cell)
    return found


def line(record: str, **cells: object) -> str:
    """A record as a line: its cells in their order, tabs between, what is not given empty."""
    known = records()[record]
    unknown = set(cells) - {cell.name for cell in known}
    assert not unknown, f"{record} has no {sorted(unknown)}"
    values = {"RecordType": record, **cells}
    return "\t".join(_text(values.get(cell.name)) for cell in known) + "\n"


def _text(value: object) -> str:
    """A cell's text: no tab or line may be in it, and a pipe stands between values of one cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"  # a price of nothing would be 0E-8, which is no decimal of the standard
    return re.sub(r"\s+", " ", str(value)).replace("|", "\\|")


def report(
    pools: Sequence[Mapping[str, object]], usage: Iterable[Mapping[str, object]], created_on: date
) -> tuple[str, str]:
    """File name and content of one licensor's report on one territory, from what was committed at its closing."""
    first = pools[0]
    month: date = first["royalty_month"]
    last = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    recipient = first["ddex_party_id"] or f"PADPIDA{first['licensor_id']}"
    created = f"{created_on}T00:00:00Z"
    message = f"{first['licensor_id']}-{month:%Y%m}-{first['territory']}"
    out = [
        line(
            "HEAD", MessageVersion="dsrf/3.0/1.0/1.0", Profile=PROFILE, ProfileVersion=VERSION, MessageId=message,
            MessageCreatedDateTime=created, FileNumber=1, NumberOfFiles=1, UsageStartDate=month, UsageEndDate=last,
            SenderPartyId=SENDER_ID, SenderName=SENDER, ServiceDescription=SERVICE, RecipientPartyId=recipient,
            RecipientName=first["licensor_name"],
        )
    ]  # fmt: skip
    summaries = {}
    for number, pool in enumerate(pools, 1):
        summary = summaries[pool["plan_code"], pool["currency"]] = f"S{number}"
        allocated = pool["pool_amount"] - pool["retained_amount"]
        out.append(_summary(summary, pool, allocated, month, last))
    for number, row in enumerate(usage, 1):
        summary = summaries[row["plan_code"], row["currency"]]
        out.append(_usage(f"{message}-{number}", summary, row, last))
    out.append(line("SRFO", NumberOfLinesInReport=len(out) + 1, NumberOfSummaryRecords=len(pools)))
    name = (
        f"DSR_{recipient}_{SENDER_ID}_{SERVICE}_{month:%Y-%m}_{first['territory']}_1of1_{created_on:%Y%m%d}T000000.tsv"
    )
    return name, "".join(out)


def _summary(number: str, pool: Mapping[str, object], allocated: Decimal, month: date, last: date) -> str:
    """SY10: a plan's usage and revenue, and the licensor's part."""
    money = {
        "DeductionsIn": "0.00", "NetRevenueIn": pool["net_revenue_amount"], "AllocatedRevenueIn": allocated,
        "AllocatedNetRevenueIn": allocated, "FinalTotalAmountIn": allocated,
    }  # fmt: skip
    return line(
        "SY10", SummaryRecordId=number, CommercialModel=MODELS.get(str(pool["plan_code"]), "SubscriptionModel"),
        UseType="OnDemandStream", ReportingPeriodStartDate=month, ReportingPeriodEndDate=last,
        SubscriberType=pool["plan_code"], Subscribers=pool["subscribers"], ActiveSubscribers=pool["subscribers"],
        Territory=pool["territory"], ServiceDescription=SERVICE, Usages=pool["all_streams"],
        AllocatedUsages=pool["streams"], Returns=0, MusicUsageRatio=100, CurrencyOfTransaction=pool["currency"],
        CurrencyOfAccounting=pool["currency"], ExchangeRate=1, SubscriptionFeeInCurrencyOfAccounting="0.00",
        **{f"{name}CurrencyOf{side}": value for name, value in money.items() for side in ("Transaction", "Accounting")},
    )  # fmt: skip


def _usage(number: str, summary: str, row: Mapping[str, object], last: date) -> str:
    """SR08: a recording's streams and what they earned."""
    price = (row["amount"] / row["streams"]).quantize(Decimal("0.00000001")) if row["streams"] else 0
    money = {
        "CalculatedUnitPriceIn": price, "AllocatedRevenueIn": row["amount"], "AllocatedNetRevenueIn": row["amount"],
    }  # fmt: skip
    return line(
        "SR08", SalesTransactionId=number, DspReleaseId=row["release_id"] or row["recording_id"],
        ResourceISRC=row["isrc"], DspResourceId=row["recording_id"], ResourceType="SoundRecording",
        ResourceTitle=row["title"], ResourceDisplayArtistName=row["artist_name"], SummaryRecordId=summary,
        SalesTransactionDate=last, TotalUsages=row["streams"], Returns=0, NetUsage=row["streams"],
        PriceType="PerStream", RightSharePercentage=100, CopyrightObligationWithDSP=True,
        **{f"{name}CurrencyOf{side}": value for name, value in money.items() for side in ("Transaction", "Accounting")},
    )  # fmt: skip


def problems(name: str, content: str) -> list[str]:
    """What is wrong with a report by the profile's definitions: name, records, cells, references, counts."""
    found: list[str] = []
    parts = FILE_NAME.fullmatch(name)
    if not parts:
        return [f"the file name is not as the standard wants it: {name}"]
    lines = content.splitlines()
    rows = [text.split("\t") for text in lines]
    kinds = [row[0] for row in rows]
    if kinds[0] != "HEAD" or kinds[-1] != "SRFO" or kinds.count("HEAD") != 1 or kinds.count("SRFO") != 1:
        found.append("HEAD must be first and SRFO last, once each")
    body = kinds[1:-1]
    summaries = body.count("SY10")
    if summaries == 0 or body != ["SY10"] * summaries + ["SR08"] * (len(body) - summaries):
        found.append("after HEAD come SY10 records, one at least, then SR08 records")
    values: list[dict[str, str]] = []
    for number, row in enumerate(rows, 1):
        cells = records().get(row[0])
        if cells is None or len(cells) != len(row):
            found.append(f"line {number}: {row[0]} has {len(row)} cells")
            continue
        found += [f"line {number}: {p}" for cell, text in zip(cells, row, strict=True) if (p := cell.problem(text))]
        values.append(dict(zip((cell.name for cell in cells), row, strict=True)))
    if found:
        return found
    head, foot = values[0], values[-1]
    named = (head["RecipientPartyId"], head["SenderPartyId"], head["ServiceDescription"], head["UsageStartDate"][:7])
    if named != parts.group("recipient", "sender", "service", "period"):
        found.append("HEAD and file name differ")
    if re.sub("[-:Z]", "", head["MessageCreatedDateTime"]) != parts["created"]:
        found.append("HEAD and file name were not created at the same time")
    if int(foot["NumberOfLinesInReport"]) != len(lines) or int(foot["NumberOfSummaryRecords"]) != summaries:
        found.append("SRFO does not count the lines that are there")
    given = {row["SummaryRecordId"]: row for row in values if row["RecordType"] == "SY10"}
    used = [row for row in values if row["RecordType"] == "SR08"]
    if dangling := {row["SummaryRecordId"] for row in used} - set(given):
        found.append(f"no SY10 for {sorted(dangling)}")
    for column in ("SummaryRecordId", "SalesTransactionId"):
        ids = [row[column] for row in (given.values() if column == "SummaryRecordId" else used)]
        if len(set(ids)) != len(ids) or (column == "SummaryRecordId" and len(ids) != summaries):
            found.append(f"{column} stands twice")
    for summary, row in given.items():
        parts_of = [each for each in used if each["SummaryRecordId"] == summary]
        if sum(int(each["NetUsage"]) for each in parts_of) != int(row["AllocatedUsages"]):
            found.append(f"{summary}: the recordings' streams are not its streams")
        if sum(Decimal(each["AllocatedRevenueInCurrencyOfTransaction"]) for each in parts_of) != Decimal(
            row["AllocatedRevenueInCurrencyOfTransaction"]
        ):
            found.append(f"{summary}: the recordings' amounts are not its amount")
        if row["Territory"] != parts["territory"]:
            found.append(f"{summary} is about another territory than the file")
    return found
