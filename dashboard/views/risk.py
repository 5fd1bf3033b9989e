"""Payments that fail or are fraud, and streams nobody listened to."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["payments", "decline_rate", "payment_fraud_rate", "artificial_plays", "artificial_share"], filters)
left, right = st.columns(2)
with left:
    look.lines(data.ask(["decline_rate"], ["day"], filters), "day", "decline_rate")
    look.bars(data.ask(["payment_fraud_rate"], ["country"], filters), "payment_fraud_rate", "country")
with right:
    look.lines(data.ask(["artificial_share"], ["day"], filters), "day", "artificial_share")
st.markdown("##### How the fraud model does")
if data.has("risk.fct_model_quality"):
    st.dataframe(data.read("select * from risk.fct_model_quality order by all"), hide_index=True, width="stretch")
else:
    look.empty("No model has scored payments yet.", "./nightshift train fraud && ./nightshift night")
st.markdown("##### Artificial streaming by artist")
if data.has("risk.rpt_artificial_streaming"):
    rows = data.read("select * from risk.rpt_artificial_streaming order by all limit 50")
    st.dataframe(rows, hide_index=True, width="stretch")
else:
    look.empty("No play is judged artificial yet.", "./nightshift judge && ./nightshift night")
