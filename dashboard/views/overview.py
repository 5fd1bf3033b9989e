"""How the business is: money, members and listening on one page."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["total_revenue", "paying_members", "trial_members", "arpu"], filters)
look.tiles(["streams", "monthly_active_listeners", "stickiness", "recommendation_share"], filters)
left, right = st.columns(2)
with left:
    look.lines(data.ask(["net_revenue"], ["day"], filters), "day", "net_revenue")
    look.lines(data.ask(["paying_members"], ["day"], filters), "day", "paying_members")
with right:
    look.lines(data.ask(["streams"], ["day"], filters), "day", "streams")
    look.lines(data.ask(["daily_active_listeners"], ["day"], filters), "day", "daily_active_listeners")
