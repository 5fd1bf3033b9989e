"""How people find what they hear, and what they look for in vain."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.tiles(["recommendation_share", "search_share", "searches", "search_failure_rate"], filters)
left, right = look.pair()
with left:
    look.trend("recommendation_share", filters)
with right:
    look.trend("search_failure_rate", filters)
left, right = look.pair()
with left:
    look.ranking("recommendation_share", "plan_code", filters)
with right:
    look.ranking("search_share", "country", filters)
gaps = data.read(
    "select query, country, searches, searches_without_result from business.content_gaps_monthly "
    "where month = ? and query <> '(rare)' and searches_without_result > 0 "
    "order by searches_without_result desc, query, country limit 20",
    filters.last.replace(day=1),
)
words = "business.content_gaps_monthly: texts that five or more people of a country looked for in the month."
left, right = look.pair()
with left:
    look.table(gaps, "business.content_gaps_monthly", "Searched for in vain", words)
with right:
    if data.has("business.story_gaps_monthly"):
        stories = data.read(
            "select section, language, articles, articles_not_shown, articles_not_opened "
            "from business.story_gaps_monthly where month = ? "
            "order by articles_not_opened desc, section, language limit 20",
            filters.last.replace(day=1),
        )
        words = "business.story_gaps_monthly: articles of the month that nobody was shown, or nobody opened."
        look.table(stories, "business.story_gaps_monthly", "Stories without a reader", words)
    else:
        look.empty("No stories are counted in what is published.", "./nightshift night")
