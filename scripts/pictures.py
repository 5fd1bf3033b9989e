"""The README's pictures, drawn from the project itself: ``python -m scripts.pictures`` after a night.

``docs/img/lineage.svg``   everything one mart is made of, from dbt's manifest
``docs/img/published.svg``  what readers find in the published file, charted
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts.console import USAGE, Stop, run_step, say
from scripts.dbt_process import manifest
from scripts.home import PROJECT
from scripts.published import current_folder

MART = "revenue_per_listening_hour"
INK, SOFT, GRID = "#22313f", "#5b6b7b", "#dde5ec"
FONT = "DejaVu Sans, Verdana, sans-serif"
LAYERS = {  # fill and line by layer
    "source": ("#fdf3e3", "#c98a2b", "landed"),
    "seed": ("#f3eefa", "#8665b5", "seed"),
    "staging": ("#eef3f7", "#9fb3c8", "staging"),
    "intermediate": ("#e6f0fa", "#4c84b8", "intermediate"),
    "marts": ("#e8f4ea", "#4b8f5a", "mart"),
}
ROW, NODE, GAP, PAD = 30, 22, 30, 16
SERIES = ("#1f6f8b", "#d1843c", "#6a4c93", "#4b8f5a", "#b23a48", "#8a8d91")


@dataclass
class Node:
    """One box of the lineage."""

    key: str
    label: str
    layer: str
    parents: list[str]
    column: int = 0
    row: float = 0
    x: float = 0
    width: float = 0
    children: list[str] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """Height of the box's middle."""
        return 44 + self.row * ROW + NODE / 2


@click.command()
def main() -> None:
    """Draw both pictures into docs/img."""
    here = current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night --sample` first", USAGE)
    folder = PROJECT / "docs/img"
    (folder / "lineage.svg").write_text(lineage(manifest(), MART))
    (folder / "published.svg").write_text(published(here / "marts.duckdb"))
    say("pictures", f"{folder}/lineage.svg, published.svg")


def lineage(project: dict[str, Any], mart: str) -> str:
    """All that a mart is made of, left to right."""
    nodes = _ancestors(project, mart)
    _place(nodes)
    height = max(node.middle for node in nodes.values()) + NODE / 2 + 44
    width = max(node.x + node.width for node in nodes.values()) + PAD
    lines = []
    for node in nodes.values():
        for parent in (nodes[key] for key in node.parents):
            x1, y1, x2, y2 = parent.x + parent.width, parent.middle, node.x, node.middle
            bend = max((x2 - x1) / 2, 18)
            lines.append(
                f'<path d="M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}" '
                f'fill="none" stroke="#9fb3c8" stroke-width="1.2"/>'
            )
    for node in nodes.values():
        fill, line, _ = LAYERS[node.layer]
        weight = ' font-weight="bold"' if node.label == mart else ""
        lines.append(
            f'<rect x="{node.x:.0f}" y="{node.middle - NODE / 2:.0f}" width="{node.width:.0f}" height="{NODE}" rx="4" '
            f'fill="{fill}" stroke="{line}"/>'
            f'<text x="{node.x + 8:.0f}" y="{node.middle + 4:.0f}"{weight}>{escape(node.label)}</text>'
        )
    legend, x = [], float(PAD)
    for layer in [key for key in LAYERS if any(node.layer == key for node in nodes.values())]:
        fill, line, word = LAYERS[layer]
        legend.append(
            f'<rect x="{x:.0f}" y="{height - 27:.0f}" width="14" height="14" rx="3" fill="{fill}" stroke="{line}"/>'
            f'<text x="{x + 20:.0f}" y="{height - 16:.0f}" fill="{SOFT}">{word}</text>'
        )
        x += 40 + _text_width(word)
    title = f"What {mart} is made of (staging views left out)"
    return _svg(width, height, title, [*lines, *legend], size=11)


def _ancestors(project: dict[str, Any], mart: str) -> dict[str, Node]:
    """The mart and everything above it."""
    known = {**project["nodes"], **project["sources"]}
    start = next((key for key, node in known.items() if node["name"] == mart and key.startswith("model.")), None)
    if start is None:
        raise Stop(f"there is no model {mart}", USAGE)
    found: dict[str, Node] = {}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        node = known[key]
        parents = [] if key.startswith("source.") else sorted(set(node["depends_on"]["nodes"]) & known.keys())
        is_source = key.startswith("source.")
        layer = "source" if is_source else "seed" if key.startswith("seed.") else node["fqn"][1]
        label = f"{node['source_name']}.{node['name']}" if is_source else node["name"]
        found[key] = Node(key, label, layer, parents)
        waiting += parents
    for view in [node for node in found.values() if node.layer == "staging"]:
        # one view a landed table, of the same name: the picture says as much without them
        for node in found.values():
            if view.key in node.parents:
                node.parents = sorted({*node.parents, *view.parents} - {view.key})
        del found[view.key]
    for node in found.values():
        for parent in node.parents:
            found[parent].children.append(node.key)
    return found


def _place(nodes: dict[str, Node]) -> None:
    """Columns by the longest way to the mart, rows so that lines cross little."""

    def steps(key: str) -> int:
        return max((steps(child) + 1 for child in nodes[key].children), default=0)

    depth = {key: steps(key) for key in nodes}
    last = max(depth.values())
    for key, node in nodes.items():
        node.column = last - depth[key]
    columns = [sorted((n for n in nodes.values() if n.column == i), key=lambda n: n.label) for i in range(last + 1)]
    tallest = max(len(column) for column in columns)
    for column in columns:
        _spread(column, tallest)
    for turn in range(12):
        for column in columns if turn % 2 else reversed(columns):
            # even turns look right, odd turns left: each box wants to be where its neighbours are
            column.sort(key=lambda n, turn=turn: _wanted(n, nodes, n.parents if turn % 2 else n.children))
            _spread(column, tallest)
    x = float(PAD)
    for column in columns:
        width = max(_text_width(node.label) for node in column) + 16
        for node in column:
            node.x, node.width = x, width
        x += width + GAP


def _wanted(node: Node, nodes: dict[str, Node], neighbours: Sequence[str]) -> float:
    return sum(nodes[key].row for key in neighbours) / len(neighbours) if neighbours else node.row


def _spread(column: list[Node], tallest: int) -> None:
    step = tallest / len(column)
    for place, node in enumerate(column):
        node.row = (place + 0.5) * step - 0.5


def published(file: Path) -> str:
    """Streams and net revenue by day, as any reader would query them."""
    with duckdb.connect(str(file), read_only=True) as marts:
        streams = marts.execute("""
            select played_on, plan_code, sum(streams) from business.listening_daily
            where plan_code in (
                select plan_code from business.listening_daily group by 1 order by sum(streams) desc limit 4
            )
            group by all order by all
        """).fetchall()
        revenue = marts.execute("""
            select date_trunc('week', revenue_on)::date, currency, sum(net_amount)::double from business.revenue_daily
            where currency in (select currency from business.revenue_daily group by 1 order by count(*) desc limit 4)
            group by all order by all
        """).fetchall()
        artists = marts.execute("""
            select artist_name, sum(streams) from business.artist_daily group by 1 order by 2 desc, 1 limit 10
        """).fetchall()
    parts = [
        *_chart(20, "Streams a day, by plan", "business.listening_daily", streams),
        *_chart(420, "Net revenue a week, by currency", "business.revenue_daily", revenue),
        *_bars(820, "Most streamed artists", "business.artist_daily", artists),
    ]
    return _svg(1200, 320, "Three marts of one published night", parts, size=11)


def _heading(left: float, title: str, mart: str) -> str:
    return (
        f'<text x="{left}" y="50" font-weight="bold">{escape(title)}</text>'
        f'<text x="{left}" y="65" fill="{SOFT}">{escape(mart)}</text>'
    )


def _chart(left: float, title: str, mart: str, rows: Sequence[tuple[Any, str, float]]) -> list[str]:
    """Lines over days, one a series."""
    top, width, height = 90.0, 340.0, 170.0
    days = sorted({row[0] for row in rows})
    most = max((float(row[2]) for row in rows), default=1) or 1
    names = sorted({row[1] for row in rows}, key=lambda name: -sum(float(row[2]) for row in rows if row[1] == name))
    parts, labels = [_heading(left, title, mart)], []
    for share in (0, 0.5, 1):
        y = top + height * (1 - share)
        parts.append(f'<path d="M{left} {y:.0f}H{left + width}" stroke="{GRID}"/>')
        if share != 0.5:
            labels.append(
                f'<text x="{left + width}" y="{y - 3:.0f}" text-anchor="end" fill="{SOFT}" stroke="#ffffff" '
                f'stroke-width="4" paint-order="stroke">{most * share:,.0f}</text>'
            )
    for place, name in enumerate(names):
        points = [
            (left + width * days.index(row[0]) / max(len(days) - 1, 1), top + height * (1 - float(row[2]) / most))
            for row in rows
            if row[1] == name
        ]
        colour = SERIES[place % len(SERIES)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        x = left + place * width / len(names)
        parts.append(
            f'<rect x="{x:.0f}" y="{top + height + 26}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{x + 15:.0f}" y="{top + height + 35}">{escape(name)}</text>'
        )
    parts += labels
    if days:
        parts.append(
            f'<text x="{left}" y="{top + height + 15}" fill="{SOFT}">{days[0]}</text>'
            f'<text x="{left + width}" y="{top + height + 15}" text-anchor="end" fill="{SOFT}">{days[-1]}</text>'
        )
    return parts


def _bars(left: float, title: str, mart: str, rows: Sequence[tuple[str, float]]) -> list[str]:
    """The largest, as bars."""
    top, most = 82.0, max((float(value) for _, value in rows), default=1) or 1
    parts = [_heading(left, title, mart)]
    for place, (name, value) in enumerate(rows):
        y, length = top + place * 21, 170 * float(value) / most
        parts.append(
            f'<text x="{left}" y="{y + 12:.0f}">{escape(name[:24])}</text>'
            f'<rect x="{left + 150}" y="{y + 1:.0f}" width="{length:.0f}" height="14" fill="{SERIES[0]}"/>'
            f'<text x="{left + 156 + length:.0f}" y="{y + 12:.0f}" fill="{SOFT}">{value:,.0f}</text>'
        )
    return parts


def _svg(width: float, height: float, title: str, parts: Iterable[str], size: int) -> str:
    body = "\n  ".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" \
font-size="{size}" fill="{INK}">
  <title>{escape(title)}</title>
  <rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>
  <text x="{PAD}" y="24" font-size="13" fill="{SOFT}">{escape(title)}</text>
  {body}
</svg>
"""


def _text_width(text: str) -> float:
    return 6.7 * len(text)


if __name__ == "__main__":
    run_step(main)
