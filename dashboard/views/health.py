"""Whether the data can be trusted tonight: runs and what they cost, tests, freshness, quarantine, what each mart is."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
marts = data.read(
    "select mart, domain, owner, row_count, changed_run, is_late, reason from operations.mart_health "
    "order by is_late desc, mart"
)
late = data.read("select mart from operations.mart_health where is_late")
runs = data.read(
    "select logical_on, outcome, seconds, peak_memory_bytes, rows_landed, rows_refused, days_built, published_run, "
    "run_id from operations.fct_runs order by started_at desc limit 30"
)
newest = runs.run_id.iloc[0] if len(runs) else ""
tests = data.read("select test from operations.fct_test_results where run_id = ?", newest)
failed = data.read("select test from operations.fct_test_results where run_id = ? and status <> 'pass'", newest)
first, second, third, fourth = st.columns(4)
first.metric("Marts", len(marts), border=True, help="operations.mart_health: what tonight's files hold.")
words = "Marts whose newest version failed its tests; the last good one is shown."
second.metric("Late", len(late), border=True, help=words)
words = "operations.fct_test_results: tests of the newest run on record that did not pass."
third.metric("Tests not passed", f"{len(failed)} of {len(tests)}", border=True, help=words)
with fourth:
    look.total("rows_quarantined")
look.section("Runs and what they cost", "A run is on record from the night after it.")
if len(runs):
    steps = data.read(
        "select run_id, step, seconds, peak_memory_bytes from operations.fct_steps order by run_id desc, started_at "
        "limit 100"
    )
    costly = data.read(
        "select model, kind, domain, seconds, rows_written, days_written from operations.fct_model_runs "
        "where run_id = ? order by seconds desc, model limit 12",
        newest,
    )
    left, right = look.pair()
    with left:
        words = "operations.fct_steps: seconds of each step, newest run first."
        look.stacked(steps, "seconds", "run_id", "step", "Seconds of a run by step", words)
    with right:
        words = f"operations.fct_model_runs, run {newest}: seconds."
        look.ranked(costly, "seconds", "model", "What the newest run spent most on", words)
    look.table(runs, "operations.fct_runs", "Runs", "Newest first: how each ended, how long it took, what it brought.")
else:
    look.empty("No run is on record yet.", "./nightshift night")
wrong = data.read(
    "select logical_on, test, model, status, failures, message from operations.fct_test_results "
    "where status <> 'pass' order by started_at desc, test limit 50"
)
if len(wrong):
    look.table(wrong, "operations.fct_test_results", "Tests that did not pass", "Newest first, of all runs on record.")
else:
    st.success("Every test of every run on record has passed.")
look.section("Freshness and quarantine")
left, right = look.pair()
with left:
    words = "Tonight's marts; what is late comes first, with the reason."
    look.table(marts, "operations.mart_health", "Marts", words, height=420)
with right:
    rows = data.read(
        "select arrived_on, backend, table_name, layer, reason, rows_quarantined, rows_arrived "
        "from operations.fct_quarantine order by arrived_on desc, backend, table_name, reason limit 100"
    )
    look.table(
        rows, "operations.fct_quarantine", "Quarantine", "Newest first; nothing is dropped silently.", height=420
    )
if data.has("operations.rpt_source_freshness"):
    sources = data.read(
        "select backend, table_name, last_arrived_on, days_ago, usual_days, is_overdue, last_rows "
        "from operations.rpt_source_freshness order by is_overdue desc, days_ago desc, backend, table_name"
    )
    words = "When each table of a backend came last; those that let wait longer than usual come first."
    look.table(sources, "operations.rpt_source_freshness", "Sources", words, height=420)
alarms = data.read("select * from operations.fct_anomalies order by arrived_on desc, backend, table_name limit 50")
if len(alarms):
    look.table(
        alarms, "operations.fct_anomalies", "Dumps that look unlike themselves", "Measures far from the expected."
    )
look.section("What a column means")
words = st.text_input("Search the dictionary", placeholder="churn, royalty, listeners …")
found = data.read(
    "select mart_schema, mart_name, column_name, meaning, unit, owner, grain from business.data_dictionary "
    "where mart_name ilike $1 or column_name ilike $1 or meaning ilike $1 order by all limit 50",
    f"%{words}%",
)
look.table(found, "business.data_dictionary", "Dictionary", "Every column of every mart: meaning, unit, owner, grain.")
