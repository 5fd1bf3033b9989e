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
    look.ranked(top, "streams", "artist_name", f"Most streamed, {month:%B %Y}", words)
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
    if data.has("royalties.rpt_artist_royalties"):
        largest = data.read(
            "select artist_name, pro_rata_eur, user_centric_eur from royalties.rpt_artist_royalties "
            "where royalty_month = ? and artist_name is not null order by pro_rata_eur desc, artist_id limit 12",
            over,
        )
        moved = data.read(
            "select artist_name, pro_rata_eur, user_centric_eur, user_centric_gain_eur "
            "from royalties.rpt_artist_royalties where royalty_month = ? and artist_name is not null "
            "order by abs(user_centric_gain_eur) desc, artist_id limit 12",
            over,
        )
        words = "royalties.rpt_artist_royalties: what an artist's recordings earn by either way of sharing, in euro."
        left, right = look.pair()
        with left:
            look.compared(
                largest, {"pro_rata_eur": "pro-rata", "user_centric_eur": "user-centric"}, "artist_name",
                f"Artists by method, {over:%B %Y}", words,
            )  # fmt: skip
        with right:
            look.table(moved, "royalties.rpt_artist_royalties", f"Who gains or loses most, {over:%B %Y}", words)
    left, right = look.pair()
    with left:
        look.beside(
            ["royalty_pools", "royalty_pools_pro_rata", "royalty_pools_user_centric"],
            "plan_code", filters, f"Pools by plan, {over:%B %Y}", over,
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
