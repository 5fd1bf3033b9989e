"""nDCG@10 of every engine on every collection, drawn: a line a collection, a dot an engine.

    .venv/bin/python -m scripts.bench.search_picture docs/img/search.svg cranfield=a.json cisi=b.json …

The tables are those that ``./nightshift evaluate search --json`` wrote.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import click

from scripts.pictures import FONT, GRID, INK, SERIES, SOFT

LEFT, WIDTH, TOP, ROW = 190, 560, 92, 30
SHAPES = {
    "nightshift-tantivy": (SERIES[4], 6.5),
    "bm25s": (SERIES[0], 4.5),
    "sqlite-fts5": (SERIES[1], 4.5),
    "duckdb-fts": (SERIES[2], 4.5),
}


@click.command()
@click.argument("picture", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("tables", nargs=-1, required=True)
def main(picture: Path, tables: tuple[str, ...]) -> None:
    """Draw the tables NAME=FILE."""
    rows = []
    for table in tables:
        name, _, file = table.partition("=")
        rows.append((name, {line["name"]: line["ndcg@10"] for line in json.loads(Path(file).read_text())}))
    rows.sort(key=lambda row: -row[1]["nightshift-tantivy"])
    low = min(min(found.values()) for _, found in rows) // 0.1 / 10
    high = -(-max(max(found.values()) for _, found in rows) // 0.1) / 10
    bottom = TOP + ROW * len(rows)

    def x(value: float) -> float:
        return LEFT + WIDTH * (value - low) / (high - low)

    parts = [
        f'<text x="16" y="28" font-size="15" font-weight="bold">nDCG@10, {len(rows)} collections with judgments</text>',
        f'<text x="16" y="46" fill="{SOFT}">'
        "farther right is better; nightshift-sql is nightshift-tantivy’s equal</text>",
    ]
    for step in range(round(low * 10), round(high * 10) + 1):
        parts.append(
            f'<path d="M{x(step / 10):.0f} {TOP - 12}V{bottom - 10}" stroke="{GRID}"/>'
            f'<text x="{x(step / 10):.0f}" y="{bottom + 8}" text-anchor="middle" fill="{SOFT}">{step / 10:.1f}</text>'
        )
    for place, (name, found) in enumerate(rows):
        y = TOP + ROW * place
        ends = [x(found[engine]) for engine in SHAPES]
        parts.append(f'<text x="{LEFT - 16}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<path d="M{min(ends):.1f} {y}H{max(ends):.1f}" stroke="{GRID}" stroke-width="3"/>')
        for engine in reversed(SHAPES):
            colour, radius = SHAPES[engine]
            parts.append(
                f'<circle cx="{x(found[engine]):.1f}" cy="{y}" r="{radius}" fill="{colour}" fill-opacity=".9"/>'
            )
    for place, (engine, (colour, radius)) in enumerate(SHAPES.items()):
        at = 24 + 170 * place
        parts.append(
            f'<circle cx="{at}" cy="66" r="{radius}" fill="{colour}"/><text x="{at + 12}" y="70">{engine}</text>'
        )
    body = "\n  ".join(parts)
    picture.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {bottom + 24}" '
        f'font-family="{FONT}" font-size="12" fill="{INK}">\n'
        f'  <title>nDCG@10 on collections with judgments</title>\n  <rect width="100%" height="100%" fill="#ffffff"/>\n'
        f"  {body}\n</svg>\n"
    )


if __name__ == "__main__":
    main()
