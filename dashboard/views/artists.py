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
if data.has("royalties.royalties_monthly"):
    left, right = st.columns(2)
    with left:
        look.lines(data.ask(["royalty_cost"], ["month"], filters, days=False), "month", "royalty_cost")
        look.lines(data.ask(["royalty_margin_rate"], ["month"], filters, days=False), "month", "royalty_margin_rate")
    with right:
        st.caption(f"Pools of {month:%B %Y} in euro under the contracts and under either method, by plan.")
        pools = data.ask(
            ["royalty_pools", "royalty_pools_pro_rata", "royalty_pools_user_centric", "royalty_suspended"],
            ["plan_code"], filters, month=month,
        )  # fmt: skip
        st.dataframe(pools, hide_index=True, width="stretch")
else:
    look.empty("No royalties are allocated in what is published.", "./nightshift night")
