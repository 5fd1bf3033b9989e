"""``backup`` and ``restore``: the run state as one folder that is whole or not there, and back again.

A backup is a folder ``<night>-<number>/`` of plain files with ``_backup.json``, which names each with its size and
SHA-256. It is made under a hidden name and renamed when all of it is on the disk; a folder without record is none.
What an earlier backup holds already is a hard link to it. On the landing's own file system, files that are never
written again (dumps, published runs, model versions) are links to the living ones: that costs nothing and guards
against mistakes, not against the disk.

Restoring reads every byte, compares it with the record, and puts the layers in place only when all of them are whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from scripts.console import REFUSED, STOPPED, USAGE, Stop, count, duration, progress, say, size, warn
from scripts.faults import fault_point
from scripts.files import files_below, point_link, read_json, remove_folder, replace_json, sync
from scripts.home import folder, home
from scripts.landing.streams import sha256
from scripts.lock import RESTORING, WHOLE, all_locks
from scripts.published import CURRENT, MAKING
from scripts.warehouse import warehouse, warehouse_file

RECORD = "_backup.json"
LAYERS = ("landing", "quarantine", "vault", "mail", "registry", "exports", "site", "published", "warehouse")
# Written once and never again: what lies there may be shared with a backup.
IMMUTABLE = ("landing", "registry", "published")
# Made from the others, and of another state than what is restored.
DERIVED = ("hourly", "rebuild")


@dataclass(frozen=True)
class Entry:
    """One file of a backup; ``mtime_ns`` and ``bytes`` tell whether the living file is still the same."""

    path: str
    bytes: int
    sha256: str
    mode: int
    mtime_ns: int


@dataclass
class Backup:
    """The record of one backup."""

    id: str
    night: str | None
    made_at: str
    layers: list[str]
    files: list[Entry] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)  # layers that were taken out of it again

    @staticmethod
    def read(path: Path) -> Backup | None:
        """The record in a backup's folder; None if the folder holds none, and so is no backup."""
        found = read_json(path / RECORD)
        if found is None:
            return None
        known = {key: found[key] for key in ("id", "night", "made_at", "layers", "links", "forgotten")}
        return Backup(**known, files=[Entry(**entry) for entry in found["files"]])

    def write(self, path: Path) -> None:
        """The record into a backup's folder: the last thing that makes it one."""
        replace_json(path / RECORD, {"format": 1, **asdict(self)})


@click.command()
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    envvar="NIGHTSHIFT_BACKUP",
    help="Where to (default: NIGHTSHIFT_BACKUP).",
)
@click.option("--no-warehouse", is_flag=True, help="Leave the warehouse out: it is built again from the landing.")
@click.option("--keep", type=click.IntRange(1), default=7, show_default=True, help="How many backups to keep.")
@click.option(
    "--vault-days",
    type=click.IntRange(0),
    default=7,
    show_default=True,
    help="Backups of nights older than that lose their vault, so that who was forgotten is forgotten there, too.",
)
@click.option("--verify", is_flag=True, help="Make none; read the newest one and compare it with its record.")
@click.option("--wait", default=600.0, show_default=True, help="Seconds to wait for a step that is running.")
def backup(target: Path, no_warehouse: bool, keep: int, vault_days: int, verify: bool, wait: float) -> None:
    """Put the run state into a folder below FOLDER: landing, quarantine, vault, mail, registry, exports, published.

    It waits for a running night, hour or sender and holds their locks, so all of it is of one moment. Files that the
    last backup holds are links to it. A backup is there whole or not at all; killed, run it again. The vault is
    worth nothing without its key: keep NIGHTSHIFT_MASTER_KEY elsewhere.

    \b
    Examples
      ./nightshift backup --to /mnt/backup
      ./nightshift backup --to /mnt/backup --no-warehouse --keep 30
      ./nightshift backup --to /mnt/backup --verify      is every byte still what it was?

    Exit code 1: --verify found a damaged backup.
    """
    if verify:
        return _verify(_chosen(target))
    if target.resolve().is_relative_to(home()):
        raise Stop(f"{target} lies in {home()}, which it is to be a backup of", USAGE)
    began = time.monotonic()
    target.mkdir(parents=True, exist_ok=True)
    with all_locks("backup", wait):
        _sweep(target)
        if not no_warehouse and warehouse_file().exists():
            with warehouse() as connection:
                connection.execute("checkpoint")
        made, copied = _make(target, [layer for layer in LAYERS if layer != "warehouse" or not no_warehouse])
    _forget_vaults(target, made, vault_days)
    for old in _backups(target)[:-keep]:
        fault_point("backup:before-remove")
        remove_folder(target / old.id)
    total = sum(entry.bytes for entry in made.files)
    say(
        "backup",
        f"{target / made.id}: {count(len(made.files), 'file')}, {size(total)}, of which {size(copied)} written "
        f"({duration(time.monotonic() - began)})",
    )


@click.command()
@click.option("--from", "source", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--replace", is_flag=True, help="Also into a root that holds something; that is lost.")
@click.option("--without-vault", is_flag=True, help="Also a backup whose vault is gone: nobody can be reached by mail.")
@click.option("--wait", default=600.0, show_default=True, help="Seconds to wait for a step that is running.")
def restore(source: Path, replace: bool, without_vault: bool, wait: float) -> None:
    """Make NIGHTSHIFT_HOME what it was when a backup was made: the newest below FOLDER, or FOLDER itself.

    Everything is read and compared with the backup's record before anything is put in place. A root that is not empty
    is left alone, unless --replace says that what it holds may go. Killed while layers are put in place: every other
    step refuses to run until this one was run again and has finished. The next night rebuilds nothing.

    \b
    Examples
      ./nightshift restore --from /mnt/backup
      NIGHTSHIFT_HOME=/srv/other ./nightshift restore --from /mnt/backup/2026-02-25-1
      ./nightshift restore --from /mnt/backup --replace

    Exit code 1: the backup is damaged; 2: the root is not empty. Nothing was changed.
    """
    began = time.monotonic()
    with all_locks("restore", wait):
        if _finish():
            return
        path, found = _chosen(source)
        if "vault" in found.forgotten and not without_vault:
            raise Stop(f"{path} has no vault any more (see backup --vault-days); --without-vault takes it so", USAGE)
        if (held := next(_held(), None)) and not replace:
            raise Stop(f"{home()} is not empty ({held.relative_to(home())}, …); --replace if that may go", USAGE)
        _bring(path, found)
        fault_point("restore:before-swap")
        inside = sorted({entry.path.split("/")[1] for entry in found.files if entry.path.startswith("warehouse/")})
        replace_json(home() / RESTORING / WHOLE, {"id": found.id, "layers": found.layers, "warehouse": inside})
        _finish()
    say(
        "restore",
        f"{home()} is what it was after the night of {found.night or '–'}: {count(len(found.files), 'file')}, all as "
        f"recorded ({duration(time.monotonic() - began)})",
    )


def _make(target: Path, layers: list[str]) -> tuple[Backup, int]:
    """The new backup, whole in its place, and how many bytes were written for it."""
    before = _backups(target)[-1:]
    last = {entry.path: entry for entry in before[0].files} if before else {}
    night = (read_json(folder("warehouse") / "last_night.json") or {}).get("on")
    made = Backup(_next_id(target, night), night, datetime.now(UTC).isoformat(" ", "seconds"), [])
    making = target / f"{MAKING}{made.id}"
    making.mkdir()
    copied = 0
    try:
        seen: dict[tuple[int, int], Entry] = {}
        made.layers = [layer for layer in layers if (home() / layer).is_dir()]
        for layer in made.layers:
            (making / layer).mkdir()
            for path in progress(list(_state(home() / layer)), f"backup {layer}", unit="file"):
                name = str(path.relative_to(home()))
                (making / name).parent.mkdir(parents=True, exist_ok=True)
                if path.is_symlink():
                    made.links[name] = str(path.readlink())
                    (making / name).symlink_to(made.links[name])
                    continue
                known = last.get(name)
                entry, written = _take(path, name, making, known, target / before[0].id if before else None, seen)
                made.files.append(entry)
                copied += written
                fault_point("backup:after-file")
        _close(making)
        made.write(making)
        for each in sorted({Path(entry.path).parent for entry in files_below(making)} | {making}):
            sync(each)
    except OSError as error:
        remove_folder(making)
        raise Stop(f"the backup could not be written: {error}; {target} has what it had", STOPPED) from error
    fault_point("backup:before-rename")
    making.rename(target / made.id)
    sync(target)
    fault_point("backup:before-link")
    point_link(target / CURRENT, made.id)
    return made, copied


def _take(
    path: Path, name: str, making: Path, known: Entry | None, last: Path | None, seen: dict[tuple[int, int], Entry]
) -> tuple[Entry, int]:
    """One file into the backup: a link to the last backup's, to the living one, or a copy; and the bytes written."""
    target, stat = making / name, path.stat()
    if path.suffix == ".sqlite":
        return _take_database(path, name, target), path.stat().st_size
    is_known = known is not None and (known.bytes, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    if is_known and last and (last / name).is_file():
        os.link(last / name, target)
        return known, 0
    if twin := seen.get((stat.st_dev, stat.st_ino)):
        os.link(making / twin.path, target)
        return Entry(name, twin.bytes, twin.sha256, twin.mode, twin.mtime_ns), 0
    written = 0
    if name.split("/")[0] in IMMUTABLE and stat.st_dev == making.stat().st_dev:
        os.link(path, target)
        digest = sha256(target)
    else:
        digest = _copy(path, target, stat.st_mode & 0o777)
        written = stat.st_size
    entry = Entry(name, stat.st_size, digest, stat.st_mode & 0o777, stat.st_mtime_ns)
    seen[stat.st_dev, stat.st_ino] = entry
    return entry, written


def _take_database(path: Path, name: str, target: Path) -> Entry:
    """A SQLite file by SQLite's own backup: what is in its write-ahead log is in it."""
    mode = path.stat().st_mode & 0o777
    target.touch(mode=mode)
    with closing(sqlite3.connect(path, timeout=60)) as living, closing(sqlite3.connect(target)) as copy:
        living.backup(copy)
        copy.execute("pragma journal_mode = delete")
    sync(target)
    stat = target.stat()
    return Entry(name, stat.st_size, sha256(target), mode, stat.st_mtime_ns)


def _state(layer: Path) -> Iterator[Path]:
    """What belongs to a layer's state: no hidden names (what is being made), no locks, no logs of databases."""
    for entry in sorted(os.scandir(layer), key=lambda found: found.name):
        if entry.name.startswith(".") or entry.name.endswith((".lock", ".wal", "-wal", "-shm")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _state(Path(entry.path))
        else:
            yield Path(entry.path)


def _backups(target: Path) -> list[Backup]:
    """The whole backups in a folder, oldest first."""
    found = (Backup.read(path) for path in target.iterdir() if path.is_dir() and not path.name.startswith("."))
    unique = {each.id: each for each in found if each}
    return sorted(unique.values(), key=lambda each: int(each.id.rpartition("-")[2]))


def _next_id(target: Path, night: str | None) -> str:
    """The night and how many-eth backup of this folder it is."""
    numbers = [int(found[1]) for path in target.iterdir() if (found := re.fullmatch(r"[\w-]*-(\d+)", path.name))]
    return f"{night or 'no-night'}-{max(numbers, default=0) + 1}"


def _sweep(target: Path) -> None:
    """Remove what a killed backup left half made or half removed."""
    for path in target.iterdir():
        if path.name.startswith((MAKING, ".removing-")):
            remove_folder(path)


def _forget_vaults(target: Path, newest: Backup, days: int) -> None:
    """Take the vault out of backups of nights that are too long ago."""
    if newest.night is None:
        return
    oldest = str(date.fromisoformat(newest.night) - timedelta(days=days))
    for old in _backups(target):
        if old.id != newest.id and "vault" in old.layers and (old.night or "") < oldest:
            old.layers.remove("vault")
            old.forgotten.append("vault")
            old.files = [entry for entry in old.files if not entry.path.startswith("vault/")]
            old.write(target / old.id)
            fault_point("backup:before-forgetting")
        if "vault" not in old.layers and (target / old.id / "vault").exists():
            shutil.rmtree(target / old.id / "vault")


def _chosen(source: Path) -> tuple[Path, Backup]:
    """The backup a folder is, or the newest it holds."""
    path = source if (source / RECORD).exists() else (source / CURRENT).resolve()
    found = Backup.read(path) if path.is_dir() else None
    if found is None:
        raise Stop(f"{source} is no backup and holds none that is whole ({RECORD} is missing)", USAGE)
    return path, found


def _verify(chosen: tuple[Path, Backup]) -> None:
    path, found = chosen
    damaged = [entry.path for entry in progress(found.files, "verify", unit="file") if not _is_sound(path, entry)]
    for name in damaged:
        warn("backup", f"{path / name} is missing or not what was recorded")
    if damaged:
        raise Stop(f"{path}: {count(len(damaged), 'file')} damaged of {len(found.files):,}", REFUSED)
    say("backup", f"{path}: {count(len(found.files), 'file')}, all as recorded")


def _is_sound(path: Path, entry: Entry) -> bool:
    file = path / entry.path
    return file.is_file() and file.stat().st_size == entry.bytes and sha256(file) == entry.sha256


def _held() -> Iterator[Path]:
    """Files of a run state that lie in the root now."""
    for layer in (*LAYERS, *DERIVED):
        if (home() / layer).is_dir():
            yield from _state(home() / layer)


def _bring(path: Path, found: Backup) -> None:
    """All of a backup beside the root's layers, each file read, compared and on the disk; or nothing."""
    making = home() / RESTORING
    if making.exists():
        remove_folder(making)
    needed, free = sum(entry.bytes for entry in found.files), shutil.disk_usage(home()).free
    if needed > free:
        raise Stop(f"{size(needed)} are needed and {size(free)} free; nothing was changed", STOPPED)
    try:
        for layer in found.layers:
            (making / layer).mkdir(parents=True)
        shared: dict[tuple[str, int], Path] = {}
        for entry in progress(found.files, "restore", unit="file"):
            target = making / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            twin = shared.get((entry.sha256, entry.mode))
            if twin and entry.path.startswith("published/"):
                os.link(twin, target)
            elif not (path / entry.path).is_file() or _copy(path / entry.path, target, entry.mode) != entry.sha256:
                raise Stop(
                    f"{path / entry.path} is missing or not what was recorded; nothing was changed. "
                    "`./nightshift backup --verify` lists what is damaged; an older backup may be whole",
                    REFUSED,
                )
            elif entry.path.startswith("published/"):
                shared[entry.sha256, entry.mode] = target
            os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
            fault_point("restore:after-file")
        for name, link in found.links.items():
            (making / name).parent.mkdir(parents=True, exist_ok=True)
            (making / name).symlink_to(link)
        for each in sorted({Path(entry.path).parent for entry in files_below(making)} | {making}):
            sync(each)
    except Stop:
        remove_folder(making)
        raise
    except OSError as error:
        remove_folder(making)
        raise Stop(f"could not be restored: {error}; nothing was changed", STOPPED) from error
    _close(making)


def _finish() -> bool:
    """Put layers that are whole beside the root into their place; true if there were any (also of a killed restore)."""
    making = home() / RESTORING
    whole: dict[str, Any] | None = read_json(making / WHOLE)
    if whole is None:
        return False
    for layer in (*LAYERS, *DERIVED):
        old, new, aside = home() / layer, making / layer, making / f".old-{layer}"
        if layer == "warehouse":
            _replace_files(old, new, whole["warehouse"])
        elif layer not in whole["layers"] or new.exists():
            if old.exists() and not aside.exists():
                old.rename(aside)
            if new.exists():
                new.rename(old)
        fault_point("restore:after-layer")
    sync(home())
    for path in making.iterdir():
        if path.name != WHOLE:
            remove_folder(path)
    fault_point("restore:before-forgetting")
    remove_folder(making)
    say("restore", f"{whole['id']} is in place")
    return True


def _replace_files(old: Path, new: Path, wanted: list[str]) -> None:
    """The files of the warehouse's folder, one by one, because the locks that are held lie in it."""
    for path in old.iterdir():
        if path.name not in wanted and path.suffix != ".lock":
            path.unlink() if path.is_file() else remove_folder(path)
    for path in sorted(new.iterdir()) if new.exists() else ():
        if path.is_dir() and (old / path.name).exists():
            remove_folder(old / path.name)
        path.replace(old / path.name)


def _close(root: Path) -> None:
    """What is about people is for nobody else on the machine."""
    for layer in ("vault", "mail"):
        if (root / layer).is_dir():
            (root / layer).chmod(0o700)


def _copy(source: Path, target: Path, mode: int) -> str:
    """Copy a file onto the disk; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(1 << 20):
            digest.update(block)
            writing.write(block)
        os.fchmod(writing.fileno(), mode)
        writing.flush()
        os.fsync(writing.fileno())
    stat = source.stat()
    os.utime(target, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    return digest.hexdigest()
