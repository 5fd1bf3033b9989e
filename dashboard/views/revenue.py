"""Where money comes from, who comes and who goes."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["net_revenue", "advertising_revenue", "subscriptions_started", "subscriptions_ended"], filters)
left, right = st.columns(2)
with left:
    look.lines(data.ask(["net_revenue"], ["day", "plan_code"], filters), "day", "net_revenue", "plan_code")
    look.bars(data.ask(["net_revenue"], ["country"], filters), "net_revenue", "country")
    look.lines(data.ask(["retention_rate"], ["month"], filters, days=False), "month", "retention_rate")
with right:
    look.lines(data.ask(["members"], ["day", "plan_code"], filters), "day", "members", "plan_code")
    churn = data.ask(["churn_rate"], ["month", "plan_code"], filters, days=False).dropna()
    look.lines(churn, "month", "churn_rate", "plan_code")
    conversion = data.ask(["trial_conversion_rate"], ["acquisition_channel"], filters, days=False).dropna()
    look.bars(conversion, "trial_conversion_rate", "acquisition_channel")
