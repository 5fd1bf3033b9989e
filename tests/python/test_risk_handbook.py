"""``evaluate fraud`` on transactions of others with the handbook's columns: all candidates, and the ceiling if told."""

from __future__ import annotations

import json

import duckdb
import pytest
from risk_world import ran

pytest.importorskip("lightgbm", reason="needs the training libraries")
pytestmark = pytest.mark.nightly

# 75 days, 150 customers; large amounts are frauds, and so is what happens at a terminal in its bad month.
TRANSACTIONS = """
    copy (
        with made as (
            select n as TRANSACTION_ID, timestamp '2024-03-01' + n * interval 290 second as TX_DATETIME,
                hash(n) % 150 as CUSTOMER_ID, hash(n, 1) % 40 as TERMINAL_ID,
                round(10 + (hash(n, 2) % 1000) / 10.0 + case when hash(n, 3) % 150 = 0 then 200 else 0 end, 2)
                    as TX_AMOUNT
            from range(22000) as numbers (n)
        ),
        told as (
            select *, case when TX_AMOUNT > 210 then 1
                when TERMINAL_ID < 3 and dayofyear(TX_DATETIME) % 60 between 20 and 48 then 2 else 0 end
                as TX_FRAUD_SCENARIO
            from made
        )
        select *, cast(TX_FRAUD_SCENARIO > 0 as integer) as TX_FRAUD from told
    ) to '{}' (format parquet)
"""
# An amount in a thousand is none, another is missing.
BROKEN = """
    copy (
        select * replace (
            case TRANSACTION_ID % 1000 when 7 then 'nan'::double when 8 then null else TX_AMOUNT::double end
                as TX_AMOUNT
        )
        from '{}'
    ) to '{}' (format parquet)
"""


def test_a_file_of_others_gives_the_table_of_all_candidates(tmp_path):
    file, figures = tmp_path / "transactions.parquet", tmp_path / "figures.json"
    duckdb.execute(TRANSACTIONS.format(file))
    command = ["evaluate", "fraud", "--transactions", str(file)]
    done = ran(tmp_path, *command, "--test-week", "2024-05-06", "--json", str(figures))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(figures.read_text())
    lines = {line["name"]: line for line in found["candidates"]}
    assert [name for name, line in lines.items() if line["shipped"]] == ["nightshift"]
    assert {"our_logistic_regression", "our_random_forest"} <= set(lines)
    measures = ("auc_roc", "average_precision", "card_precision@100")
    assert all(0 <= line[measure] <= 1 for line in lines.values() for measure in measures)
    assert lines["nightshift"]["auc_roc"] > 0.9 and lines["nightshift"]["average_precision"] > 0.8
    assert found["ceiling"]["frauds"] > 10 and "ceiling:" in done.stdout
    broken = tmp_path / "broken.parquet"
    duckdb.execute(BROKEN.format(file, broken))
    command[3] = str(broken)
    done = ran(tmp_path, *command, "--test-week", "2024-05-06", "--only", "nightshift", "--json", str(figures))
    assert done.returncode == 0 and "22 lines in quarantine: amount: not a decimal" in done.stdout
    (again,) = json.loads(figures.read_text())["candidates"]
    assert all(again[measure] > 0.8 * lines["nightshift"][measure] for measure in measures)
    strange = ran(tmp_path, *command, "--test-week", "2025-01-06")
    assert strange.returncode == 2 and "no week 2025-01-06" in strange.stderr
