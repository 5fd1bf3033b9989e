"""How people find what they hear, and what they look for in vain."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["recommendation_share", "search_share", "searches", "search_failure_rate"], filters)
left, right = st.columns(2)
with left:
    share = data.ask(["recommendation_share"], ["day"], filters)
    look.lines(share, "day", "recommendation_share")
    by_plan = data.ask(["recommendation_share"], ["plan_code"], filters)
    look.bars(by_plan, "recommendation_share", "plan_code")
with right:
    look.lines(data.ask(["search_failure_rate"], ["day"], filters), "day", "search_failure_rate")
    gaps = data.read(
        "select query, country, searches, searches_without_result from business.content_gaps_monthly "
        "where month = ? and query <> '(rare)' and searches_without_result > 0 "
        "order by searches_without_result desc, query, country limit 20",
        filters.last.replace(day=1),
    )
    st.markdown("##### Searched for in vain", help="business.content_gaps_monthly: texts five or more looked for.")
    if gaps.empty:
        st.info("Nothing that five or more people of a country looked for in the month was missing.")
    else:
        st.dataframe(gaps, hide_index=True, width="stretch")
