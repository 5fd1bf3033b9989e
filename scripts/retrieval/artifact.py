"""The published index: a folder a version under ``exports/search/``, made whole, read back, then pointed at."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from scripts.console import FAILED, USAGE, Stop
from scripts.faults import fault_point
from scripts.files import files_below, point_link, read_json, remove_folder, replace_json, sync
from scripts.home import folder
from scripts.retrieval import engine, tables
from scripts.retrieval.queries import Searcher
from scripts.warehouse import settings

MART = "discovery.fct_search_documents"
MANIFEST, POSTINGS, ENGINE, CURRENT = "manifest.json", "postings.duckdb", "tantivy", "current"
KEPT = 3
# More changed than this: a rebuild costs less. More taken out in all: Tantivy still counts them when it weighs terms.
MOST_CHANGED, MOST_TAKEN_OUT = 0.2, 0.2
RUN_INDEX = "run `./nightshift index`"

# The mart's columns as the index takes them. An artist is found by name and by another name alike. Only an article's
# text is read, and can be quoted; the text of others is a heap of words to find them by.
INCOMING = f"""
    select document_id, kind, title, names, title_words, names_words, text_words, title_plain, names_plain,
        if(kind = 'article', text_plain, '') as text_plain,
        list_distinct([title_plain, title_normal] || case when kind = 'artist' and names_plain <> ''
            and not contains(names, '|') then [names_plain] else [] end) as exact_titles,
        language, territories, excluded_territories, popularity, content_hash
    from marts.{MART}
"""


@dataclass(frozen=True)
class Changes:
    """What differs between the documents published and those in the index."""

    arriving: int
    leaving: int
    documents: int

    @property
    def is_nothing(self) -> bool:
        """True if the index holds exactly these documents."""
        return not (self.arriving or self.leaving)


def version() -> str:
    """Of the code that decides what an index holds and how it is read; an index of another one is not."""
    digest = hashlib.sha256()
    for name in ("analysis", "ranking", "tables", "engine"):
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def shelf() -> Path:
    """Where the versions lie."""
    path = folder("exports") / "search"
    path.mkdir(exist_ok=True)
    return path


def current() -> Path | None:
    """The version that readers are shown."""
    link = shelf() / CURRENT
    return link.resolve() if link.exists() else None


def readable(path: Path) -> dict[str, Any]:
    """The manifest of a version, if this code can read it and every file is whole; otherwise a stop that says why."""
    manifest = _manifest(path)
    if "files" not in manifest:
        raise Stop(f"the index {path.name} has no manifest, or a damaged one; {RUN_INDEX}", FAILED)
    if manifest["version"] != version():
        raise Stop(f"the index {path.name} is of another version of the code; {RUN_INDEX}", FAILED)
    for name, about in manifest["files"].items():
        file = path / name
        if not file.exists():
            raise Stop(f"the index {path.name} lacks {name}; {RUN_INDEX} --rebuild", FAILED)
        if file.stat().st_size != about["bytes"]:
            raise Stop(
                f"the index {path.name} is damaged: {name} is not as long as it was; {RUN_INDEX} --rebuild", FAILED
            )
    return manifest


def open_index(path: Path | None = None) -> tuple[tables.TableSearcher, engine.EngineSearcher]:
    """Both forms of a version (default: the current one) for reading."""
    path = path or current()
    if path is None:
        raise Stop(f"there is no search index yet; {RUN_INDEX}", USAGE)
    manifest = readable(path)
    connection = duckdb.connect(str(path / POSTINGS), read_only=True, config=settings())
    return tables.TableSearcher(connection), engine.EngineSearcher(
        path / ENGINE, manifest["mean_length"], manifest["learns"]
    )


def _is_whole(path: Path) -> bool:
    """True if a version is there that this code can read."""
    try:
        readable(path)
    except Stop:
        return False
    return True


class Maker:
    """Makes the next version beside the current one."""

    def __init__(self, run: Path, rebuild: bool) -> None:
        self._run = run
        self._old = None if rebuild else self._usable()
        self._making = shelf() / f".making-{run.name}"

    @staticmethod
    def _usable() -> Path | None:
        path = current()
        return path if path and _is_whole(path) else None

    def make(self) -> tuple[str, Changes, Path | None]:
        """How it was made (``unchanged``, ``updated`` or ``rebuilt``), what differed, and the new version's folder."""
        for left_over in shelf().glob(".making-*"):
            shutil.rmtree(left_over)
        self._making.mkdir()
        if self._old:
            shutil.copyfile(self._old / POSTINGS, self._making / POSTINGS)
        fault_point("index:after-copy")
        with duckdb.connect(str(self._making / POSTINGS), config=settings()) as connection:
            connection.execute(f"attach '{self._run / 'marts.duckdb'}' as marts (read_only)")
            if not self._old:
                tables.create(connection)
            changes = self._compare(connection)
            if self._old and changes.is_nothing:
                remove_folder(self._making)
                return "unchanged", changes, None
            taken_out = changes.leaving + (read_json(self._old / MANIFEST)["taken_out"] if self._old else 0)
            is_update = bool(self._old) and (
                changes.arriving + changes.leaving <= MOST_CHANGED * changes.documents
                and taken_out <= MOST_TAKEN_OUT * changes.documents
            )
            if self._old and not is_update:
                self._old, taken_out = None, 0
                self._start_again(connection)
            self._write(connection)
            searched = tables.TableSearcher(connection)
            self._check(connection, searched, changes)
            figures = {
                "documents": searched.documents,
                "mean_length": searched.mean_length,
                "learns": searched.learns,
                "taken_out": taken_out,
                "content": connection.execute(
                    "select printf('%x', bit_xor(md5_number(document_id || ' ' || content_hash))) from documents"
                ).fetchone()[0],
            }
            connection.execute("checkpoint")
        return "updated" if is_update else "rebuilt", changes, self._publish(figures)

    def _start_again(self, connection: duckdb.DuckDBPyConnection) -> None:
        for table in ("documents", "terms", "words", "postings", "contents", "statistics"):
            connection.execute(f"drop table {table}")
        tables.create(connection)
        self._compare(connection)

    @staticmethod
    def _compare(connection: duckdb.DuckDBPyConnection) -> Changes:
        connection.execute(
            f"""
            create or replace temp table leaving_ids as
                select document_id from documents
                anti join marts.{MART} as published using (document_id, content_hash);
            create or replace temp table arriving_ids as
                select document_id from marts.{MART} as published
                anti join documents using (document_id, content_hash);
            """
        )
        counts = f"""
            select (select count(*) from arriving_ids), (select count(*) from leaving_ids),
                (select count(*) from marts.{MART})
        """
        return Changes(*connection.execute(counts).fetchone())

    def _write(self, connection: duckdb.DuckDBPyConnection) -> None:
        tables.remove(connection, "select document_id from leaving_ids")
        arriving = f"{INCOMING} where document_id in (select document_id from arriving_ids) order by document_id"
        tables.add(connection, arriving)
        fault_point("index:after-postings")
        index = self._making / ENGINE
        index.mkdir()
        for file in (self._old / ENGINE).iterdir() if self._old else ():
            # a segment never changes and may be linked; what says which segments there are is replaced
            if file.suffix == ".json":
                shutil.copyfile(file, index / file.name)
            elif not file.name.endswith(".lock"):
                os.link(file, index / file.name)
        learns = tables.TableSearcher(connection).learns
        leaving = [row[0] for row in connection.execute("select document_id from leaving_ids").fetchall()]
        rows = connection.execute(f"select {engine.DOCUMENT} from arriving")
        engine.write(index, _batches(rows), learns, leaving if self._old else ())
        fault_point("index:after-tantivy")

    def _check(self, connection: duckdb.DuckDBPyConnection, searched: tables.TableSearcher, changes: Changes) -> None:
        """Both forms hold the documents published and no others, and find some of them alike."""
        other = engine.EngineSearcher(self._making / ENGINE, searched.mean_length, searched.learns)
        if not searched.documents == other.documents == changes.documents:
            raise Stop(
                f"the index does not hold what was published: {changes.documents} documents, "
                f"{searched.documents} in the tables, {other.documents} in Tantivy; nothing was published, "
                f"{RUN_INDEX} --rebuild",
                FAILED,
            )
        left = connection.execute(
            "select document_id from leaving_ids "
            f"where document_id not in (select document_id from marts.{MART}) limit 500"
        ).fetchall()
        if found := [document_id for (document_id,) in left if other.holds(document_id)]:
            raise Stop(f"{found[0]} is still in the index; nothing was published, {RUN_INDEX} --rebuild", FAILED)
        some = connection.execute(
            "select title from documents where title_plain <> '' order by md5(document_id) limit 5"
        ).fetchall()
        for (title,) in some:
            ids = [[hit.document_id for hit in one.search(title, 3).hits] for one in (searched, other)]
            if not ids[0] or not ids[1]:
                raise Stop(f"the index does not find “{title}”; nothing was published, {RUN_INDEX} --rebuild", FAILED)

    def _publish(self, figures: dict[str, Any]) -> Path:
        files = {}
        # what was linked from the version before has not changed since it was hashed
        known = _manifest(self._old)["files"] if self._old else {}
        for entry in sorted(files_below(self._making), key=lambda entry: entry.path):
            path = Path(entry.path)
            if path.name.endswith(".lock"):
                path.unlink()
                continue
            name = str(path.relative_to(self._making))
            if path.stat().st_nlink > 1 and name in known:
                files[name] = known[name]
                continue
            files[name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            sync(path)
        key = hashlib.sha256(f"{version()} {figures['content']}".encode()).hexdigest()[:12]
        manifest = {
            "format": 1,
            "number": 1 + max((_number(path) for path in _versions()), default=0),
            "version": version(),
            "key": key,
            "made_from": self._run.name,
            **figures,
            "files": files,
        }
        replace_json(self._making / MANIFEST, manifest)
        final = shelf() / f"{self._run.name}-{key}"
        if final != current() and _is_whole(final):  # somebody was killed between its name and its link
            remove_folder(self._making)
            point_link(shelf() / CURRENT, final.name)
            self._remove_old(final)
            return final
        while final.exists():  # made again after damage: the damaged one is pointed at until this one is
            final = final.with_name(f"{final.name}-again")
        fault_point("index:before-rename")
        self._making.rename(final)
        sync(shelf())
        fault_point("index:before-link")
        point_link(shelf() / CURRENT, final.name)
        self._remove_old(final)
        return final

    @staticmethod
    def _remove_old(final: Path) -> None:
        others = [path for path in _versions() if path != final]
        for path in sorted(others, key=lambda path: (_number(path), path.name))[: -(KEPT - 1)]:
            fault_point("index:before-remove")
            remove_folder(path)


def _manifest(path: Path) -> dict[str, Any]:
    """What a version says of itself; nothing where that cannot be read."""
    try:
        found = read_json(path / MANIFEST)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _versions() -> list[Path]:
    return [path for path in shelf().iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."]


def _number(path: Path) -> int:
    """Which version it is, as it says itself: times of files change when they are copied or restored."""
    return int(_manifest(path).get("number", 0))


def _batches(rows: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := rows.fetchmany(20_000):
        yield from batch


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def both(searchers: tuple[tables.TableSearcher, engine.EngineSearcher]) -> dict[str, Searcher]:
    """The two forms by their names in tables of figures."""
    return {"nightshift-sql": searchers[0], "nightshift-tantivy": searchers[1]}
