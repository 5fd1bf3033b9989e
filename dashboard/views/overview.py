"""How the business is: money, members and listening on one page."""

import streamlit as st

from dashboard import look

filters = st.session_state["filters"]
look.tiles(["total_revenue", "paying_members", "trial_members", "arpu"], filters)
look.tiles(["streams", "monthly_active_listeners", "stickiness", "recommendation_share"], filters)
left, right = look.pair()
with left:
    look.trend("net_revenue", filters)
with right:
    look.trend("streams", filters)
left, right = look.pair()
with left:
    look.trend("paying_members", filters)
with right:
    look.trend("daily_active_listeners", filters)
