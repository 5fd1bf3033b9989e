"""The tables of docs/performance.md, printed from what the benchmarks left: ``python -m scripts.bench.page [--write]``.

Each benchmark keeps its figures as JSON (``keep``), with the machine they were taken on; the page shows those and
nothing that somebody typed. A benchmark that was not run yet has a line that says how to run it.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts.home import PROJECT

RESULTS = PROJECT / "scripts/bench/results"
PAGE = PROJECT / "docs/performance.md"
PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def keep(name: str, figures: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write a benchmark's figures down, with the machine they were taken on."""
    machine = {"cpus": os.cpu_count(), "memory_gb": _memory_gb(), "system": platform.system(),
               "python": platform.python_version(), "duckdb": duckdb.__version__}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, **figures}, indent=1) + "\n")
    return path


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)


def tables(folder: Path = RESULTS) -> dict[str, str]:
    """The Markdown of each benchmark's figures, by name."""
    found = {}
    for name, (show, command) in PAGES.items():
        path = folder / f"{name}.json"
        if path.exists():
            kept = json.loads(path.read_text())
            found[name] = f"{show(kept)}\n\n{_machine(kept['machine'])} `{command}`"
        else:
            found[name] = f"Not measured yet: `{command}`"
    return found


def _machine(machine: Mapping[str, Any]) -> str:
    return (
        f"Measured on {machine['cpus']} cores and {machine['memory_gb']} GB of memory, {machine['system']}, Python "
        f"{machine['python']}, DuckDB {machine['duckdb']}:"
    )


def _nights(kept: Mapping[str, Any]) -> str:
    head = ["history", "plays", "one night, s", "nothing stale, s", "dbt's start-up, s", "peak memory, GB",
            "warehouse, GB", "landing, GB"]  # fmt: skip
    rows = [
        [f"{row['days']} days", f"{row['plays']:,}", row["night_seconds"], row["nothing_new_seconds"],
         row["startup_seconds"], row["peak_gb"], row["warehouse_gb"], row["landing_gb"]]
        for row in kept["rows"]
    ]  # fmt: skip
    first, last = kept["rows"][0], kept["rows"][-1]
    return (
        f"{_markdown(head, rows)}\n\n"
        f"A night after {last['days']} days costs **{kept['night_ratio']}** times one after {first['days']} days. "
        f"First load of {first['plays']:,} plays: {first['first_load_seconds']} s, the same statements bare in DuckDB "
        f"{first['bare_seconds']} s: **{first['ratio_to_bare']}** times."
    )


def _royalties(kept: Mapping[str, Any]) -> str:
    head = ["step", "on the wall, s", "of the processor, s"]
    rows = [[name, step["seconds"], step["cpu_seconds"]] for name, step in kept["steps"].items()]
    streams, _, allocations, lines = kept["rows"].values()
    models = ", ".join(f"`{name}` {seconds}" for name, seconds in kept["cpu_seconds_by_model"].items())
    return (
        f"{kept['plays']:,} plays of {kept['listeners']:,} listeners, {kept['recordings']:,} tracks, {kept['pairs']:,} "
        f"pairs of listener and track; {streams:,} rows of daily streams, {allocations:,} rows of allocations and "
        f"{lines:,} lines of statements come of them.\n\n{_markdown(head, rows)}\n\n"
        f"Allocations, lines and statements cost **{kept['times_the_bare_group_by_cpu']}** times the processor time of "
        f"the bare `group by` ({kept['times_the_bare_group_by']} times on the wall), {kept['times_it_written_cpu']} "
        f"times that of one whose result is written into the warehouse as theirs are; at most {kept['peak_gb']} GB. "
        f"Seconds of the processor: {models}."
    )


def _lines(kept: Mapping[str, Any]) -> str:
    return "\n\n".join(_markdown(part["head"], part["rows"]) for part in kept["tables"])


def _year(kept: Mapping[str, Any]) -> str:
    head = ["nights", "a night, s of the processor", "dbt's start-up, s of the processor", "warehouse, MB",
            "landing, MB"]  # fmt: skip
    rows = [
        [row["nights"], row["night_cpu_seconds"], row["startup_cpu_seconds"], row["warehouse_mb"], row["landing_mb"]]
        for row in kept["rows"]
    ]
    return (
        f"{_markdown(head, rows)}\n\n"
        f"After {kept['nights']} nights of {kept['plays']:,} plays, {kept['late_share']:.0%} of them late, the "
        f"definition of a mart changed every {kept['change_every']} nights, `gc` every {kept['gc_every']}: the "
        f"warehouse takes **{kept['size_ratio']}** times one built anew from the same landing and holds the same, "
        f"{kept['days_compared']:,} days of marts compared by hash. The last ten nights took "
        f"**{kept['night_ratio']}** times the first ten, dbt's start-up **{kept['startup_ratio']}** times."
    )


def _hours(kept: Mapping[str, Any]) -> str:
    head = ["history", "articles in it", "ordinary hour, s", "of the processor", f"hour with {kept['new']:,}, s",
            "of the processor"]  # fmt: skip
    rows = [
        [f"{row['hours']:,} hours", row["articles"], row["ordinary_seconds"], row["ordinary_cpu_seconds"],
         row["busy_seconds"], row["busy_cpu_seconds"]]
        for row in kept["rows"]
    ]  # fmt: skip
    text = _markdown(head, rows)
    if len(rows) > 1:
        ratios = kept["ratios"]
        text += (
            f"\n\nAfter {rows[-1][0]} an hour with {kept['new']:,} new articles takes **{ratios['busy_seconds']}** "
            f"times as long as after {rows[0][0]} ({ratios['busy_cpu_seconds']} times the processor), an ordinary one "
            f"**{ratios['ordinary_seconds']}** times ({ratios['ordinary_cpu_seconds']})."
        )
    return text


def _headlines(kept: Mapping[str, Any]) -> str:
    head = ["articles at hand", "new among them", "stories of those", "seconds of the processor", "memory so far, GB"]
    return _markdown(head, [list(row.values()) for row in kept["rows"]])


def _emails(kept: Mapping[str, Any]) -> str:
    said = []
    for name, what in (("mails", "mails"), ("signed", "mails, signed")):
        if found := kept.get(name):
            whole = found["seconds"] / found["mails"] * 200_000 / 60
            said.append(
                [f"{found['mails']:,} {what}", found["seconds"], f"{found['cpu_ms']} ms of the processor a mail; at "
                 f"that pace 200,000 take {whole:.0f} min"]
            )  # fmt: skip
    if found := kept.get("audience"):
        told = f"{found['cpu_seconds']} s of the processor; {found['judged']:,} judged, {found['outbox']:,} to be sent"
        said.append([f"audience of {found['members']:,}, four campaigns", found["seconds"], told])
    return _markdown(["what", "on the wall, s", ""], said)


def _search(kept: Mapping[str, Any]) -> str:
    said = {
        "bare": "Tantivy alone, the same documents with its default words",
        "rebuild": "`index` from nothing: both forms, read back, hashed",
        "update": "`index` after a night that changed a hundredth",
    }
    head = ["step", "on the wall, s", "of the processor, s", "peak memory, GB"]
    rows = [
        [text, kept["steps"][name]["seconds"], kept["steps"][name]["cpu_seconds"], kept["steps"][name]["peak_gb"]]
        for name, text in said.items()
    ]
    queries = kept["steps"]["queries"]
    return (
        f"{kept['documents']:,} documents.\n\n{_markdown(head, rows)}\n\n"
        f"From nothing **{kept['rebuild_ratio_cpu']}** times the processor time of Tantivy alone "
        f"({kept['rebuild_ratio']} times on the wall); a night of changes **{kept['update_share_cpu']}** of that "
        f"({kept['update_share']} on the wall). A query through Tantivy, a third of them with a typing error: median "
        f"**{queries['median_ms']} ms**, 95% under {queries['most_ms']} ms."
    )


def _recommend(kept: Mapping[str, Any]) -> str:
    head = ["model", "step", "on the wall, s", "of the processor, s", "peak memory, GB"]
    named = {
        "implicit": "`recommend` of `implicit`",
        "rules": "rules in SQL: what is offered where, what is hidden from whom",
        "scores": "scores (`int_discovery__scored`)",
        "lists and reasons": "lists and reasons in SQL, to the mart",
    }
    rows = [
        [kind, text, steps[name]["seconds"], steps[name]["cpu_seconds"], steps[name]["peak_gb"]]
        for kind, steps in kept["kinds"].items()
        for name, text in named.items()
    ]
    told = []
    for kind, steps in kept["kinds"].items():
        alike = steps["scores"].get("alike")
        compared = f", {alike:.2%} of the places alike before the rules" if alike else ""
        told.append(
            f"{kind}: **{steps['times']}** times on the wall, {steps['times_cpu']} times the processor{compared}"
        )
    return (
        f"{kept['listeners']:,} listeners × {kept['items']:,} tracks, {kept['history']} plays each, 50 places.\n\n"
        f"{_markdown(head, rows)}\n\nAll of a night's work against `implicit` alone: {'; '.join(told)}."
    )


def _fraud_features(kept: Mapping[str, Any]) -> str:
    seconds, columns = kept["seconds"], kept["columns"]
    ways = {"pandas": "pandas `rolling`, as the handbook writes it", "sql_fifteen": "our SQL, the same features",
            "sql_all": "our SQL, all features"}  # fmt: skip
    rows = [[ways[name], columns[name], seconds[name], f"{seconds[name] / seconds['pandas']:.3f}"] for name in ways]
    head = ["way", "features", "s", "of the time of pandas"]
    values = kept["rows"] * columns["pandas"]
    return (
        f"{kept['rows']:,} transactions, {kept['threads']} threads of DuckDB, one of pandas, in one run.\n\n"
        f"{_markdown(head, rows)}\n\n"
        f"Of {values:,} values {sum(kept['differ'].values()):,} differ by more than 0.00001."
    )


def _reach(kept: Mapping[str, Any]) -> str:
    head = ["days", "listeners, exact", "ms", "by sketches", "ms", "off by, %"]
    keys = ("days", "exact", "exact_ms", "approx", "approx_ms", "off_percent")
    rows = [[row[key] for key in keys] for row in kept["rows"]]
    return (
        f"{_markdown(head, rows)}\n\n"
        f"{kept['sketch_rows']:,} rows of sketches stand for {kept['listening_rows']:,} of members and days."
    )


def _questions(kept: Mapping[str, Any]) -> str:
    head = ["a year of", "rows of aggregates", "questions", "median, ms", "slowest, ms", "which", "over the limit"]
    rows = [
        [f"{scale['plays_a_day']:,} plays a day" if scale["plays_a_day"] else "what is published", scale["rows"],
         scale["questions"], scale["median_ms"], scale["slowest"][0]["ms"],
         f"{scale['slowest'][0]['question']} ({scale['slowest'][0]['page']})",
         f"{scale['slow']} above {scale['limit_ms']:,} ms"]
        for scale in kept["scales"]
    ]  # fmt: skip
    return _markdown(head, rows)


PAGES: dict[str, tuple[Callable[[Mapping[str, Any]], str], str]] = {
    "nights": (_nights, ".venv/bin/python -m scripts.bench.nights"),
    "royalties": (_royalties, ".venv/bin/python -m scripts.bench.royalties"),
    "fraud_features": (_fraud_features, ".venv/bin/python -m scripts.bench.fraud_features --keep"),
    "year": (_year, ".venv/bin/python -m scripts.bench.year"),
    "alarms": (_lines, ".venv/bin/python -m scripts.bench.alarms --keep"),
    "hours": (_hours, ".venv/bin/python -m scripts.bench.hours"),
    "headlines": (_headlines, ".venv/bin/python -m scripts.bench.headlines"),
    "emails": (_emails, ".venv/bin/python -m scripts.bench.emails --mails 200000 --members 2000000"),
    "search": (_search, ".venv/bin/python -m scripts.bench.search"),
    "recommend": (_recommend, ".venv/bin/python -m scripts.bench.recommend"),
    "questions": (_questions, ".venv/bin/python -m scripts.bench.questions --keep"),
    "reach": (_reach, ".venv/bin/python -m scripts.bench.reach --listeners 1000000"),
    "simulate": (_lines, ".venv/bin/python -m scripts.bench.simulate --millions 12"),
    "land": (_lines, ".venv/bin/python -m scripts.bench.land --threads 1 --threads 2"),
}


def _markdown(head: list[str], rows: list[list[Any]]) -> str:
    """A table; numbers to the right."""
    is_number = [all(_looks_number(row[i]) for row in rows) for i in range(len(head))]
    lines = [head, [" ---: " if number else " --- " for number in is_number], *[[*map(_cell, row)] for row in rows]]
    return "\n".join(
        "|" + "|".join(cell if cell.startswith(" -") else f" {cell} " for cell in row) + "|" for row in lines
    )


def _cell(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _looks_number(value: object) -> bool:
    return value is None or isinstance(value, int | float) or str(value).replace(",", "").replace(".", "").isdigit()


def filled(text: str, found: Mapping[str, str]) -> str:
    """A page with its figures as they were last measured."""
    return PLACE.sub(lambda place: f"{place[1]}{found[place[2]]}\n{place[3]}", text)


@click.command()
@click.option("--write", is_flag=True, help="Put the tables into docs/performance.md.")
def main(write: bool) -> None:
    """Print the tables of docs/performance.md."""
    found = tables()
    if write:
        PAGE.write_text(filled(PAGE.read_text(), found))
        return
    for name, text in found.items():
        click.echo(f"{name}\n\n{text}\n")


if __name__ == "__main__":
    main()
