"""The newest edition, and what became of mails."""

import streamlit as st

from dashboard import data, look

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
if data.has("engagement.rpt_campaign_results"):
    rows = data.read("select * from engagement.rpt_campaign_results order by all limit 50")
    st.dataframe(rows, hide_index=True, width="stretch")
elif data.has("engagement.rpt_campaign_audience"):
    rows = data.read("select * from engagement.rpt_campaign_audience order by all limit 50")
    st.dataframe(rows, hide_index=True, width="stretch")
else:
    look.empty("No campaign has an audience yet.", "./nightshift night")
