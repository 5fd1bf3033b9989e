"""How things look: one palette that colour-blind readers can tell apart, charts and tiles with their definitions."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.data import Filters

# Okabe and Ito's colours, which the usual kinds of colour blindness tell apart; the yellow is left out on white.
SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d"]
HEIGHT = 260
# Metrics of which less is better: their rise is shown in the colour of bad news.
WORSE = {
    "subscriptions_ended", "churn_rate", "churned_members", "search_failure_rate", "searches_without_result",
    "decline_rate", "payments_declined", "payment_fraud_rate", "fraud_reports", "artificial_plays",
    "artificial_share", "refunds",
}  # fmt: skip


def number(value: float | None, unit: str) -> str:
    """A number as people read it: 12.4k, 7.3 %, €1.2M."""
    if value is None or pd.isna(value):
        return "–"
    if unit == "share":
        return f"{value:.1%}"
    sign = "€" if unit == "EUR" else ""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            divisor = 1e3 if letter == "k" else size
            return f"{sign}{value / divisor:,.1f}{letter}"
    return f"{sign}{value:,.2f}" if unit == "EUR" or value != int(value) else f"{value:,.0f}"


def tiles(names: Sequence[str], filters: Filters) -> None:
    """One tile a metric: its value in the period, beside the period before, its definition behind the question mark."""
    for column, name in zip(st.columns(len(names)), names, strict=True):
        about = data.metric(name)
        now, before = (_value(name, period) for period in (filters, filters.before))
        change = None
        if now is not None and before:
            points = about.unit == "share"
            change = f"{(now - before) * 100:+.1f} points" if points else f"{now / before - 1:+.1%}"
        note = "" if data.heeds(name, filters) else " The chosen country or plan does not apply to it."
        column.metric(
            about.label,
            number(now, about.unit),
            change,
            help=f"{about.description} Unit: {about.unit}. Owner: {about.owner}. Beside the period before.{note}",
            delta_color="inverse" if name in WORSE else "normal",
            border=True,
        )


def total(name: str) -> None:
    """A tile of a metric over all there is."""
    about = data.metric(name)
    found = data.ask([name])
    value = found[name].iloc[0] if len(found) else None
    words = f"{about.description} Unit: {about.unit}. Owner: {about.owner}."
    st.metric(about.label, number(value, about.unit), help=words, border=True)


def _value(name: str, filters: Filters) -> float | None:
    found = data.ask([name], (), filters)
    value = found[name].iloc[0] if len(found) else None
    return None if value is None or pd.isna(value) else float(value)


def lines(frame: pd.DataFrame, over: str, name: str, by: str | None = None) -> None:
    """A metric over time, one line a value of ``by`` (the seven largest)."""
    about = data.metric(name)
    kept = _largest(frame, by, name) if by else frame
    axis = alt.Axis(format="%" if about.unit == "share" else ",.3~s", title=None, tickCount=5)
    cut = [by] if by else []
    chart = (
        alt.Chart(kept.assign(**{over: pd.to_datetime(kept[over])}))
        .mark_line(point=len(kept[over].unique()) < 40, strokeWidth=2)
        .encode(
            x=alt.X(f"{over}:T", title=None, axis=alt.Axis(format="%-d %b", tickCount=6, grid=False)),
            y=alt.Y(f"{name}:Q", axis=axis, scale=alt.Scale(zero=about.unit != "people")),
            tooltip=[alt.Tooltip(f"{over}:T", title=over), *cut, alt.Tooltip(f"{name}:Q", format=",.4~f")],
            color=_colour(by) if by else alt.value(SERIES[0]),
        )
    )
    show(chart, about.label, kept, f"{about.description} Unit: {about.unit}. Owner: {about.owner}.")


def bars(frame: pd.DataFrame, name: str, by: str, title: str | None = None, top: int = 12) -> None:
    """A metric by a dimension, largest first."""
    about = data.metric(name)
    kept = frame.nlargest(top, name)
    _bars(kept, name, by, title or f"{about.label} by {by.replace('_code', '').replace('_', ' ')}", about.unit,
          f"{about.description} Unit: {about.unit}. Owner: {about.owner}.")  # fmt: skip


def ranked(frame: pd.DataFrame, value: str, label: str, title: str, words: str) -> None:
    """Columns of a mart as bars in the order of the rows."""
    _bars(frame, value, label, title, "", words)


def _bars(kept: pd.DataFrame, value: str, label: str, title: str, unit: str, words: str) -> None:
    axis = alt.Axis(format="%" if unit == "share" else ",.3~s", title=None, tickCount=5)
    chart = (
        alt.Chart(kept)
        .mark_bar(color=SERIES[0], cornerRadiusEnd=2)
        .encode(
            x=alt.X(f"{value}:Q", axis=axis),
            y=alt.Y(f"{label}:N", sort=None, title=None, axis=alt.Axis(labelLimit=170)),
            tooltip=[label, alt.Tooltip(f"{value}:Q", format=",.4~f")],
        )
    )
    show(chart, title, kept, words, height=max(120, 24 * len(kept) + 30))


def show(chart: alt.Chart, title: str, frame: pd.DataFrame, words: str, height: int = HEIGHT) -> None:
    """A chart under its title, with what it says in words and its rows to take away."""
    st.markdown(f"##### {title}", help=words)
    if frame.empty:
        st.info("Nothing for this choice of days, countries and plans.")
        return
    st.altair_chart(
        chart.properties(height=height).configure_view(stroke=None).configure_axis(labelFontSize=12, domain=False),
        width="stretch",
    )
    with st.popover("Data", width="content"):
        st.caption(words)
        st.dataframe(frame, hide_index=True, width="stretch")
        st.download_button(
            "Download as CSV", frame.to_csv(index=False), f"{title.lower().replace(' ', '_')}.csv", "text/csv",
            key=f"download {title} {st.session_state.get('page', '')}",
        )  # fmt: skip


def empty(what: str, command: str) -> None:
    """A page's state when there is nothing to show yet: what is missing and who fills it."""
    st.info(f"{what} Try `{command}`, then look again.")


def _largest(frame: pd.DataFrame, by: str, name: str) -> pd.DataFrame:
    keep = frame.groupby(by)[name].sum().nlargest(len(SERIES)).index
    return frame[frame[by].isin(keep)]


def _colour(by: str) -> alt.Color:
    legend = alt.Legend(title=None, orient="top", columns=5, symbolType="circle")
    return alt.Color(f"{by}:N", scale=alt.Scale(range=SERIES), legend=legend)
