"""One night of new plays after 30, 120 and 360 days of history: seconds, memory and disk of the build.

    .venv/bin/python -m scripts.bench.nights --days 30 --days 120 --days 360

Plays are generated straight in the landing's form (so that what is measured is the build, not the reading of gz files);
the models are those an ordinary night runs over plays. Beside the first load, the same statements bare: dbt's compiled
SQL run by DuckDB as ``create table as`` over the same files, with the same memory and threads.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import click
import duckdb

from scripts.backends import load_all
from scripts.bench.page import RESULTS, keep
from scripts.bench.world import PART, put_manifest
from scripts.home import PROJECT
from scripts.landing.store import MANIFEST

FIRST_DAY = date(2025, 1, 1)
SCHEMAS = {
    "stg_playback__plays": "staging",
    "fct_plays": "core",
    "int_plays_counted": "intermediate",
    "int_member_listening_daily": "intermediate",
    "listening_daily": "business",
}
MODELS = ["+listening_daily"]
READ_BESIDE = {"risk": "artificial_plays", "core": "dim_member_plan_history"}
COMPARED = ["fct_plays", "int_member_listening_daily", "listening_daily"]


def land_day(
    home: Path, day: date, plays: int, accounts: int, tracks: int, about: date | None = None, first: int = 0
) -> None:
    """One arrival day of ``playback.plays``: Zipf-like tracks, a listener's own device, a thousandth sent twice.

    ``about``: plays of an earlier day that arrive late; ``first``: the number of the first of them within their day.
    """
    table = load_all()["playback"].tables["plays"]
    dump_id = f"{day:%Y%m%d}{f'{first:08}' if first else ''}".rjust(16, "0")
    arrived, day = day, about or day
    folder = home / f"landing/playback/plays/dt={arrived}/{dump_id}"
    if (folder / MANIFEST).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "play_id": "substr(md5(concat(day_number, '-', greatest(i - (i % 1000 = 0)::int, 0))), 1, 16)",
        "account_id": "concat('p_', substr(md5(cast(account as varchar)), 1, 24))",
        "track_id": f"concat('t', cast(floor(pow({tracks}, r2)) as bigint))",
        "started_at": "moment",
        "sent_at": "moment + interval 5 minute",
        "received_at": "moment + interval 5 minute",
        "ms_played": "cast(5000 + r3 * 240000 as integer)",
        "country": "list_extract(['DE','FR','US','GB','BR','SE','JP','PL'], account % 8 + 1)",
        "device_id": "substr(md5(concat('d', account)), 1, 16)",
        "network_prefix": "substr(md5(concat('n', account // 3)), 1, 16)",
        "app_version": "'7.1.0'",
        "context": "list_extract(['library','search','playlist','radio','album'], cast(i % 5 as integer) + 1)",
        "context_id": "cast(null as varchar)",
        "is_offline": "false",
        "audio_quality": "'high'",
        "_event_at": "moment",
        "_event_on": f"date '{day}'",
        "_covers_on": f"date '{arrived}'",
        "_arrived_on": f"date '{arrived}'",
        "_dump_id": f"'{dump_id}'",
        "_source_file": "'plays.jsonl.gz'",
        "_source_line": "i + 1",
    }
    columns = ", ".join(f"cast({values[c.name]} as {c.landed_type}) as {c.name}" for c in table.landed)
    ids = ", ".join(f"{c.name}: {c.field_id}" for c in table.landed)
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute(f"""
        copy (
            with drawn as (
                select i, {(day - FIRST_DAY).days} as day_number,
                    (hash(i, {day.toordinal()}, 1) % {accounts})::bigint as account,
                    (hash(i, {day.toordinal()}, 2) % 1000003) / 1000003.0 as r2,
                    (hash(i, {day.toordinal()}, 3) % 1000003) / 1000003.0 as r3,
                    timestamp '{day}' + to_microseconds(i * 86000000000 // {first + plays}) as moment
                from range({first}, {first + plays}) as t(i)
            )
            select {columns} from drawn
        ) to '{folder / PART}' (format parquet, compression zstd, compression_level 1, field_ids {{{ids}}})""")
    put_manifest(folder, table, arrived, plays, event_on=day)


def build(home: Path, models: Sequence[str] = MODELS, step: str = "build", project: Path = PROJECT) -> dict[str, float]:
    """One ``dbt build`` (or ``ls``) of some models (the plays' by default); seconds and peak resident memory in GB."""
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home), "DBT_PROFILES_DIR": str(project)}
    arguments = [
        str(PROJECT / ".venv/bin/dbt"),
        "-q",
        step,
        "--project-dir",
        str(project),
        "--target",
        "night",
        *(("--threads", "1") if step == "build" else ("--output", "name")),
        "--exclude-resource-type",
        "unit_test",
        "--exclude-resource-type",
        "test",
        "--target-path",
        str(home / "target"),
        "--select",
        *models,
    ]
    (home / "warehouse").mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    silent = [] if step == "build" else [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(arguments[0], arguments, environment, file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"dbt {step} failed in {home}")
    return {
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_gb": round(usage.ru_maxrss / 1e6, 2),
    }


def bare(home: Path, days: int) -> float:
    """Seconds of the same statements without dbt and ledger, as ``create table as`` in a file of its own."""
    file = home / "bare.duckdb"
    file.unlink(missing_ok=True)
    connection = duckdb.connect(str(file))
    connection.execute("set threads = 2; set memory_limit = '6GB'; set preserve_insertion_order = false")
    connection.execute(f"set temp_directory = '{home}/spill'")
    table = load_all()["playback"].tables["plays"]
    files = [f"{home}/landing/playback/plays/dt={FIRST_DAY + timedelta(d)}/*/*.parquet" for d in range(days)]
    columns = ", ".join(c.name for c in table.landed)
    for schema in {"landing", *SCHEMAS.values()}:
        connection.execute(f"create schema {schema}")
    connection.execute(f"create view landing.playback__plays as select {columns} from read_parquet({files})")
    seconds = 0.0
    compiled = {path.stem: path.read_text() for path in (home / "target/compiled").rglob("*.sql")}
    connection.execute(f"attach '{home}/warehouse/warehouse.duckdb' as built (read_only)")
    for schema, model in READ_BESIDE.items():
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create table {schema}.{model} as from built.{schema}.{model}")
    for model in SCHEMAS:
        sql = compiled[model].replace('"warehouse".', '"bare".')
        schema = SCHEMAS[model]
        kind = "table" if model in COMPARED else "view"
        started = time.monotonic()
        connection.execute(f"create {kind} {schema}.{model} as {sql}")
        seconds += time.monotonic() - started
    connection.execute("checkpoint")
    connection.close()
    file.unlink()
    return round(seconds, 2)


def disk_gb(folder: Path) -> float:
    """Size of a folder in GB."""
    return round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9, 2)


@click.command()
@click.option("--days", "histories", multiple=True, type=int, default=(30, 120, 360), show_default=True)
@click.option("--plays-per-day", "plays", default=1_000_000, show_default=True, help="New plays a day.")
@click.option("--accounts", default=200_000, show_default=True)
@click.option("--tracks", default=50_000, show_default=True)
@click.option("--nights", default=3, show_default=True, help="Nights after each history; the median counts.")
@click.option("--home", type=click.Path(path_type=Path), default=Path("var/bench/nights"), show_default=True)
@click.option("--keep/--no-keep", "is_kept", default=False, help="Leave the files for a later run.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=RESULTS,
    help="Folder of the figures (default: those that docs/performance.md shows).",
)
def main(
    histories: tuple[int, ...],
    plays: int,
    accounts: int,
    tracks: int,
    nights: int,
    home: Path,
    is_kept: bool,
    results: Path,
) -> None:
    """Print one line for each history: first load or catching up, then an ordinary night."""
    home = home.resolve()
    if not is_kept:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    landed = 0
    found = []

    def land_until(days: int) -> None:
        nonlocal landed
        for number in range(landed, days):
            land_day(home, FIRST_DAY + timedelta(number), plays, accounts, tracks)
        landed = max(landed, days)

    for days in sorted(histories):
        land_until(days)
        first = build(home)
        row = {"days": days, "plays": days * plays, "peak_gb": first["peak_gb"]}
        row["first_load_seconds" if days == min(histories) else "catch_up_seconds"] = first["seconds"]
        if days == min(histories):
            row["bare_seconds"] = bare(home, days)
            row["ratio_to_bare"] = round(first["seconds"] / row["bare_seconds"], 2)
        times = []
        for _ in range(nights):
            land_until(landed + 1)
            night = build(home)
            times.append(night["seconds"])
            row["peak_gb"] = max(row["peak_gb"], night["peak_gb"])
        row["night_seconds"] = sorted(times)[len(times) // 2]
        row["nothing_new_seconds"] = build(home)["seconds"]
        row["startup_seconds"] = build(home, step="ls")["seconds"]
        row["warehouse_gb"] = disk_gb(home / "warehouse")
        row["landing_gb"] = disk_gb(home / "landing")
        found.append(row)
        click.echo("  ".join(f"{name} {value}" for name, value in row.items()))
    ratio = round(found[-1]["night_seconds"] / found[0]["night_seconds"], 2)
    click.echo(f"night after {found[-1]['days']} days : night after {found[0]['days']} days = {ratio}")
    keep("nights", {"night_ratio": ratio, "rows": found}, results)
    if not is_kept:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
