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
    rows = data.read(
        "select month, model_version, payments, approval_rate, precision_so_far, recall_so_far, settled, frauds, "
        "frauds_caught, mean_score, fraud_rate from risk.fct_model_quality order by month desc, model_version desc"
    )
    words = "What became of the payments it scored, newest month first; precision and recall as labels come in."
    look.table(rows, "risk.fct_model_quality", "By month and version", words)
    shadow = data.read(
        "select paid_on, payments, alike, stopped, champion_would_stop, frauds, frauds_caught, champion_would_catch, "
        "decided_by, champion from risk.rpt_champion_shadow order by paid_on desc, decided_by"
    )
    words = "Days of four weeks, newest first: what was done, and what tonight's champion would have done."
    look.table(shadow, "risk.rpt_champion_shadow", "Beside tonight's champion", words)
    moved = data.read(
        "select month, feature, stability_index, missing_share, payments, model_version from risk.fct_feature_drift "
        "order by month desc, stability_index desc, feature, model_version limit 50"
    )
    words = "Newest month first, most moved first; above 0.25 a model should be trained anew."
    look.table(moved, "risk.fct_feature_drift", "What is distributed otherwise than in training", words)
    if data.has("risk.fct_model_calibration"):
        bands = data.read(
            "select score_from, payments, frauds, mean_score, fraud_rate, model_version "
            "from risk.fct_model_calibration order by model_version desc, score_from"
        )
        words = "Of payments with a score from here up to the next band, the mean score and the share that were frauds."
        look.table(bands, "risk.fct_model_calibration", "Whether a chance is what it says", words)
    else:
        st.info("Whether a chance is what it says shows once labels have had their 30 days.")
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
