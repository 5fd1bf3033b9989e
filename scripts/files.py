"""Files that are there whole or not at all: replaced by rename, linked by swap, on the disk before they are named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.faults import fault_point


def replace_json(path: Path, content: object) -> None:
    """Write a JSON file beside its place and rename it there, so that a reader sees the old one or the new one."""
    replace_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def replace_text(path: Path, content: str) -> None:
    """The same for any text."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fault_point("files:before-replace")
    temporary.replace(path)
    sync(path.parent)


def read_json(path: Path) -> Any:  # noqa: ANN401 (whatever was written)
    """The content of a JSON file, or None if there is no such file."""
    return json.loads(path.read_bytes()) if path.exists() else None


def sync(path: Path) -> None:
    """Have the disk hold a file's content, or a directory's names, before anything says they are there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def point_link(link: Path, target: str) -> None:
    """Make ``link`` point at its sibling ``target``, in one step: whoever opens it finds the old one or the new one."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    fault_point("files:before-swap")
    temporary.replace(link)
    sync(link.parent)


def fill_folder(target: Path, files: Mapping[str, bytes], manifest: object) -> Path:
    """A folder beside ``target``, hidden, with these files and their manifest: what ``place_folder`` takes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for name, content in files.items():
        (new / name).write_bytes(content)
    replace_json(new / "manifest.json", manifest)
    return new


def place_folder(new: Path, target: Path) -> None:
    """Give a filled folder its name.

    Where there is one of that name its files are replaced one by one, the manifest last: a reader finds each of them
    whole at any moment, and none of them missing.
    """
    if target.exists():
        names = sorted((path.name for path in new.iterdir()), key=lambda name: (name == "manifest.json", name))
        for name in names:
            fault_point("export:before-file")
            (new / name).replace(target / name)
        for path in target.iterdir():
            if path.name not in names:
                path.unlink()
        new.rmdir()
        sync(target)
    else:
        new.rename(target)
    sync(target.parent)


def remove_folder(folder: Path) -> None:
    """Take a folder's name away first, so that half a folder is never found under it; then its content."""
    doomed = folder if folder.name.startswith(".") else folder.with_name(f".removing-{folder.name}")
    if folder != doomed:
        folder.rename(doomed)
    fault_point("files:inside-removal")
    shutil.rmtree(doomed)


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder (links to folders are not followed); nothing if it does not exist."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield entry
