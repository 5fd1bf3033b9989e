"""The newest edition, and what became of mails."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
look.section("Headlines")
if data.has("news.fct_headlines"):
    rows = data.read(
        "select rank, title, outlet, section, reason_text from news.fct_headlines where edition = 'world' "
        "and edition_at = (select max(edition_at) from news.fct_headlines) order by rank limit 20"
    )
    look.table(rows, "news.fct_headlines", "The newest edition, world", "As it was published, with its reasons.")
else:
    look.empty("No edition is in what is published.", "make hour")
look.section("Campaigns")
if data.has("engagement.rpt_campaign_outcomes"):
    look.tiles(["emails", "email_conversion_rate", "email_holdout_conversion_rate", "email_uplift"], filters)
    rows = data.read("select * from engagement.rpt_campaign_outcomes order by first_on desc, campaign, period limit 50")
    words = "Each campaign beside those held out; the difference with its 95 % interval."
    look.table(rows, "engagement.rpt_campaign_outcomes", "What came of them", words)
else:
    look.empty("No mail has been sent yet.", "./nightshift deliver && ./nightshift night")
if data.has("engagement.rpt_campaign_audience"):
    rows = data.ask(["mail_audience"], ["campaign", "outcome"], filters, days=False)
    words = "Members as the campaigns that are due see them, and why the others are not written to."
    look.table(rows, "engagement.rpt_campaign_audience", "Who is written to next", words)
else:
    look.empty("No campaign has an audience yet.", "./nightshift night")
