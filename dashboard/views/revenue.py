"""Where money comes from, who comes and who goes."""

import streamlit as st

from dashboard import look

filters = st.session_state["filters"]
look.tiles(["net_revenue", "advertising_revenue", "subscriptions_started", "subscriptions_ended"], filters)
left, right = look.pair()
with left:
    look.trend("net_revenue", filters)
with right:
    look.split("members", "plan_code", filters)
left, right = look.pair()
with left:
    look.ranking("net_revenue", "country", filters)
with right:
    look.ranking("net_revenue", "plan_code", filters)
left, right = look.pair()
with left:
    look.months("churn_rate", filters, "plan_code")
with right:
    look.months("retention_rate", filters)
look.ranking("trial_conversion_rate", "acquisition_channel", filters, days=False)
