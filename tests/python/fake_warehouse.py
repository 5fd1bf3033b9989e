"""A warehouse as a build leaves it, written by hand in milliseconds: what the tests of publishing publish."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from scripts.build import REPORT
from scripts.warehouse import rows_hash, warehouse_file

TABLES = """
    create schema if not exists ops;
    create table if not exists ops.identity as select uuid() as id;
    create table if not exists ops.engines as select version() as version, 0 as since;
    create table if not exists ops.ledger (sequence bigint, relation varchar, model varchar, domain varchar, day date,
        logic_hash varchar, inputs varchar, output_hash varchar, row_count bigint, run_id varchar,
        recorded_at timestamp);
    create or replace view ops.fresh as
        select * from ops.ledger
        qualify row_number() over (partition by relation, day order by sequence desc) = 1;
    create table if not exists ops.domain_checks (domain varchar, ledger_sequence bigint, passed boolean,
        failures varchar, checked_at timestamp);
    create table if not exists ops.releases (domain varchar, sequence bigint, run_id varchar, released_at timestamp);
"""


class FakeWarehouse:
    """Marts of rows ``(day, amount, words)``: ``build`` writes them, their ledger and their domains' checks."""

    def __init__(self, home: Path, marts: dict[str, dict]):
        self.home = home
        self.marts = marts

    def build(self, night: str, rows: dict[str, list[tuple]], failed: dict[str, str] | None = None) -> None:
        """Bring the warehouse to ``night``; a mart not named in ``rows`` stays as it is."""
        warehouse_file()
        with duckdb.connect(str(warehouse_file())) as connection:
            connection.execute(TABLES)
            for key, wanted in rows.items():
                self._write(connection, key, wanted)
            newest = connection.execute("select coalesce(max(sequence), 0) from ops.ledger").fetchone()[0]
            for domain in {key.split(".")[0] for key in self.marts}:
                failure = (failed or {}).get(domain, "")
                connection.execute(
                    "insert into ops.domain_checks values (?, ?, ?, ?, now()::timestamp)",
                    [domain, newest, not failure, failure],
                )
            identity = str(connection.execute("select id from ops.identity").fetchone()[0])
        report = {
            "format": 1,
            "on": night,
            "identity": identity,
            "failed": [],
            "rebuilt": [],
            "marts": [self._described(key) for key in self.marts],
        }
        (self.home / "warehouse" / REPORT).write_text(json.dumps(report))

    def _write(self, connection: duckdb.DuckDBPyConnection, key: str, rows: list[tuple]) -> None:
        schema, name = key.split(".")
        by_day = self.marts[key].get("materialized", "by_day") == "by_day"
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create or replace table {key} (sold_on date, amount decimal(18,2), words varchar)")
        if rows:
            connection.executemany(f"insert into {key} values (?, ?, ?)", rows)
        columns = [("sold_on", "DATE"), ("amount", "DECIMAL(18,2)"), ("words", "VARCHAR")]
        day = "sold_on" if by_day else "cast(null as date)"
        connection.execute(f"""
            insert into ops.ledger
            select (select coalesce(max(sequence), 0) + 1 from ops.ledger), '{name}', '{name}', '{schema}', made.day,
                'logic', 'inputs', made.output_hash, made.row_count, 'run', now()::timestamp
            from (
                select {day} as day, {rows_hash(columns)} as output_hash, count(*) as row_count
                from {key} group by {day}
            ) as made
            left join ops.fresh on fresh.relation = '{name}' and fresh.day is not distinct from made.day
            where made.output_hash is distinct from fresh.output_hash
        """)

    def _described(self, key: str) -> dict:
        schema, name = key.split(".")
        found = {
            "name": name,
            "schema": schema,
            "domain": schema,
            "owner": "Somebody",
            "description": f"One row per {name}.",
            "columns": {"amount": "What it cost, in euro.", "sold_on": "", "words": "It's said."},
            "day": "sold_on",
            "unit": "day",
            "materialized": "by_day",
            "publish": "table",
            "audience": "everybody",
            "few_people": None,
            "grain": ["sold_on"],
            **self.marts[key],
        }
        if found["materialized"] != "by_day":
            found["day"] = None
        return found
