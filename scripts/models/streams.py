"""Artificial streaming: the models' own SQL over any plays, without a warehouse."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import zstandard

from scripts.console import FAILED, USAGE, Stop, count, warn
from scripts.home import PROJECT, folder

CUT = b"\0cut off"
RULES = PROJECT / "seeds" / "streaming_rules.csv"
VERDICTS = "int_risk__suspicious_plays"
# What a column may be called elsewhere; the first is the contract's name (backends/playback.yml).
NEEDED = {
    "play_id": ("play_id", "id"),
    "account_id": ("account_id", "account", "user_id", "listener_id", "member_id"),
    "track_id": ("track_id", "track", "recording_id"),
    "started_at": ("started_at", "played_at", "start_time", "timestamp"),
    "ms_played": ("ms_played", "played_ms", "duration_ms"),
}
# Without one of these, the rules that look at it are silent.
HELPFUL = {
    "country": ("country",),
    "device_id": ("device_id", "device"),
    "network_prefix": ("network_prefix", "network"),
}
VERDICT = ("is_artificial", "artificial", "is_bot", "is_fraud", "label")
# Lines that cannot be read are left out and counted: of JSON they are rows of nothing, of CSV no rows.
LINES = "read_json({}, union_by_name = true, format = 'newline_delimited', ignore_errors = true)"
CSV = "read_csv({}, union_by_name = true, header = true, ignore_errors = true)"
READERS = {".parquet": "read_parquet({}, union_by_name = true)", ".csv": CSV,
           ".json": "read_json({}, union_by_name = true)", ".jsonl": LINES, ".ndjson": LINES}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Files of one table: a file, a folder of them or a pattern."""

    label: str
    files: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, where: str, connection: duckdb.DuckDBPyConnection) -> Source:
        """The files, and their columns with types (in lower case); ends the step if there are none."""
        path = Path(where)
        if path.is_dir():
            files = sorted(
                str(file) for file in path.rglob("*") if _kind(file) and not file.name.startswith((".", "_"))
            )
        elif path.exists():
            files = [where]
        else:
            files = sorted(str(file) for file in Path(path.anchor or ".").glob(where.removeprefix(path.anchor)))
        if not files:
            raise Stop(f"{where}: no such file, nor a folder or pattern with Parquet, CSV or JSON lines in it", USAGE)
        found = cls(where, tuple(files))
        try:
            rows = connection.execute(f"describe from {found.sql}").fetchall()
        except duckdb.Error as error:
            raise Stop(f"{where} cannot be read: {_cause(error)}", USAGE) from None
        if [row[0] for row in rows] == ["json"]:
            raise Stop(f"{where} cannot be read: {_first_broken(files) or 'no JSON objects in it'}", USAGE)
        return cls(where, tuple(files), {row[0]: row[1] for row in rows})

    @property
    def sql(self) -> str:
        """What to select from."""
        return self.reader.format("[" + ", ".join(_text(file) for file in self.files) + "]")

    @property
    def reader(self) -> str:
        """How its files are read."""
        return READERS[_kind(Path(self.files[0])) or ".parquet"]

    def value(self, names: Sequence[str]) -> str | None:
        """SQL of the column that is called so; of several (in different files) the one that is filled."""
        lower = {column.lower(): column for column in self.columns}
        present = [f'"{lower[name]}"' for name in names if name in lower]
        if not present:
            return None
        return present[0] if len(present) == 1 else f"coalesce({', '.join(present)})"

    def kind_of(self, names: Sequence[str]) -> str:
        """The type of the first of some columns that is there."""
        lower = {column.lower(): kind for column, kind in self.columns.items()}
        return next((lower[name] for name in names if name in lower), "")

    def moment(self, names: Sequence[str]) -> str | None:
        """The same as a moment in UTC: from a timestamp, text or a number of milliseconds or seconds since 1970."""
        value, kind = self.value(names), self.kind_of(names)
        if value is None:
            return None
        if kind.endswith("WITH TIME ZONE"):
            return f"({value} at time zone 'UTC')"
        if kind.split("(")[0] in ("BIGINT", "INTEGER", "UBIGINT", "HUGEINT", "DOUBLE", "DECIMAL"):
            milliseconds = f"case when {value} > 100000000000 then {value} else {value} * 1000 end"
            return f"epoch_ms(cast({milliseconds} as bigint))"
        if kind == "VARCHAR":
            return f"(cast(try_cast({value} as timestamptz) at time zone 'UTC' as timestamp))"
        return f"cast({value} as timestamp)"


def compiled_models() -> Mapping[str, Any]:
    """The models between core.fct_plays and the verdicts, compiled by dbt, each after what it reads."""
    target = folder("examples") / "streams-target"
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--select", f"+{VERDICTS}"]
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(folder("examples")), "DBT_PROFILES_DIR": str(PROJECT)}
    (folder("examples") / "dev").mkdir(exist_ok=True)
    done = subprocess.run(
        [*command, "--target-path", str(target), "--log-path", str(target / "logs")],
        cwd=PROJECT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Stop(f"the rules' models do not compile:\n{done.stdout[-2000:]}", FAILED)
    nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    ordered: dict[str, Any] = {}

    def visit(identifier: str) -> None:
        node = nodes.get(identifier)
        if node is None or node["resource_type"] != "model" or node["name"] in ("fct_plays", *ordered):
            return
        for parent in node["depends_on"]["nodes"]:
            visit(parent)
        ordered[node["name"]] = node

    visit(f"model.nightshift.{VERDICTS}")
    return ordered


def load_plays(connection: duckdb.DuckDBPyConnection, plays: Source) -> int:
    """Make core.fct_plays from files with the contract's columns; returns how many plays there are."""
    if missing := [name for name, names in NEEDED.items() if plays.value(names) is None]:
        raise Stop(
            f"{plays.label} has no column {', '.join(missing)}; it has {', '.join(plays.columns)} "
            "(columns of backends/playback.yml: plays)",
            USAGE,
        )
    for name in HELPFUL:
        if plays.value(HELPFUL[name]) is None:
            warn("evaluate", f"{plays.label} has no column {name}: rules that look at it say nothing")
    started = plays.moment(NEEDED["started_at"])
    sent, received = plays.moment(("sent_at",)), plays.moment(("received_at",))
    at = f"coalesce({started} + ({received} - {sent}), {started})" if sent and received else started
    columns = [
        f"cast({plays.value(NEEDED[name])} as varchar) as {name}" for name in ("play_id", "account_id", "track_id")
    ]
    columns += [
        f"cast({plays.value(names)} as varchar) as {name}" if plays.value(names) else f"cast(null as varchar) as {name}"
        for name, names in HELPFUL.items()
    ]
    for schema in ("core", "intermediate", "risk", "seeds"):
        connection.execute(f"create schema if not exists {schema}")
    connection.execute("set TimeZone = 'UTC'")
    # the copy received first counts, as in core.fct_plays; ties are broken by all that is known of a play
    made = (
        f"create or replace table core.fct_plays as with plays as (select {', '.join(columns)}, {at} as played_at, "
        f"try_cast({plays.value(NEEDED['ms_played'])} as bigint) as ms_played, {received or at} as received_at "
        f"from {plays.sql}), copies as (select *, cast(played_at as date) as played_on, row_number() over "
        "(partition by play_id order by received_at, ms_played desc, played_at, account_id, track_id) as copy_number "
        "from plays where play_id is not null and account_id is not null and track_id is not null "
        "and played_at is not null and ms_played between 0 and 86400000) "
        "select * exclude (copy_number, received_at) from copies where copy_number = 1"
    )
    _read(connection, plays, made)
    number, whole = connection.execute(
        f"select (select count(*) from core.fct_plays), (select count(distinct {plays.value(NEEDED['play_id'])}) "
        f"from {plays.sql})"
    ).fetchone()
    if not number:
        raise Stop(f"{plays.label} holds no play that could be judged", USAGE)
    if number < whole:
        warn(
            "evaluate",
            f"{whole - number:,} of {whole:,} plays are left out: without a track, an account, a time or a length",
        )
    return number


def read_rules() -> dict[tuple[str, str], float]:
    """The limits of seeds/streaming_rules.csv by rule and threshold."""
    with RULES.open(newline="") as file:
        return {(row["rule"], row["threshold"]): float(row["value"]) for row in csv.DictReader(file)}


def judge_plays(
    connection: duckdb.DuckDBPyConnection, models: Mapping[str, Any], limits: Mapping[tuple[str, str], float]
) -> None:
    """Make the verdicts, with all between, from core.fct_plays and these limits."""
    connection.execute("create or replace table seeds.streaming_rules (rule varchar, threshold varchar, value double)")
    connection.executemany(
        "insert into seeds.streaming_rules values (?, ?, ?)", [[*key, value] for key, value in sorted(limits.items())]
    )
    database = connection.execute("select current_database()").fetchone()[0]
    for node in models.values():
        sql = node["compiled_code"].replace('"warehouse".', f'"{database}".')
        connection.execute(f'create or replace table {node["schema"]}."{node["alias"]}" as {sql}')


def load_truth(connection: duckdb.DuckDBPyConnection, truth: Source) -> None:
    """Make truth (play_id, habit, is_artificial): of files with a verdict, or of the ids of artificial plays alone."""
    identifier = truth.value(NEEDED["play_id"])
    if identifier is None:
        raise Stop(f"{truth.label} has no column play_id; it has {', '.join(truth.columns)}", USAGE)
    habit = truth.value(("habit", "bot_habit", "kind"))
    verdict = truth.value(VERDICT)
    if verdict is not None:
        said = f"coalesce(try_cast(cast({verdict} as varchar) as boolean), false)"
    elif habit is None:
        warn("evaluate", f"{truth.label} has no column is_artificial: the plays it names are taken to be artificial")
        said = "true"
    else:
        raise Stop(f"{truth.label} has no column is_artificial; it has {', '.join(truth.columns)}", USAGE)
    made = (
        "create or replace table truth as with named as ("
        f"select cast({identifier} as varchar) as play_id, cast({habit or 'null'} as varchar) as habit, "
        f"{said} as is_artificial from {truth.sql}) "
        "select play_id, coalesce(max(habit), '') as habit, bool_or(is_artificial) as is_artificial "
        "from named where play_id is not null group by play_id"
    )
    _read(connection, truth, made)
    if said == "true":
        connection.execute(
            "insert into truth select play_id, '', false from core.fct_plays "
            "where play_id not in (select play_id from truth)"
        )
    known, unknown = connection.execute(
        "select count(truth.play_id), count(*) filter (where truth.play_id is null) "
        "from core.fct_plays as plays left join truth using (play_id)"
    ).fetchone()
    if not known:
        raise Stop(f"{truth.label} and the plays have no play_id in common", USAGE)
    if unknown:
        warn("evaluate", f"{unknown:,} plays of which the truth is not told are left out")


def figures(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Precision and recall over streams (plays of at least 30 s), by habit, and what each rule found."""
    rows = connection.execute(
        "select truth.habit, truth.is_artificial, count(*), count(judged.play_id) from truth "
        "inner join core.fct_plays as plays using (play_id) "
        f"left join intermediate.{VERDICTS} as judged using (play_id) "
        "where plays.ms_played >= 30000 group by all order by 2 desc, 1"
    ).fetchall()
    rules = connection.execute(
        "select judged.reason, count(*), count(*) filter (where truth.is_artificial) "
        f"from intermediate.{VERDICTS} as judged inner join truth using (play_id) "
        "inner join core.fct_plays as plays using (play_id) where plays.ms_played >= 30000 group by all order by 1"
    ).fetchall()
    judged = sum(row[3] for row in rows)
    right = sum(row[3] for row in rows if row[1])
    artificial = sum(row[2] for row in rows if row[1])
    return {
        "streams": sum(row[2] for row in rows),
        "artificial": artificial,
        "judged": judged,
        "precision": right / judged if judged else None,
        "recall": right / artificial if artificial else None,
        "habits": [
            {
                "habit": row[0] or ("artificial" if row[1] else "ordinary"),
                "artificial": row[1],
                "streams": row[2],
                "judged": row[3],
                "share": row[3] / row[2],
            }
            for row in rows
        ],
        "rules": [{"rule": row[0], "judged": row[1], "right": row[2]} for row in rules],
    }


def _read(connection: duckdb.DuckDBPyConnection, source: Source, made: str) -> None:
    """Make a table from files, and say how many of their rows have no play_id or cannot be read, and which is first."""
    try:
        connection.execute(made)
        identifier = source.value(NEEDED["play_id"])
        broken, whole = connection.execute(
            f"select count(*) filter (where {identifier} is null), count(*) from {source.sql}"
        ).fetchone()
    except duckdb.Error as error:
        raise Stop(f"{source.label} cannot be read: {_cause(error)}", USAGE) from None
    if source.reader == CSV:
        broken += sum(1 for _ in _lines(source.files)) - len(source.files) - whole
    if broken:
        first = _first_broken(source.files) if source.reader in (CSV, LINES) else ""
        warn(
            "evaluate",
            f"{source.label}: {count(broken, 'row')} left out, without a play_id or not to be read"
            + (f"; the first: {first}" if first else ""),
        )


def _lines(files: Sequence[str]) -> Iterator[tuple[str, int, bytes]]:
    """Lines that are not blank: file, number and content; where a compressed file is cut off, CUT."""
    for file in files:
        opener, number = {".gz": gzip.open, ".zst": zstandard.open}.get(Path(file).suffix, open), 0
        with opener(file, "rb") as lines:
            try:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield file, number, line
            except (EOFError, zlib.error, zstandard.ZstdError):
                yield file, number + 1, CUT


def _first_broken(files: Sequence[str]) -> str:
    """The first line that is no JSON object, or has another number of fields than its file's header."""
    fields = 0
    for file, number, line in _lines(files):
        cause = ""
        if line is CUT:
            cause = "cut off"
        elif _kind(Path(file)) == ".csv":
            found = len(next(csv.reader([line.decode(errors="replace")])))
            fields = found if number == 1 else fields
            if found != fields:
                cause = f"{count(found, 'field')} where the header has {fields}"
        else:
            try:
                cause = "" if isinstance(json.loads(line), dict) else "not a JSON object"
            except ValueError as error:
                cause = f"not JSON ({error})"
        if cause:
            return f"{Path(file).name}, line {number}: {cause}"
    return ""


def _cause(error: duckdb.Error) -> str:
    """What DuckDB says of a file, with the line, without its advice."""
    said = str(error).split("Possible")[0].split("possible")[0].splitlines()
    return " ".join(" ".join(line.split()) for line in said if line.strip())[:300]


def _kind(file: Path) -> str | None:
    """How a file is read, by its ending; a compressed one by the ending before that."""
    endings = [ending for ending in file.suffixes if ending not in (".gz", ".zst")]
    return endings[-1] if endings and endings[-1] in READERS else None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
