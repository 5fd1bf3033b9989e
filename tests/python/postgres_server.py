"""A PostgreSQL of the tests' own: a throw-away cluster on a Unix socket in a folder of its own, and on no port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

MISSING = (
    "no PostgreSQL server on this machine (Debian: apt-get install postgresql); `make env-test` tries to install it"
)


def programs() -> Path | None:
    """The folder of the newest server's programs."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = shutil.which("initdb")
    return debian[-1].parent if debian else Path(found).parent if found else None


class Server:
    """A running cluster."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def dsn(self, database: str = "postgres") -> str:
        """Connection string of a database."""
        return f"host={self.folder} port={self.port} user=postgres dbname={database}"

    def create(self, database: str) -> str:
        """A database of that name, empty; returns its connection string."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"drop database if exists {database} with (force)")
            connection.execute(f"create database {database}")
        return self.dsn(database)

    def run(self, program: str, *arguments: str) -> bytes:
        """One of the client programs, such as ``pg_dump``."""
        command = [programs() / program, "-h", self.folder, "-p", str(self.port), "-U", "postgres", *arguments]
        return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE).stdout


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a cluster, stop and remove it in the end. The server refuses to run as root, so root lends it a user."""
    bin_folder = programs()
    folder = Path(tempfile.mkdtemp(prefix="nightshift-pg-"))
    lend = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        lend = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    data, port = folder / "data", 5432  # of the socket's name; it clashes with nobody
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
    initdb = [bin_folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    settings = f"-k {folder} -p {port} -c listen_addresses='' -c fsync=off -c max_connections=30"
    start = [bin_folder / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start"]
    try:
        subprocess.run([*lend, *map(str, initdb)], **quiet)
        subprocess.run([*lend, *map(str, start)], **quiet)
        try:
            yield Server(folder, port)
        finally:
            stop = [bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
            subprocess.run([*lend, *map(str, stop)], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
