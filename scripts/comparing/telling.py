"""Differences in words: for a terminal, as Markdown, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import jinja2

from scripts import console
from scripts.comparing.differences import Difference, Example
from scripts.console import count

SHOWN_CELLS = 6


def as_text(differences: list[Difference]) -> Iterator[str]:
    """Lines for a terminal."""
    for found in differences:
        owner = f" ({found.owner})" if found.owner else ""
        yield f"{found.mart}{owner}: {in_words(found)}"
        for text in shape_in_words(found):
            yield f"  {text}"
        if rows := columns_of(found):
            yield console.table(["column", "rows changed", "sum before", "sum now", "difference"], rows, indent="    ")
        for example in found.examples:
            yield f"    {example.kind:<8}{example_in_words(example)}"


def as_markdown(differences: list[Difference]) -> Iterator[str]:
    """Lines of Markdown, a section a mart."""
    for found in differences:
        yield f"#### `{found.mart}`"
        yield ""
        yield f"{in_words(found)}. Owner: {found.owner or 'nobody'}."
        yield ""
        for text in shape_in_words(found):
            yield f"- {text}"
        if rows := columns_of(found):
            yield ""
            yield from markdown_table(["column", "rows changed", "sum before", "sum now", "difference"], rows)
        if found.examples:
            yield ""
            yield "<details><summary>Examples</summary>"
            yield ""
            yield from markdown_table(
                ["row", "what differs"],
                [[f"{example.kind} {_key(example)}".strip(), _cells(example)] for example in found.examples],
            )
            yield ""
            yield "</details>"
        yield ""


def as_page(title: str, notes: Iterable[str], differences: list[Difference]) -> str:
    """An HTML page that needs nothing else. ``notes``: paragraphs above the marts."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    marts = [
        {
            "name": found.mart,
            "owner": found.owner,
            "domain": found.domain,
            "words": in_words(found),
            "shape": list(shape_in_words(found)),
            "parts": _parts(found),
            "columns": columns_of(found),
            "key": found.key,
            "examples": [
                {
                    "kind": example.kind,
                    "key": _key(example),
                    "cells": [
                        (
                            name,
                            None if example.kind == "added" else value(was),
                            None if example.kind == "removed" else value(now),
                        )
                        for name, (was, now) in example.cells.items()
                    ],
                }
                for example in found.examples
            ],
        }
        for found in differences
    ]
    return environment.get_template("page.html.j2").render(title=title, notes=list(notes), marts=marts)


def in_words(found: Difference) -> str:
    """One line: what became of the rows, on which days."""
    if found.rows_before is None:
        return f"new, {count(found.rows_after or 0, 'row')}"
    if found.rows_after is None:
        return f"gone, with its {count(found.rows_before, 'row')}"
    changes = [f"{number:,} {word}" for number, word in _numbers(found) if number]
    if not changes:
        return f"all of its {count(found.rows_after, 'row')} as before"
    text = f"{', '.join(changes)} of {found.rows_before:,} → {count(found.rows_after, 'row')}"
    text += "" if found.key else " (no key is promised, so a row that changed is one removed and one added)"
    return f"{text}; {console.days(found.days)}" if found.days else text


def shape_in_words(found: Difference) -> Iterator[str]:
    """Columns that came, went or became another type."""
    for name, kind in found.columns_added.items():
        yield f"column {name} {kind} is new"
    for name, kind in found.columns_removed.items():
        yield f"column {name} {kind} is gone"
    for name, (was, now) in found.columns_retyped.items():
        yield f"column {name} is {now}, was {was}"


def columns_of(found: Difference) -> list[list[str]]:
    """Per column that differs: its name, in how many rows, its sum before and now, the difference."""
    sums = {total.column: total for total in found.sums}
    names = [*found.changed_cells, *(name for name in sums if name not in found.changed_cells)]
    rows = []
    for name in names:
        total = sums.get(name)
        figures = [number(total.before), number(total.after), _signed(total.difference)] if total else ["", "", ""]
        rows.append([name, f"{found.changed_cells.get(name, 0):,}", *figures])
    return rows


def example_in_words(example: Example) -> str:
    """One row: its key, and what differs (or the row's first cells)."""
    return " ".join(text for text in (_key(example), _cells(example)) if text)


def number(value: Decimal) -> str:
    """A sum as people read it, exact; of places that say nothing only two are kept."""
    whole, point, places = f"{value:,f}".partition(".")
    return f"{whole}.{places.rstrip('0'):0<2}" if point else whole


def value(cell: object) -> str:
    """A cell's value, in one short line."""
    if cell is None:
        return "null"
    text = f"{cell:.10g}" if isinstance(cell, float) else str(cell)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def markdown_table(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """A table of Markdown."""
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _numbers(found: Difference) -> list[tuple[int, str]]:
    return [(found.added, "added"), (found.removed, "removed"), (found.changed, "changed")]


def _parts(found: Difference) -> list[tuple[str, float]]:
    """Shares of the rows on either side, for a bar: kind and percent."""
    total = max((found.rows_before or 0) + found.added, 1)
    return [(word, round(100 * number_of / total, 2)) for number_of, word in _numbers(found)]


def _signed(value: Decimal) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _key(example: Example) -> str:
    return " ".join(f"{name}={value(cell)}" for name, cell in example.key.items())


def _cells(example: Example) -> str:
    if example.kind == "changed":
        shown = [f"{name} {value(was)} → {value(now)}" for name, (was, now) in example.cells.items()]
    else:
        one = 0 if example.kind == "removed" else 1
        shown = [f"{name} {value(cells[one])}" for name, cells in example.cells.items()]
    more = f", … {len(shown) - SHOWN_CELLS} more" if len(shown) > SHOWN_CELLS else ""
    return ", ".join(shown[:SHOWN_CELLS]) + more
