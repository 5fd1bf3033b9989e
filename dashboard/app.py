"""The dashboard's frame: navigation, the night that is shown, and filters kept in the address. ``make dashboard``."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dashboard import data, look
from dashboard.data import Filters

PAGES = {
    "overview": "Overview",
    "revenue": "Revenue and subscriptions",
    "listening": "Listening",
    "artists": "Artists and royalties",
    "discovery": "Discovery",
    "risk": "Fraud and artificial streaming",
    "news": "Headlines and emails",
    "health": "Data health",
}


def main() -> None:
    """One run of the app: what Streamlit does at each view."""
    st.set_page_config(page_title="Nightshift", page_icon="🌙", layout="wide")
    if data.night() is None:
        st.title("Nothing is published yet")
        st.info("Run `make night`, then look again.")
        return
    page = st.navigation(
        [
            st.Page(f"views/{file}.py", title=title, url_path=file, default=file == "overview")
            for file, title in PAGES.items()
        ]
    )
    newest = data.read("select day from business.executive_summary_daily order by day desc limit 1")
    if newest.empty:
        st.title("The night is empty")
        st.info("Marts are published and have no rows: has anything landed? `./nightshift status` tells.")
        return
    st.session_state["filters"] = _filters(newest.day.iloc[0])
    st.session_state["page"], st.session_state["level"] = page.title, 2
    st.title(page.title)
    _state(data.night(), st.session_state["filters"])
    page.run()


def _filters(newest: date) -> Filters:
    """The sidebar's choices; each stands in the address, so a view can be sent to a colleague."""
    asked = st.query_params
    countries = data.read("select distinct country from business.subscriptions_daily order by all").country.tolist()
    plans = data.read("select distinct plan_code from business.subscriptions_daily order by all").plan_code.tolist()
    with st.sidebar:
        days = st.segmented_control(
            "Days", [7, 28, 90], default=_one(asked.get("days"), (7, 28, 90), 28), required=True
        )
        last = st.date_input("Up to", _day(asked.get("to"), newest), max_value=newest)
        chosen = st.multiselect("Countries", countries, [c for c in asked.get_all("country") if c in countries])
        kinds = st.multiselect("Plans", plans, [p for p in asked.get_all("plan") if p in plans])
        st.caption("Nothing chosen means all. Every number's definition is behind its question mark.")
    asked.from_dict({"days": str(days), "to": str(last), "country": chosen, "plan": kinds})
    return Filters(last - timedelta(days=days - 1), last, tuple(chosen), tuple(kinds))


def _one(text: str | None, known: tuple[int, ...], otherwise: int) -> int:
    return int(text) if text and text.isdigit() and int(text) in known else otherwise


def _day(text: str | None, newest: date) -> date:
    try:
        return min(date.fromisoformat(text or ""), newest)
    except ValueError:
        return newest


def _state(night: Path, filters: Filters) -> None:
    """What is looked at, of which night, and a warning if something of it is older than it should be."""
    of = [", ".join(chosen) if chosen else f"all {what}" for chosen, what in
          ((filters.countries, "countries"), (filters.plans, "plans"))]  # fmt: skip
    st.caption(f"{look.span(filters)} beside {look.span(filters.before)} · {' · '.join(of)} · Night {night.name}")
    if (days := data.age_days()) > 1:
        st.warning(f"This was published {days} days ago, and no night since. `./nightshift status` says why.")
    late = data.read(
        "select distinct domain, late_since, reason from operations.mart_health where is_late order by domain"
    )
    for row in late.itertuples():
        st.warning(f"{row.domain} is shown as of before {row.late_since}: {row.reason}")


main()
