"""The features of all card transactions: the handbook's way in pandas beside the product's SQL, in one run.

    python -m scripts.bench.fraud_features [--transactions FILE.parquet] [--keep]

pandas does what the handbook's chapter 3 writes: a loop over customers and one over terminals, in each a rolling sum
and count for every window (its fifteen features). The SQL is that of risk.fct_payment_features as dbt compiles it, over
the same rows in memory: once only those fifteen, once all that the product has (some fifty). The fifteen are compared.
For the fifteen alone the windows of the others are taken out of the SQL: DuckDB computes what nobody reads, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import duckdb
import numpy as np
import pandas as pd
import sqlglot
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify

from scripts.bench.page import keep
from scripts.evaluate import HANDBOOK, TRANSACTIONS
from scripts.home import PROJECT
from scripts.models.handbook import BOOK, DELAY

WINDOWS = (1, 7, 30)


def of_customer(own: pd.DataFrame) -> pd.DataFrame:
    """Counts and mean amounts of one customer, as the handbook's get_customer_spending_behaviour_features."""
    own = own.sort_values("TX_DATETIME")
    own.index = own.TX_DATETIME
    for days in WINDOWS:
        total = own["TX_AMOUNT"].rolling(f"{days}D").sum()
        number = own["TX_AMOUNT"].rolling(f"{days}D").count()
        own[f"account_count_{days}d"] = list(number)
        own[f"account_mean_amount_{days}d"] = list(total / number)
    own.index = own.TRANSACTION_ID
    return own


def of_terminal(own: pd.DataFrame) -> pd.DataFrame:
    """Counts and risk of one terminal, as the handbook's get_count_risk_rolling_window."""
    own = own.sort_values("TX_DATETIME")
    own.index = own.TX_DATETIME
    frauds_delay = own["TX_FRAUD"].rolling(f"{DELAY}D").sum()
    number_delay = own["TX_FRAUD"].rolling(f"{DELAY}D").count()
    for days in WINDOWS:
        frauds = own["TX_FRAUD"].rolling(f"{DELAY + days}D").sum() - frauds_delay
        number = own["TX_FRAUD"].rolling(f"{DELAY + days}D").count() - number_delay
        own[f"terminal_settled_{days}d"] = list(number)
        own[f"terminal_risk_{days}d"] = list(frauds / number)
    own.index = own.TRANSACTION_ID
    return own.fillna(0)


def in_pandas(transactions: pd.DataFrame) -> pd.DataFrame:
    """The handbook's fifteen features its way."""
    made = transactions.copy()
    made["is_weekend"] = made.TX_DATETIME.apply(lambda at: int(at.weekday() >= 5))
    made["is_night"] = made.TX_DATETIME.apply(lambda at: int(at.hour <= 6))
    made = pd.concat([of_customer(own) for _, own in made.groupby("CUSTOMER_ID")])
    made = made.reset_index(drop=True)
    made = pd.concat([of_terminal(own) for _, own in made.groupby("TERMINAL_ID")]).reset_index(drop=True)
    return made.rename(columns={"TX_AMOUNT": "amount"}).sort_values("TRANSACTION_ID").reset_index(drop=True)


def compiled() -> str:
    """The SQL of risk.fct_payment_features in the handbook's project."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "target"
        (Path(folder) / "dev").mkdir()
        command = [
            str(Path(sys.executable).with_name("dbt")),
            "--quiet",
            "compile",
            "--select",
            "+fct_payment_features",
        ]
        subprocess.run(
            [*command, "--profiles-dir", str(HANDBOOK), "--target-path", str(target), "--log-path", folder],
            cwd=HANDBOOK, env={**os.environ, "NIGHTSHIFT_HOME": folder}, check=True, capture_output=True,
        )  # fmt: skip
        nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    return nodes["model.fraud_handbook.fct_payment_features"]["compiled_code"].replace('"warehouse".', "")


def alone(sql: str, columns: Sequence[str], connection: duckdb.DuckDBPyConnection) -> str:
    """The same SQL with only what these columns are made of."""
    tables = {
        table: {row[0]: row[1] for row in connection.execute(f"describe intermediate.{table}").fetchall()}
        for table in ("int_risk__payments", "int_risk__labels")
    }
    asked = sqlglot.parse_one(f"select {', '.join(columns)} from ({sql}) as features", read="duckdb")
    whole = qualify(asked, schema={"intermediate": tables}, dialect="duckdb")
    return pushdown_projections(whole).sql(dialect="duckdb")


PAYMENTS = """
    create table intermediate.int_risk__payments as
    select cast(TRANSACTION_ID as varchar) as payment_id, cast(CUSTOMER_ID as varchar) as account_id,
        cast(TERMINAL_ID as varchar) as terminal_id, cast(null as varchar) as card_id,
        cast(null as varchar) as device_id,
        cast(null as varchar) as country, cast(null as varchar) as card_country, 1 as attempt, 'EUR' as currency,
        cast(TX_AMOUNT as decimal(18, 2)) as amount, false as is_declined, TX_DATETIME as paid_at,
        cast(TX_DATETIME as date) as paid_on, TX_DATETIME as knowable_at
    from read_parquet($file)
"""
LABELS = f"""
    create table intermediate.int_risk__labels as
    select payment_id, true as is_fraud, paid_at + interval {DELAY} day as known_at,
        cast(paid_at + interval {DELAY} day as date) as known_on, paid_at + interval {DELAY} day as knowable_at
    from intermediate.int_risk__payments
    semi join (
        select cast(TRANSACTION_ID as varchar) as payment_id from read_parquet($file) where TX_FRAUD = 1
    ) as frauds using (payment_id)
"""


@click.command()
@click.option("--transactions", type=click.Path(path_type=Path, exists=True), default=PROJECT / TRANSACTIONS)
@click.option("--threads", default=2, show_default=True, help="Threads of DuckDB; pandas has one.")
@click.option("--keep", "may_keep", is_flag=True, help="Keep the figures for docs/performance.md.")
def main(transactions: Path, threads: int, may_keep: bool) -> None:
    """Time both on all transactions and compare what comes out."""
    sql = compiled()
    seconds = {}
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute("create schema intermediate")
        for statement in (PAYMENTS, LABELS):
            connection.execute(statement, {"file": str(transactions)})
        for name, asked in (("sql_fifteen", alone(sql, ("payment_id", *BOOK), connection)), ("sql_all", sql)):
            began = time.perf_counter()
            connection.execute(f"create or replace table {name} as {asked}")
            seconds[name] = time.perf_counter() - began
            print(f"{name:<12} {seconds[name]:7.1f} s", flush=True)
        ours = connection.execute("select * from sql_fifteen order by cast(payment_id as bigint)").df()
        # all that is not an id or a time of the payment itself
        width = len(connection.execute("describe sql_all").fetchall()) - 5
    table = pd.read_parquet(transactions).drop(columns="TX_FRAUD_SCENARIO", errors="ignore")
    began = time.perf_counter()
    book = in_pandas(table)
    seconds["pandas"] = time.perf_counter() - began
    print(f"{'pandas':<12} {seconds['pandas']:7.1f} s", flush=True)
    unlike = {
        name: int((~np.isclose(ours[name].astype(float), book[name].astype(float), atol=1e-5)).sum()) for name in BOOK
    }
    for name in ("sql_fifteen", "sql_all"):
        print(f"pandas takes {seconds['pandas'] / seconds[name]:.1f} times as long as {name}")
    where = ", ".join(f"{name} {number:,}" for name, number in unlike.items() if number)
    print(f"values that differ: {sum(unlike.values()):,} of {len(ours) * len(BOOK):,}{f' ({where})' if where else ''}")
    if may_keep:
        kept = {name: round(value, 2) for name, value in seconds.items()}
        columns = {"sql_fifteen": len(BOOK), "sql_all": width, "pandas": len(BOOK)}
        figures = {"rows": len(ours), "threads": threads, "seconds": kept, "differ": unlike, "columns": columns}
        keep("fraud_features", figures)


if __name__ == "__main__":
    main()
