"""Payments that fail or are fraud, and streams nobody listened to."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["payments", "decline_rate", "payment_fraud_rate", "artificial_share"], filters)
left, right = look.pair()
with left:
    look.trend("decline_rate", filters)
with right:
    look.trend("artificial_plays", filters)
left, right = look.pair()
with left:
    look.ranking("payment_fraud_rate", "country", filters)
with right:
    look.ranking("decline_rate", "country", filters)
look.section("How the fraud model does")
if data.has("risk.fct_model_quality"):
    rows = data.read("select * from risk.fct_model_quality order by all")
    look.table(rows, "risk.fct_model_quality", "By month and version", "What became of the payments it scored.")
else:
    look.empty("No model has scored payments yet.", "./nightshift train fraud && ./nightshift night")
look.section("Artificial streaming by artist")
if data.has("risk.rpt_artificial_streaming"):
    rows = data.read(
        "select * from risk.rpt_artificial_streaming order by month desc, streams_removed desc, artist_id limit 50"
    )
    look.table(rows, "risk.rpt_artificial_streaming", "Streams taken out", "Months and artists, most streams first.")
else:
    look.empty("No play is judged artificial yet.", "./nightshift judge && ./nightshift night")
