"""How fast lines land, and what bounds it: a million JSON lines in gzip, a million rows of CSV, the same as Parquet.

    .venv/bin/python -m scripts.bench.land --rows 1000000 --threads 1 --threads 2

Seconds of the processor and not of the clock, so that a busy machine says the same. "bare" is DuckDB alone reading the
same file with the same columns and writing it as Parquet: no checks, no line numbers, no quarantine, no pseudonyms.
"""

from __future__ import annotations

import gzip
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import duckdb

from scripts.backends import Table, load_all
from scripts.bench.page import RESULTS, keep
from scripts.console import table as printed
from scripts.landing import contract, records
from scripts.landing.streams import ByteStream

DAY = "2026-01-10"
ROWS = """
    select
        substr(md5(cast(i as varchar)), 1, 16) as play_id, 'a' || lpad(cast(hash(i) % 4000 as varchar), 6, '0') as account_id,
        't' || lpad(cast(hash(i, 1) % 40000 as varchar), 6, '0') as track_id,
        strftime(timestamp '2026-01-10 00:00:00' + interval 1 second * (i % 86000), '%Y-%m-%dT%H:%M:%S.%gZ') as started_at,
        started_at as sent_at, started_at as received_at, cast(hash(i, 2) % 300000 as integer) as ms_played,
        'DE' as country, 'd' || cast(hash(i, 3) % 8000 as varchar) as device_id, '10.1.' || cast(i % 200 as varchar) as network_prefix,
        '7.2.1' as app_version, 'playlist' as context, null::varchar as context_id, false as is_offline, 'high' as audio_quality
    from range({rows}) as r (i)
"""  # noqa: E501


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--threads", default=[1], multiple=True, show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the figures.")
def main(rows: int, threads: tuple[int, ...], results: Path) -> None:
    """Print rows a second and processor for each way in."""
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as folder:
        files = _write(Path(folder), rows)
        lines = []
        for form, file in files.items():
            for number in threads:
                lines.append(_landed(Path(folder) / f"home-{form}-{number}", form, file, rows, number))
            lines.append(_bare(file, rows))
        found = [
            {"head": ["way in", "threads", "seconds", "processor s", "rows/s a core", "peak MB"], "rows": lines},
            {"head": ["of the JSON lines (one core)", "processor s"], "rows": _steps(files["jsonl.gz"])},
        ]
        for part in found:
            print(printed(part["head"], part["rows"]), end="\n\n")
        keep("land", {"tables": found}, results)


def _write(folder: Path, rows: int) -> dict[str, Path]:
    """The same rows in each form."""
    query = ROWS.format(rows=rows)
    files = {form: folder / f"plays.{form}" for form in ("jsonl.gz", "csv.gz", "parquet")}
    with duckdb.connect() as connection:
        for form, file in files.items():
            plain = file.with_suffix("") if file.suffix == ".gz" else file
            options = {"jsonl.gz": "format json", "csv.gz": "format csv, header", "parquet": "format parquet"}[form]
            connection.execute(f"copy ({query}) to '{plain}' ({options})")
            if plain != file:
                file.write_bytes(gzip.compress(plain.read_bytes(), 6))
                plain.unlink()
    return files


def _landed(home: Path, form: str, file: Path, rows: int, threads: int) -> list[object]:
    """Land the file in a process of its own."""
    inbox = home / "inbox" / "playback" / DAY
    inbox.mkdir(parents=True)
    (inbox / f"plays-1.{form}").symlink_to(file)
    code = (
        "import dataclasses, sys; from scripts import backends, land\n"
        "found = backends.load_all()['playback']; form, endings = sys.argv[1].split('.')[0], sys.argv[1]\n"
        "plays = dataclasses.replace(found.tables['plays'], format=form, files='plays*.' + endings)\n"
        "found = dataclasses.replace(found, tables={'plays': plays}); land.load_all = lambda: {'playback': found}\n"
        "report = land.land_all(); assert report.rows == int(sys.argv[2]), report"
    )
    environment = {
        **os.environ,
        "NIGHTSHIFT_HOME": str(home),
        "NIGHTSHIFT_THREADS": str(threads),
        "NIGHTSHIFT_MASTER_KEY": "11" * 32,
    }
    began = time.monotonic()
    child = os.spawnve(os.P_NOWAIT, sys.executable, [sys.executable, "-c", code, form, str(rows)], environment)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"landing {form} failed")
    processor = used.ru_utime + used.ru_stime
    return [
        f"{form}, landed",
        threads,
        round(time.monotonic() - began, 1),
        *_speed(rows, processor),
        used.ru_maxrss // 1024,
    ]


def _bare(file: Path, rows: int) -> list[object]:
    """What DuckDB alone needs for the file."""
    reader = {".gz": "read_json_auto" if "json" in file.name else "read_csv_auto"}.get(file.suffix, "read_parquet")
    with duckdb.connect(config={"threads": 1}) as connection:
        began, used = time.monotonic(), _processor()
        target = file.with_name("bare.parquet")
        connection.execute(f"copy (select * from {reader}('{file}')) to '{target}' (format parquet, compression zstd)")
        seconds, processor = time.monotonic() - began, _processor() - used
    return [f"{file.name.split('.', 1)[1]}, bare DuckDB", 1, round(seconds, 1), *_speed(rows, processor), None]


def _speed(rows: int, processor: float) -> list[object]:
    return [round(processor, 1), int(rows / processor)]


def _steps(file: Path) -> list[list[object]]:
    """Where the time goes for JSON lines: each step includes those above it."""
    plays: Table = load_all()["playback"].tables["plays"]
    reading = records.Reading()
    day = contract.date.fromisoformat(DAY)
    fields, texts = contract.json_texts(plays)
    typing = contract.typing_query(plays, "batches", texts, [(day, day)], fields).sql

    def batches() -> list:
        return list(records.json_batches(plays, [records.Input(0, 0, "x", ByteStream(file), day)], reading))

    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        steps: dict[str, Callable] = {
            "decompress": lambda: sum(len(piece) for piece in ByteStream(file)),
            "cut into lines": batches,
        }
        lines = [[name, _timed(step)] for name, step in steps.items()]
        found = records.pa.Table.from_batches(batches())
        connection.register("batches", found)
        structure = f"create or replace temp table x as select {fields} as fields from batches"
        lines.append(["take the fields apart (DuckDB's JSON)", _timed(lambda: connection.execute(structure))])
        lines.append(["… and type and check them", _timed(lambda: connection.execute(f"create table y as {typing}"))])
        copy = "copy (select * exclude (_raw) from y order by _event_on, _file, _line) to '{}' (format parquet)"
        target = file.with_name("steps.parquet")
        lines.append(["sort and write Parquet", _timed(lambda: connection.execute(copy.format(target)))])
    return lines


def _timed(step: Callable) -> float:
    began = _processor()
    step()
    return round(_processor() - began, 2)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
