"""Who is heard, and what royalties come to under either way of sharing."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
month = filters.last.replace(day=1)
top = data.read(
    "select artist_name, main_genre, streams, listener_days, saves, follows from business.artist_monthly "
    "where month = ? order by streams desc, artist_id limit 15",
    month,
)
left, right = st.columns(2)
with left:
    words = f"business.artist_monthly, {month:%B %Y}: streams of the month, all countries and plans."
    look.ranked(top, "streams", "artist_name", f"Most streamed artists in {month:%B %Y}", words)
with right:
    look.bars(data.ask(["artist_saves"], ["main_genre"], filters, days=False), "artist_saves", "main_genre")
    look.lines(data.ask(["artist_follows"], ["month"], filters, days=False), "month", "artist_follows")
st.markdown("##### The month's artists")
st.dataframe(top, hide_index=True, width="stretch")
st.markdown("##### Royalties: pro-rata beside user-centric")
if data.has("royalties.fct_pools"):
    pools = data.read(
        "select plan_code, currency, cast(sum(pool_amount) as double) as pool, "
        "cast(sum(pro_rata_amount) as double) as pro_rata, cast(sum(user_centric_amount) as double) as user_centric, "
        "cast(sum(paid_amount) as double) as paid, cast(sum(suspended_amount) as double) as suspended "
        "from royalties.fct_pools where royalty_month = ? group by all order by pool desc",
        month,
    )
    st.caption("royalties.fct_pools: what goes to payees of the month under either method, by plan and currency.")
    st.dataframe(pools, hide_index=True, width="stretch")
else:
    look.empty("No royalties are allocated in what is published.", "./nightshift night")
