# ruff: noqa: E501 (rows of tables read better in one line)
"""Small worlds of plays, money and splits, taken through the royalty models' own SQL in this process.

A world is what royalties read of everything before them: streams by day, revenue by day, tracks, splits, holders and
contracts. ``Royalties.make`` runs all models of the domain over it; ``close`` commits a month as the command does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from compiled import BACKENDS, Models

from scripts import close_royalties

MONTH = date(2026, 1, 1)
MODELS = (
    "stg_nightshift__closed_months", "stg_nightshift__statements", "stg_nightshift__royalty_pools",
    "stg_nightshift__royalty_suspense", "stg_nightshift__judgements", "int_royalties__closed_months", "int_royalties__recordings",
    "int_royalties__split_spans", "int_royalties__split_cuts", "int_royalties__subscribers", "int_royalties__audiences",
    "int_royalties__catalogue", "int_royalties__recording_values", "int_royalties__heard", "int_royalties__terms",
    "int_royalties__pools", "int_royalties__splits", "int_royalties__shares", "int_royalties__payees", "int_royalties__lines", "int_royalties__reinstated", "int_royalties__said",
    "int_royalties__adjustments",
    "fct_pools", "fct_allocations",
    "fct_suspense", "fct_statement_lines", "int_royalties__statement_lines_due", "int_royalties__statements_due",
    "royalty_statements", "rpt_restatement",
)  # fmt: skip
TABLES = {
    "intermediate.int_royalties__daily_streams":
        "played_on date, account_id varchar, territory varchar, plan_code varchar, is_trial boolean, track_id varchar, streams bigint",
    "intermediate.int_royalties__daily_revenue":
        "revenue_on date, account_id varchar, territory varchar, plan_code varchar, currency varchar, net_cents bigint",
    "core.dim_track":
        "track_id varchar, recording_id varchar, licensor_id varchar, isrc varchar, created_at timestamp, release_id varchar, "
        "title varchar, artist_id varchar, duration_ms bigint",
    "core.dim_artist": "artist_id varchar, name varchar",
    "core.dim_licensor": "licensor_id varchar, name varchar, ddex_party_id varchar",
    "core.dim_split":
        "split_id varchar, recording_id varchar, rights_holder_id varchar, share decimal(9, 6), valid_from date, valid_to date, known_on date",
    "core.dim_rights_holder":
        "rights_holder_id varchar, name varchar, currency varchar, payout_threshold decimal(18, 2), advance_amount decimal(18, 2), "
        "withholding_tax_rate decimal(9, 6)",
    "core.dim_contract":
        "contract_id varchar, licensor_id varchar, territory varchar, plan_code varchar, revenue_share decimal(9, 6), "
        "minimum_per_subscriber decimal(18, 4), minimum_currency varchar, allocation_method varchar, trial_streams_count boolean, "
        "silent_subscribers varchar, valid_from date, valid_to date",
    "intermediate.int_finance__exchange_rates": "currency varchar, exchange_rate decimal(18, 8), valid_from date, valid_to date, rated_on date",
}  # fmt: skip


@dataclass
class World:
    """Rows of each of the tables, as tuples in the order of their columns."""

    streams: list[tuple] = field(default_factory=list)
    revenue: list[tuple] = field(default_factory=list)
    tracks: list[tuple] = field(default_factory=list)
    splits: list[tuple] = field(default_factory=list)
    holders: list[tuple] = field(default_factory=list)
    contracts: list[tuple] = field(default_factory=list)
    rates: list[tuple] = field(default_factory=list)

    def tables(self) -> dict[str, list[tuple]]:
        """The rows by table."""
        return {
            "intermediate.int_royalties__daily_streams": self.streams,
            "intermediate.int_royalties__daily_revenue": self.revenue,
            "core.dim_track": [(*row, None, None, None, None) for row in self.tracks],
            "core.dim_split": self.splits,
            "core.dim_rights_holder": self.holders,
            "core.dim_contract": self.contracts,
            "intermediate.int_finance__exchange_rates": [(*row, row[2]) for row in self.rates],
        }


class Royalties(Models):
    """The royalty models over worlds."""

    def __init__(self, **variables: Any) -> None:
        super().__init__(**variables)
        for table, columns in TABLES.items():
            self.connection.execute(f"create table {table} ({columns})")

    def make(self, world: World) -> None:
        """Everything, from a world and what is committed."""
        for table, rows in world.tables().items():
            self.connection.execute(f"truncate {table}")
            if rows:
                places = f"({', '.join('?' * len(rows[0]))})"
                values = [value for row in rows for value in row]
                self.connection.execute(f"insert into {table} values {', '.join([places] * len(rows))}", values)
        for name in MODELS:
            node = self.nodes[name]
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            if kind == "view" and name in self.made:
                continue
            self.made.add(name)
            self.connection.execute(f'create or replace {kind} {node["schema"]}."{name}" as {node["compiled_code"]}')

    def forget(self) -> None:
        """Nothing was ever committed."""
        for table in close_royalties.TABLES:
            self.connection.execute(f"truncate landing.nightshift__{table}")

    def close(self, month: date, day: date) -> None:
        """Commits a month, by the command's own queries."""
        for table, sql in close_royalties.ROWS.items():
            values = {name: value for name, value in (("month", month), ("day", day)) if f"${name}" in sql}
            self.connection.execute(f"create or replace temp table closing as {sql}", values)
            columns = [column.name for column in BACKENDS["nightshift"].tables[table].columns]
            event = BACKENDS["nightshift"].tables[table].event_at
            self.connection.execute(
                f"insert into landing.nightshift__{table} by name "
                f"select {', '.join(columns)}, {event} as _event_on from closing"
            )
        self.insert("nightshift.closed_months", [
            {"books": "royalties", "month": str(month), "closed_on": str(day), "content_hash": "h"}
        ])  # fmt: skip

    def table(self, name: str, columns: str = "*") -> list[tuple]:
        """A relation's rows, in the order of all their values."""
        return sorted(self.rows(f"select {columns} from {name}"), key=str)


def example() -> World:
    """docs/royalties.md: three listeners, four recordings of two holders each, one refund; the late play is separate."""
    day = date(2026, 1, 10)
    heard = {("ana", "r1"): 6, ("ana", "r2"): 2, ("ben", "r2"): 1, ("ben", "r3"): 1, ("cleo", "r4"): 1}
    halves: Mapping[str, Sequence[tuple[str, str]]] = {
        "r1": (("h1", "0.5"), ("h2", "0.5")), "r2": (("h1", "0.75"), ("h3", "0.25")),
        "r3": (("h2", "0.6"), ("h3", "0.4")), "r4": (("h1", "0.1"), ("h4", "0.9")),
    }  # fmt: skip
    begin = date(2020, 1, 1)
    return World(
        streams=[(day, who, "FR", "individual", False, what, n) for (who, what), n in heard.items()],
        revenue=[
            (day, "ana", "FR", "individual", "EUR", 1000), (day, "ben", "FR", "individual", "EUR", 1000),
            (date(2026, 1, 20), "ben", "FR", "individual", "EUR", -400), (day, "cleo", "FR", "individual", "EUR", 1000),
        ],
        tracks=[(f"r{n}", f"r{n}", "l1", f"FRXXX260000{n}", "2020-01-01 00:00:00") for n in range(1, 5)],
        splits=[
            (f"{recording}-{holder}", recording, holder, share, begin, None, begin)
            for recording, shares in halves.items() for holder, share in shares
        ],
        holders=[(f"h{n}", f"Holder {n}", "EUR", "5.00", "0.00", "0.000000") for n in range(1, 5)],
        contracts=[("c1", "l1", "WW", "ALL", "0.5", None, None, "pro_rata", True, "pro_rata", begin, None)],
    )  # fmt: skip


LATE_PLAY = (date(2026, 1, 31), "cleo", "FR", "individual", False, "r4", 1)
