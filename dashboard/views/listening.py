"""How much is heard, by whom and when."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["streams", "listening_hours", "daily_active_listeners", "weekly_active_listeners"], filters)
left, right = st.columns(2)
with left:
    look.lines(data.ask(["streams"], ["day", "plan_code"], filters), "day", "streams", "plan_code")
    look.bars(data.ask(["streams"], ["country"], filters), "streams", "country")
with right:
    look.lines(data.ask(["weekly_active_listeners"], ["day"], filters), "day", "weekly_active_listeners")
    look.bars(
        data.ask(["streams"], ["context"], filters), "streams", "context", "Streams by what they were started from"
    )
