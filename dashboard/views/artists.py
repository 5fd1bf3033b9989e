"""Who is heard, and what royalties come to under either way of sharing."""

import streamlit as st

from dashboard import data, look

filters = st.session_state["filters"]
month = filters.last.replace(day=1)
look.month_tiles(["artist_saves", "artist_follows", "royalty_cost", "royalty_margin_rate"], filters)
top = data.read(
    "select artist_name, main_genre, streams, listener_days, saves, follows from business.artist_monthly "
    "where month = ? order by streams desc, artist_id limit 15",
    month,
)
words = f"business.artist_monthly, {month:%B %Y}: all countries and plans."
left, right = look.pair()
with left:
    look.ranked(top, "streams", "artist_name", f"Most streamed artists in {month:%B %Y}", words)
with right:
    look.table(top, "business.artist_monthly", f"The artists of {month:%B %Y}", words)
left, right = look.pair()
with left:
    look.ranking("artist_saves", "main_genre", filters, days=False)
with right:
    look.months("artist_follows", filters)
look.section("Royalties: pro-rata beside user-centric")
if data.has("royalties.royalties_monthly"):
    over = look.full_month(filters)
    left, right = look.pair()
    with left:
        look.beside(
            ["royalty_pools", "royalty_pools_pro_rata", "royalty_pools_user_centric"],
            "plan_code", filters, f"Pools of {over:%B %Y} by plan and method", over,
        )  # fmt: skip
    with right:
        look.months("royalty_suspended", filters)
    left, right = look.pair()
    with left:
        look.months("royalty_cost", filters)
    with right:
        look.months("royalty_margin_rate", filters)
else:
    look.empty("No royalties are allocated in what is published.", "./nightshift night")
