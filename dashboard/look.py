"""How things look: one palette that colour-blind readers can tell apart, charts and tiles with their definitions.

Everything that has a number has a card: its title with the definition and owner behind the question mark, the chart,
the same in words for who cannot see it, and its rows to take away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import data
from dashboard.data import Filters

# Okabe and Ito's colours, which the usual kinds of colour blindness tell apart; the yellow is left out on white.
SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d"]
INK, SOFT, GRID, BEFORE = "#1d2a35", "#4b5a66", "#e3e9ee", "#8b97a2"
HEIGHT = 240
# How a table writes numbers of a unit.
FORMATS = {
    "share": "percent", "bytes": "bytes", "EUR": "euro", "number": "localized", "rows": "localized",
    "hours": "localized",
}  # fmt: skip
# Metrics of which less is better: their rise is shown in the colour of bad news.
WORSE = {
    "subscriptions_ended", "churn_rate", "churned_members", "search_failure_rate", "searches_without_result",
    "decline_rate", "payments_declined", "payment_fraud_rate", "fraud_reports", "artificial_plays",
    "artificial_share", "refunds", "royalty_cost", "rows_quarantined",
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


def span(filters: Filters) -> str:
    """The days of a choice, in words."""
    year = "" if filters.first.year == filters.last.year else f" {filters.first.year}"
    return f"{filters.first:%-d %b}{year} – {filters.last:%-d %b %Y}"


def pair() -> list[DeltaGenerator]:
    """Two cards beside each other, below each other on a phone."""
    return st.columns(2)


def section(title: str, words: str = "") -> None:
    """A heading over several cards, which are one level below it."""
    st.session_state["level"] = 3
    st.markdown(f"## {title}", help=words or None)


def tiles(names: Sequence[str], filters: Filters) -> None:
    """One tile a metric: its value in the period, beside the period before, its definition behind the question mark."""
    days = (filters.last - filters.first).days + 1
    before = f"Beside the {days} days before ({span(filters.before)})."
    values = [(name, _value(name, filters), _value(name, filters.before)) for name in names]
    _tiles(values, before, filters)


def month_tiles(names: Sequence[str], filters: Filters) -> None:
    """The same for metrics of months: the last month that is over, beside the one before it."""
    month = full_month(filters)
    earlier = (month - timedelta(days=1)).replace(day=1)
    st.caption(f"{month:%B %Y}, the last month that is over, beside {earlier:%B}.")
    values = [(name, *(_value(name, filters, of) for of in (month, earlier))) for name in names]
    _tiles(values, f"{month:%B %Y} beside {earlier:%B %Y}.", filters)


def full_month(filters: Filters) -> date:
    """First day of the last month that is over on the last day looked at."""
    if (filters.last + timedelta(days=1)).day == 1:
        return filters.last.replace(day=1)
    return (filters.last.replace(day=1) - timedelta(days=1)).replace(day=1)


def _tiles(values: Sequence[tuple[str, float | None, float | None]], beside: str, filters: Filters) -> None:
    for column, (name, now, before) in zip(st.columns(len(values)), values, strict=True):
        about = data.metric(name)
        change, flat = "nothing to compare", True
        if now is not None and before:
            points = about.unit == "share"
            size = (now - before) * 100 if points else (now / before - 1) * 100
            change, flat = f"{size:+.1f}{' points' if points else ' %'}", abs(size) < 0.05
        note = "" if data.heeds(name, filters) else " The chosen country or plan does not apply to it."
        column.metric(
            _label(name, filters),
            number(now, about.unit),
            change,
            help=f"{_words(name)} {beside}{note}",
            delta_color="off" if flat else "inverse" if name in WORSE else "normal",
            delta_arrow="off" if flat else "auto",
            border=True,
        )


def total(name: str) -> None:
    """A tile of a metric over all there is."""
    found = data.ask([name])
    value = found[name].iloc[0] if len(found) else None
    st.metric(data.metric(name).label, number(value, data.metric(name).unit), help=_words(name), border=True)


def _value(name: str, filters: Filters, month: date | None = None) -> float | None:
    found = data.ask([name], (), filters, month=month)
    value = found[name].iloc[0] if len(found) else None
    return None if value is None or pd.isna(value) else float(value)


def trend(name: str, filters: Filters) -> None:
    """A metric by day, the days before as a dashed line under it."""
    about, days = data.metric(name), (filters.last - filters.first).days + 1
    now, before = (data.ask([name], ["day"], period) for period in (filters, filters.before))
    names = (f"these {days} days", f"the {days} days before")
    now, before = now.assign(of=names[0], on=now["day"]), before.assign(of=names[1], on=before["day"])
    before["day"] = [day + timedelta(days=days) for day in before["day"]]
    both = pd.concat([now, before]) if len(before) else now
    shown = both.assign(day=pd.to_datetime(both["day"]), on=pd.to_datetime(both["on"]))
    style = alt.Legend(title=None, orient="top", symbolType="stroke", offset=4)
    chart = (
        alt.Chart(shown)
        .mark_line(strokeWidth=2)
        .encode(
            x=_days(),
            y=_amount(name, about.unit),
            color=alt.Color("of:N", scale=alt.Scale(domain=names, range=[SERIES[0], BEFORE]), legend=style),
            strokeDash=alt.StrokeDash("of:N", scale=alt.Scale(domain=names, range=[[1, 0], [4, 3]]), legend=style),
            tooltip=[alt.Tooltip("on:T", title="day"), alt.Tooltip(f"{name}:Q", title=about.label, format=",.4~f")],
        )
    )
    card(_label(name, filters), _words(name), now[["day", name]], chart)


def split(name: str, by: str, filters: Filters) -> None:
    """A metric by day, a line a value of a dimension (the seven largest)."""
    about = data.metric(name)
    kept = _largest(data.ask([name], ["day", by], filters), by, name)
    chart = (
        alt.Chart(kept.assign(day=pd.to_datetime(kept["day"])))
        .mark_line(strokeWidth=2)
        .encode(
            x=_days(),
            y=_amount(name, about.unit),
            color=_colour(kept, by, "stroke"),
            tooltip=[alt.Tooltip("day:T"), by, alt.Tooltip(f"{name}:Q", title=about.label, format=",.4~f")],
        )
    )
    card(f"{about.label} by {_plain(by)}", _words(name), kept, chart)


def months(name: str, filters: Filters, by: str | None = None) -> None:
    """A metric of months up to the last day looked at, a line a value of a dimension; a month not over says so."""
    about, cut = data.metric(name), [by] if by else []
    kept = data.ask([name], ["month", *cut], filters, days=False).dropna()
    kept = _largest(kept, by, name) if by else kept
    over = full_month(filters)
    label = [f"{month:%b %Y}" if month <= over else f"{month:%b}, so far" for month in kept["month"]]
    chart = (
        alt.Chart(kept.assign(label=label))
        .mark_line(point=alt.OverlayMarkDef(size=50, filled=True), strokeWidth=2)
        .encode(
            x=alt.X("label:O", sort=None, title=None, axis=alt.Axis(labelAngle=0), scale=alt.Scale(padding=0.3)),
            y=_amount(name, about.unit),
            color=_colour(kept, by, "circle") if by else alt.value(SERIES[0]),
            tooltip=["label", *cut, alt.Tooltip(f"{name}:Q", title=about.label, format=",.4~f")],
        )
    )  # fmt: skip
    card(f"{about.label} by {'month and ' + _plain(by) if by else 'month'}", _words(name), kept, chart)


def ranking(name: str, by: str, filters: Filters, title: str | None = None, days: bool = True, top: int = 12) -> None:
    """A metric by a dimension, largest first; of metrics of days, a grey mark says what the days before were."""
    about = data.metric(name)
    kept = data.ask([name], [by], filters, days=days).dropna().nlargest(top, name)
    base = alt.Chart(kept).encode(y=_names(by), x=_length(name, about.unit))
    chart = base.mark_bar(color=SERIES[0], cornerRadiusEnd=2).encode(
        tooltip=[by, alt.Tooltip(f"{name}:Q", title=about.label, format=",.4~f")]
    )
    words = _words(name)
    if days:
        before = data.ask([name], [by], filters.before)
        before = before[before[by].isin(kept[by])].dropna()
        marks = alt.Chart(before).encode(y=_names(by), x=_length(name, about.unit))
        chart += marks.mark_tick(color=INK, thickness=2, size=14).encode(
            tooltip=[by, alt.Tooltip(f"{name}:Q", title="the days before", format=",.4~f")]
        )
        words += " The dark mark is where it was in the days before."
    height = max(120, 22 * len(kept) + 30)
    card(title or f"{about.label} by {_plain(by)}", words, kept, chart, height)


def ranked(frame: pd.DataFrame, value: str, label: str, title: str, words: str) -> None:
    """Columns of a mart as bars in the order of the rows."""
    frame = _floats(frame)
    bars = alt.Chart(frame).mark_bar(color=SERIES[0], cornerRadiusEnd=2)
    chart = bars.encode(x=_length(value, ""), y=_names(label), tooltip=[label, f"{value}:Q"])
    card(title, words, frame, chart, max(120, 22 * len(frame) + 30))


def stacked(frame: pd.DataFrame, value: str, label: str, part: str, title: str, words: str) -> None:
    """Columns of a mart as bars in the order of the rows, each made of parts."""
    frame = _floats(frame)
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=_length(value, ""), y=_names(label), color=_colour(frame, part), tooltip=[label, part, f"{value}:Q"],
            order=alt.Order("part_order:Q"),
        )
        .transform_window(part_order="row_number()")
    )  # fmt: skip
    card(title, words, frame, chart, max(150, 22 * frame[label].nunique() + 60))


def beside(names: Sequence[str], by: str, filters: Filters, title: str, month: date) -> None:
    """Two or three metrics of a month in euro beside each other, by a dimension."""
    frame = data.ask(names, [by], filters, month=month)
    labels = {name: data.metric(name).label for name in names}
    words = " ".join(f"{labels[name]}: {data.metric(name).description}" for name in names)
    compared(frame, labels, by, title, f"{words} Owner: {data.metric(names[0]).owner}.")


def compared(frame: pd.DataFrame, labels: dict[str, str], by: str, title: str, words: str) -> None:
    """Two or three columns in euro as bars beside each other, by their labels, in the order of the rows."""
    order = list(labels.values())
    long = _floats(frame).rename(columns=labels).melt(by, order, "measure", "value")
    chart = (
        alt.Chart(long)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=_length("value", "EUR"), y=_names(by), yOffset=alt.YOffset("measure:N", sort=order),
            color=alt.Color("measure:N", sort=order, scale=alt.Scale(range=SERIES), legend=_legend(order)),
            tooltip=[by, "measure", alt.Tooltip("value:Q", format=",.2f")],
        )
    )  # fmt: skip
    card(title, words, frame, chart, max(160, (12 + 10 * len(order)) * len(frame) + 60))


def table(frame: pd.DataFrame, mart: str, title: str, words: str, height: int | None = None) -> None:
    """Rows of a mart as they are; each column's meaning and unit, from the dictionary, is behind its name."""
    known = data.columns(mart)
    shown = {
        name: st.column_config.Column(_plain(name).capitalize(), help=known.get(name, ("", ""))[0])
        for name in frame.columns
    }
    shown |= {
        name: st.column_config.NumberColumn(_plain(name).capitalize(), help=meaning, format=kind)
        for name, (meaning, unit) in known.items()
        if name in frame.columns and (kind := FORMATS.get(unit))
    }
    drawn = _floats(frame)

    def draw() -> None:
        sized = {} if height is None else {"height": height}
        st.dataframe(drawn, hide_index=True, width="stretch", column_config=shown, alt=f"{title}. {words}", **sized)

    _card(title, words, frame, draw, shows_rows=False)


def card(title: str, words: str, frame: pd.DataFrame, chart: alt.Chart, height: int = HEIGHT) -> None:
    """A chart under its title, with what it says in words and its rows to take away."""

    def draw() -> None:
        st.altair_chart(
            chart.properties(height=height)
            .configure(font="Source Sans, sans-serif", padding=4)
            .configure_view(stroke=None)
            .configure_axis(
                labelFontSize=12, labelColor=SOFT, titleColor=SOFT, gridColor=GRID, domain=False, ticks=False,
                labelPadding=6,
            )
            .configure_legend(labelFontSize=12, labelColor=INK),
            width="stretch", theme=None, alt=f"{title}. {words} Its rows are behind the button Data.",
        )  # fmt: skip

    _card(title, words, frame, draw)


def _card(title: str, words: str, frame: pd.DataFrame, draw: Callable[[], None], shows_rows: bool = True) -> None:
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False):
            st.markdown(f"{'#' * st.session_state.get('level', 2)} {title}", help=words, width="stretch")
            if not frame.empty:
                with st.popover("Data", width="content", type="tertiary"):
                    st.caption(words)
                    if shows_rows:
                        st.dataframe(frame, hide_index=True, width="stretch", alt=f"The rows of {title}")
                    st.download_button(
                        "Download as CSV", frame.to_csv(index=False), f"{title.lower().replace(' ', '_')}.csv",
                        "text/csv", key=f"download {title} {st.session_state.get('page', '')}",
                    )  # fmt: skip
        if frame.empty:
            st.info("Nothing for this choice of days, countries and plans.")
        else:
            draw()


def empty(what: str, command: str) -> None:
    """A page's state when there is nothing to show yet: what is missing and who fills it."""
    st.info(f"{what} Try `{command}`, then look again.")


def _floats(frame: pd.DataFrame) -> pd.DataFrame:
    """Decimals as numbers that can be drawn."""
    exact = [name for name in frame.columns if frame[name].map(lambda value: isinstance(value, Decimal)).any()]
    return frame.assign(**{name: frame[name].astype(float) for name in exact})


def _label(name: str, filters: Filters) -> str:
    """A metric's label; one that knows nothing of a chosen country or plan says that it is of all."""
    label = data.metric(name).label
    return label if data.heeds(name, filters) else f"{label} (all)"


def _words(name: str) -> str:
    about = data.metric(name)
    return f"{about.description} Unit: {about.unit}. Owner: {about.owner}."


def _plain(name: str) -> str:
    return name.removesuffix("_code").replace("_", " ")


def _largest(frame: pd.DataFrame, by: str, name: str) -> pd.DataFrame:
    keep = frame.groupby(by)[name].sum().nlargest(len(SERIES)).index
    return frame[frame[by].isin(keep)]


def _days() -> alt.X:
    return alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b", tickCount=5, grid=False))


def _names(by: str) -> alt.Y:
    return alt.Y(f"{by}:N", sort=None, title=None, axis=alt.Axis(labelLimit=150, grid=False))


def _amount(name: str, unit: str) -> alt.Y:
    return alt.Y(f"{name}:Q", axis=_axis(unit), scale=alt.Scale(zero=unit != "people"))


def _length(name: str, unit: str) -> alt.X:
    return alt.X(f"{name}:Q", axis=_axis(unit))


def _axis(unit: str) -> alt.Axis:
    form = "format(datum.value, '.3~%')" if unit == "share" else "format(datum.value, ',.3~s')"
    return alt.Axis(title=None, tickCount=5, labelExpr=f"'€' + {form}" if unit == "EUR" else form)


def _colour(frame: pd.DataFrame, by: str, symbol: str = "square") -> alt.Color:
    names = list(dict.fromkeys(frame[by]))
    return alt.Color(f"{by}:N", sort=names, scale=alt.Scale(range=SERIES), legend=_legend(names, symbol))


def _legend(names: Sequence[str], symbol: str = "square") -> alt.Legend:
    """As many columns as a phone has room for."""
    longest = max((len(str(name)) for name in names), default=1)
    return alt.Legend(title=None, orient="top", symbolType=symbol, offset=4, columns=max(1, 42 // (longest + 4)))
