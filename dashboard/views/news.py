"""The newest edition, and what became of mails."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
st.markdown("##### Headlines")
if data.has("news.fct_headlines"):
    rows = data.read(
        "select rank, title, outlet, section, reason_text from news.fct_headlines where edition = 'world' "
        "and edition_at = (select max(edition_at) from news.fct_headlines) order by rank limit 20"
    )
    st.dataframe(rows, hide_index=True, width="stretch")
else:
    look.empty("No edition is in what is published.", "make hour")
st.markdown("##### Campaigns")
if data.has("engagement.rpt_campaign_outcomes"):
    look.tiles(["emails", "email_conversion_rate", "email_holdout_conversion_rate", "email_uplift"], filters)
    st.caption("What came of each campaign, beside those held out; the difference with its 95 % interval.")
    rows = data.read("select * from engagement.rpt_campaign_outcomes order by first_on desc, campaign, period limit 50")
    st.dataframe(rows, hide_index=True, width="stretch")
if data.has("engagement.rpt_campaign_audience"):
    st.caption("Who is written to next, and why the others are not.")
    rows = data.ask(["mail_audience"], ["campaign", "outcome"], filters, days=False)
    st.dataframe(rows, hide_index=True, width="stretch")
else:
    look.empty("No campaign has an audience yet.", "./nightshift night")
