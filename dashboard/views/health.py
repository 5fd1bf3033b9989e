"""Whether the data can be trusted tonight: freshness, quarantine, what each mart is."""

import streamlit as st

from dashboard import data, look

marts = data.read(
    "select mart, domain, owner, row_count, changed_run, is_late, reason from operations.mart_health order by all"
)
late = data.read("select mart from operations.mart_health where is_late")
first, second, third = st.columns(3)
first.metric("Marts", len(marts), border=True, help="operations.mart_health: what tonight's files hold.")
second.metric(
    "Late",
    len(late),
    border=True,
    help="Marts whose newest version failed its tests; the last good one is shown.",
)
with third:
    look.total("rows_quarantined")
left, right = st.columns(2)
with left:
    st.markdown("##### Marts")
    st.dataframe(marts, hide_index=True, width="stretch", height=420)
with right:
    st.markdown("##### Quarantine, newest first")
    rows = data.read(
        "select arrived_on, backend, table_name, layer, reason, rows_quarantined, rows_arrived "
        "from operations.fct_quarantine order by arrived_on desc, backend, table_name, reason limit 100"
    )
    st.dataframe(rows, hide_index=True, width="stretch", height=420)
st.markdown("##### What a column means")
words = st.text_input("Search the dictionary", placeholder="churn, royalty, listeners …")
found = data.read(
    "select mart_schema, mart_name, column_name, meaning, unit, owner, grain from business.data_dictionary "
    "where mart_name ilike $1 or column_name ilike $1 or meaning ilike $1 order by all limit 50",
    f"%{words}%",
)
st.dataframe(found, hide_index=True, width="stretch")
