"""The published search index: updates equal rebuilds, takedowns are gone, kills and damage are survived."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner

from scripts.console import DONE, FAILED, USAGE, Stop
from scripts.files import point_link, read_json
from scripts.home import PROJECT
from scripts.index import index
from scripts.retrieval import analysis, artifact
from scripts.retrieval.engine import distance
from scripts.retrieval.evaluation import mistyped
from scripts.search import search

Document = tuple[str, str, str, str]  # id, title, names, territories excluded

SONGS: list[Document] = [
    ("track:1", "Night Drive", "Nadia Silva", ""),
    ("track:2", "Night Drive", "The Sleeping Cathedral", "DE FR"),
    ("track:3", "Harbour Lights", "Beyoncé Müller | B. Müller", ""),
    ("artist:4", "The Sleeping Cathedral", "Sleeping Cathedral, The", ""),
    ("release:5", "Evenings in Lisbon", "Nadia Silva", ""),
    *((f"track:{n}", f"Filler {n}", f"Somebody {n % 3}", "") for n in range(10, 30)),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTSHIFT_THREADS", "1")
    return tmp_path


def publish(home: Path, run: str, documents: Iterable[Document]) -> None:
    """A published run that holds the documents."""
    folder = home / "published" / run
    folder.mkdir(parents=True)
    rows = []
    for document_id, title, names, excluded in documents:
        plain = [analysis.plain(text) for text in (title, names, "pop")]
        row = {
            "document_id": document_id,
            "kind": document_id.split(":")[0],
            "title": title,
            "names": names,
            "language": "",
            "title_normal": analysis.normal(title),
            **dict(zip(("title_plain", "names_plain", "text_plain"), plain, strict=True)),
            **dict(zip(("title_words", "names_words", "text_words"), map(analysis.content, plain), strict=True)),
            "territories": "WW",
            "excluded_territories": excluded,
        }
        row["content_hash"] = "|".join(row.values())
        rows.append({**row, "popularity": str(len(title) % 5)})
    published = pa.Table.from_pylist(rows)
    with duckdb.connect(str(folder / "marts.duckdb")) as connection:
        connection.register("published", published)
        connection.execute(
            "create schema discovery; create table discovery.fct_search_documents as "
            "select * replace (cast(popularity as smallint) as popularity) from published"
        )
    point_link(home / "published" / "current", run)


def run_index(*options: str) -> str:
    done = CliRunner().invoke(index, options, standalone_mode=False)
    assert done.exception is None and done.return_value == DONE, done.output
    return done.output


def found(query: str, country: str | None = None) -> list[str]:
    """Ids found, which both forms must agree on."""
    by_sql, by_engine = ([h.document_id for h in one.search(query, 20, country).hits] for one in artifact.open_index())
    assert by_sql == by_engine
    return by_sql


def postings(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path / artifact.POSTINGS), read_only=True) as connection:
        return connection.execute(
            "select term, document_id, title_frequency, names_frequency, text_frequency, rounded_length, "
            "document_count, mean_length from postings inner join terms using (term_id) "
            "inner join documents using (document_no) cross join statistics order by all"
        ).fetchall()


def test_what_is_published_can_be_found(home: Path) -> None:
    publish(home, "2026-01-01-1", SONGS)
    assert "rebuilt: 25 documents" in run_index()
    assert found("night drive") == ["track:1", "track:2"]
    assert found("night drive", "DE") == ["track:1"], "the other one cannot be played there"
    assert found("nigth drvie")[:2] == ["track:1", "track:2"]
    assert found("muller harbor") == found("Müller harbour") == ["track:3"]
    assert found("sleeping cathedral the")[0] == "artist:4", "an artist's other name is as good as the name"
    assert "nothing changed" in run_index()


def test_a_takedown_is_gone_and_an_update_equals_a_rebuild(home: Path) -> None:
    publish(home, "2026-01-01-1", SONGS)
    run_index()
    chosen = random.Random(3)
    documents = dict(enumerate(SONGS))
    for night in range(2, 5):
        gone = chosen.choice(sorted(documents))
        del documents[gone]
        changed = chosen.choice(sorted(documents))
        documents[changed] = (documents[changed][0], f"Renamed {night} drive", "Nadia Silva", "FR")
        documents[100 + night] = (f"track:new{night}", f"Arrival {night}", "Nobody", "")
        publish(home, f"2026-01-0{night}-1", documents.values())
        said = run_index()
        assert "updated" in said if night == 2 else "documents" in said
        held = {hit for word in ("pop", "filler", "night", "drive", "arrival") for hit in found(word)}
        assert SONGS[gone][0] not in held if gone < 100 else True
    updated = artifact.current()
    assert updated is not None
    before = postings(updated)
    answers = [found(query) for query in ("drive", "renamed", "arrival", "somebody", "nadia silva")]
    run_index("--rebuild")
    assert postings(artifact.current()) == before
    assert [found(query) for query in ("drive", "renamed", "arrival", "somebody", "nadia silva")] == answers


def test_the_same_documents_are_the_same_rows_in_whatever_order_they_are_read(home: Path) -> None:
    publish(home, "2026-01-01-1", SONGS)
    publish(home, "2026-01-02-1", SONGS[::-1])
    held = []
    for run in ("2026-01-01-1", "2026-01-02-1"):
        point_link(home / "published" / "current", run)
        run_index("--rebuild")
        with duckdb.connect(str(artifact.current() / artifact.POSTINGS), read_only=True) as connection:
            tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
            held.append({name: connection.execute(f"from {name} order by all").fetchall() for name in tables})
    assert len(held[0]["documents"]) == len(SONGS)
    assert held[0] == held[1]


@pytest.mark.parametrize(
    "point",
    ["index:after-copy", "index:after-postings", "index:after-tantivy", "index:before-rename", "index:before-link"],
)
def test_killed_anywhere_readers_keep_their_version_and_the_next_run_goes_on(point: str, home: Path) -> None:
    publish(home, "2026-01-01-1", SONGS)
    run_index()
    publish(home, "2026-01-02-1", [("track:1", "Morning Walk", "Nadia Silva", ""), *SONGS[1:]])
    killed = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "index"],
        cwd=PROJECT, env={**os.environ, "NIGHTSHIFT_FAULT": point}, capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert found("night drive") == ["track:1", "track:2"], "the version before is served, whole"
    run_index()
    assert (found("night drive"), found("morning walk")) == (["track:2"], ["track:1"])
    there = {path.name for path in artifact.shelf().iterdir()}
    assert not [name for name in there if name.startswith(".")], "nothing half-done lies about"
    assert sorted(name[:12] for name in there) == ["2026-01-01-1", "2026-01-02-1", "current"], "nor a version twice"


def test_a_damaged_index_or_one_of_other_code_is_refused_with_what_to_run(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop, match=r"run `\./nightshift index`") as none:
        artifact.open_index()
    assert none.value.code == USAGE
    publish(home, "2026-01-01-1", SONGS)
    run_index()
    path = artifact.current()
    assert path is not None
    segment = max((path / "tantivy").glob("*.store"), key=lambda file: file.stat().st_size)
    os.truncate(segment, segment.stat().st_size - 1)
    with pytest.raises(Stop, match=r"damaged.*--rebuild") as damaged:
        artifact.open_index()
    assert damaged.value.code == FAILED
    (path / "postings.duckdb").unlink()
    with pytest.raises(Stop, match=r"lacks postings\.duckdb"):
        artifact.open_index()
    assert "rebuilt" in run_index(), "a damaged one is not updated but built anew"
    assert found("night drive")
    manifest = artifact.current() / "manifest.json"
    os.truncate(manifest, manifest.stat().st_size - 40)
    with pytest.raises(Stop, match="damaged"):
        artifact.open_index()
    assert "rebuilt" in run_index()
    monkeypatch.setattr(artifact, "version", lambda: "other")
    with pytest.raises(Stop, match="another version of the code"):
        artifact.open_index()
    assert "rebuilt" in run_index()


def test_versions_and_their_manifest(home: Path) -> None:
    for night in range(1, 6):
        publish(home, f"2026-01-0{night}-1", SONGS[: 20 + night])
        run_index()
    kept = [path for path in artifact.shelf().iterdir() if not path.is_symlink()]
    assert len(kept) == artifact.KEPT
    manifest = read_json(artifact.current() / "manifest.json")
    assert (manifest["documents"], manifest["made_from"]) == (25, "2026-01-05-1")
    assert set(manifest["files"]) >= {"postings.duckdb", "tantivy/meta.json"}


def test_the_oldest_versions_go_whatever_the_times_of_their_files(home: Path) -> None:
    made = []
    for night in range(1, 5):
        publish(home, f"2026-01-0{night}-1", SONGS[: 20 + night])
        run_index()
        made.append(artifact.current())
        # a restored backup: the oldest looks newest
        for age, path in enumerate(made):
            if path.exists():
                os.utime(path, (2e9 - age, 2e9 - age))
    assert [path.exists() for path in made] == [False, True, True, True]
    assert [read_json(path / "manifest.json")["number"] for path in made[1:]] == [2, 3, 4]


def test_without_a_mart_of_documents_there_is_nothing_to_index(home: Path) -> None:
    (home / "published" / "2026-01-01-1").mkdir(parents=True)
    point_link(home / "published" / "current", "2026-01-01-1")
    assert "nothing to index" in run_index()


def test_the_command_says_what_it_found_why_and_why_not(home: Path) -> None:
    publish(home, "2026-01-01-1", SONGS)
    run_index()

    def ask(*arguments: str) -> str:
        done = CliRunner().invoke(search, arguments, standalone_mode=False)
        assert done.exception is None, done.output
        return done.output

    assert "did you mean: evenings lisbon" in ask("evenigns lisbon")
    explained = ask("night drive", "--limit", "1", "--explain")
    assert "(the whole title)" in explained and "title" in explained
    assert ask("night drive", "--sql").split("in")[0] == ask("night drive").split("in")[0]
    assert "nothing is found in DE, but without that condition there is something" in ask(
        '"the sleeping cathedral" kind:track', "--country", "de"
    )
    assert "no document has qqqq" in ask("qqqq")


@pytest.mark.parametrize(
    ("one", "other", "errors"), [("lights", "lihgts", 1), ("a", "", 1), ("abcd", "badc", 2), ("x", "x", 0)]
)
def test_errors_between_words(one: str, other: str, errors: int) -> None:
    assert distance(one, other) == errors


def test_a_slip_of_a_finger_is_one_error() -> None:
    chosen = random.Random(1)
    for _ in range(200):
        wrong = mistyped("The Lights of a Harbour", chosen)
        assert 0 < distance(wrong, "The Lights of a Harbour") <= 1
