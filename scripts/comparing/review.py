"""The review of a branch, as Markdown: the verdict first, then what a colleague would ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scripts import console
from scripts.comparing.telling import as_markdown, markdown_table, value
from scripts.console import count, duration

if TYPE_CHECKING:
    from scripts.ci import Findings

MOST_ROWS = 40
LONGEST_OUTPUT = 4000


def review(found: Findings) -> Iterator[str]:
    """Lines of the review."""
    yield f"# Review of {found.branch} against {found.against}"
    yield ""
    yield _verdict(found)
    yield ""
    yield (
        f"{count(len(found.files), 'file')} changed since {found.base}, built on what had landed by {found.day} "
        f"in {duration(found.seconds)}."
    )
    yield ""
    yield from markdown_table(
        ["check", "", "took"],
        [[check.name, "passed" if check.passed else "**failed**", duration(check.seconds)] for check in found.checks],
    )
    yield ""
    yield from _failures(found)
    yield from _models(found)
    yield from _contracts(found)
    yield from _data(found)
    yield from _timings(found)


def _verdict(found: Findings) -> str:
    if not found.passed:
        failed = ", ".join(check.name for check in found.checks if not check.passed)
        return f"**Not ready: {failed} failed.**"
    breaking = sum(change.is_breaking for change in found.contracts)
    data = count(len(found.differences), "mart") + " would show other data" if found.differences else "no data changes"
    promises = f", **{count(breaking, 'promise')} broken**" if breaking else ", no promise is broken"
    return f"Everything passed; {data}{promises}."


def _failures(found: Findings) -> Iterator[str]:
    bad = [check for check in found.checks if not check.passed]
    if not bad and not found.failed:
        return
    yield "## What failed"
    yield ""
    for failed in found.failed:
        name = failed["node"].split(".")[2] if failed["node"].count(".") > 1 else failed["node"]
        yield f"### `{name}`"
        yield ""
        yield from _fenced(failed["message"])
        if failed["rows"]:
            header, rows = failed["rows"]
            yield from markdown_table(header, [[value(cell) for cell in row] for row in rows])
            more = (failed["failures"] or 0) - len(rows)
            if more > 0:
                yield ""
                yield f"and {count(more, 'row')} more"
            yield ""
    for check in bad:
        yield f"<details><summary>What {check.name} said</summary>"
        yield ""
        yield from _fenced(check.said[-LONGEST_OUTPUT:])
        yield "</details>"
        yield ""


def _fenced(text: str) -> Iterator[str]:
    yield "```text"
    yield text.replace("```", "'''")
    yield "```"
    yield ""


def _models(found: Findings) -> Iterator[str]:
    yield "## Models"
    yield ""
    if not found.modified and not found.stale:
        yield "No model changes."
        yield ""
        return
    built = {entry["model"]: entry for entry in found.rebuilt}
    stale = {entry["model"]: entry for entry in found.stale}
    names = [*found.modified, *(name for name in stale if name not in found.modified)]
    rows = []
    for name in names[:MOST_ROWS]:
        entry = built.get(name)
        why = found.modified.get(name) or "; ".join(stale[name]["reasons"][:2])
        if entry:
            outcome = console.days(entry["days"]) if entry["days"] else "whole"
            figures = [f"{entry['rows'] or 0:,}", f"{entry['seconds']:.1f}"]
        else:
            outcome, figures = "nothing to rebuild", ["", ""]
        rows.append([f"`{name}`", why, outcome, *figures])
    yield from markdown_table(["model", "changed", "rebuilt", "rows", "seconds"], rows)
    if len(names) > MOST_ROWS:
        yield ""
        yield f"and {count(len(names) - MOST_ROWS, 'model')} more below them."
    yield ""
    yield f"{count(found.tests, 'test')} looked at the days that were rebuilt."
    yield ""


def _contracts(found: Findings) -> Iterator[str]:
    yield "## Columns and contracts"
    yield ""
    if not found.contracts:
        yield "What models promise is as before."
        yield ""
        return
    rows = [
        [f"`{change.model}`", change.text, "**breaking**" if change.is_breaking else "", ", ".join(change.readers)]
        for change in found.contracts
    ]
    yield from markdown_table(["model", "change", "", "for"], rows)
    yield ""


def _data(found: Findings) -> Iterator[str]:
    yield "## Data"
    yield ""
    if not found.differences:
        yield "Every mart has the rows it had."
        yield ""
        return
    for reader in found.readers:
        yield f"- {reader['type']} **{reader['name']}** reads what changed (owner: {reader['owner']})"
    if found.readers:
        yield ""
    yield from as_markdown(found.differences)


def _timings(found: Findings) -> Iterator[str]:
    if not found.timings:
        return
    yield "## Run time"
    yield ""
    yield "Each changed query over all of history, the better of two runs on either side."
    yield ""
    rows = []
    for timing in found.timings:
        sides = [f"{second:.2f} s" if second is not None else "stopped" for second in (timing.before, timing.after)]
        both = timing.before and timing.after is not None
        rows.append([f"`{timing.model}`", *sides, f"× {timing.after / timing.before:.2f}" if both else ""])
    yield from markdown_table(["model", "before", "now", ""], rows)
    yield ""
