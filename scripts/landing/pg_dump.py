"""Output of ``pg_dump`` as files of rows: the COPY blocks of a plain dump, or of what ``pg_restore`` makes of another.

A dump is one consistent snapshot by itself. One that was cut short lacks its last line and is refused whole.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.backends import Table
from scripts.faults import fault_point
from scripts.landing.streams import ByteStream, Damaged

COPY = re.compile(rb"COPY (?:(\"[^\"]+\"|[^\s.\"]+)\.)?(\"[^\"]+\"|[^\s.\"(]+) \((.*)\) FROM stdin;\r?\n?")
COMPLETE = b"-- PostgreSQL database dump complete"
DEBIAN = Path("/usr/lib/postgresql")


def extract(path: Path, tables: Iterable[Table], spool: Path) -> dict[str, Path]:
    """The rows of each table as a file: a line of column names, then COPY's lines. Tables without data are left out.

    Raises ``Damaged`` if the dump cannot be read to its end.
    """
    spool.mkdir(parents=True, exist_ok=True)
    wanted = {(t.source.schema, t.relation or t.name): spool / f"{t.name}.copy" for t in tables}
    found: dict[str, Path] = {}
    is_complete, has_inserts = False, False
    with _text(path) as lines:
        for line in lines:
            if block := COPY.fullmatch(line):
                schema, name = (_plain(part or b"public") for part in block.group(1, 2))
                file = wanted.get((schema, name))
                # A block that nobody wants is read over as well: its rows may look like anything.
                with Path(file or "/dev/null").open("wb") as rows:
                    rows.write("\t".join(_plain(c) for c in _split(block[3])).encode() + b"\n")
                    for row in lines:
                        if row == b"\\.\n":
                            break
                        rows.write(row)
                if file:
                    found[file.stem] = file
                    fault_point("land:extracted")
            has_inserts |= line.startswith(b"INSERT INTO ")
            is_complete |= line.startswith(COMPLETE)
    if not is_complete:
        raise Damaged("cut short: its last line, 'PostgreSQL database dump complete', is missing")
    if has_inserts and not found:
        raise Damaged("has INSERT statements; make it without --inserts and --column-inserts")
    return found


@contextmanager
def _text(path: Path) -> Iterator[Iterator[bytes]]:
    """Lines of the dump as SQL."""
    with path.open("rb") as file:
        is_archive = file.read(5) == b"PGDMP"
    if not is_archive:
        stream = ByteStream(path)
        yield _lines(stream)
        if stream.truncated:
            raise Damaged("cut short")
        return
    command = [_pg_restore(), "--data-only", "--file=-", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield iter(process.stdout)
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise Damaged(f"pg_restore: {' '.join(said.split())}")


def _lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in stream:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def _pg_restore() -> str:
    """The newest ``pg_restore`` there is; an archive cannot be read by an older one than made it."""
    debian = sorted(DEBIAN.glob("*/bin/pg_restore"), key=lambda p: int(p.parts[-3]))
    program = str(debian[-1]) if debian else shutil.which("pg_restore")
    if not program:
        raise Damaged("reading a custom-format dump needs pg_restore (Debian: postgresql-client)")
    return program


def _split(columns: bytes) -> list[bytes]:
    return re.findall(rb'"(?:[^"]|"")*"|[^\s,]+', columns)


def _plain(name: bytes) -> str:
    text = name.decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def escapes(text: str) -> str:
    """A value of COPY's text format without its backslashes."""
    return re.sub(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", _unescaped, text, flags=re.DOTALL)


_LETTERS: Mapping[str, str] = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _LETTERS.get(code, code)
