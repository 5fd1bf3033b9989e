"""How much is heard, by whom and when."""

import streamlit as st

from dashboard import look

filters = st.session_state["filters"]
look.tiles(["streams", "listening_hours", "daily_active_listeners", "weekly_active_listeners"], filters)
left, right = look.pair()
with left:
    look.trend("streams", filters)
with right:
    look.trend("weekly_active_listeners", filters)
left, right = look.pair()
with left:
    look.ranking("streams", "country", filters)
with right:
    look.ranking("streams", "context", filters, "Streams by where they began")
left, right = look.pair()
with left:
    look.split("streams", "plan_code", filters)
with right:
    look.ranking("country_weekly_active_listeners", "country", filters, "Weekly listeners by country")
