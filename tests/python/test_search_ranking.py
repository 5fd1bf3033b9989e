"""Search: words, queries, the ranking by hand and in both forms of the index, judged collections."""

from __future__ import annotations

import json
import math
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from scripts.console import Stop
from scripts.evaluate import evaluate
from scripts.retrieval import analysis, engine, judged, ranking, tables
from scripts.retrieval.evaluation import incoming
from scripts.retrieval.judged import Collection
from scripts.retrieval.queries import Demand, Searcher, one_error_away, typed

SONGS = [
    ("t1", "Night Drive", "by The Sleeping Cathedral on the album Harbour"),
    ("t2", "Night and Day", "by Nadia Silva on the album Evenings in Lisbon"),
    ("t3", "Driving Home", "by Beyoncé Müller on the album Night Drive Sessions"),
    ("t4", "東京の夜", "by 夜 Lights on the album Tokyo"),
    ("t5", "The Who", "by Let It Be on the album Covers"),
    ("t6", "Day Breaks", "by Harbour Lights on the album Dawn"),
]


def searchers(documents: list[tuple[str, str, str]], folder: Path) -> list[Searcher]:
    """Both forms of the index over the same documents."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("incoming", incoming(Collection(documents, {}, {})))
    tables.create(connection)
    tables.add(connection, "select * from incoming")
    by_sql = tables.TableSearcher(connection)
    rows = connection.execute(f"select {engine.DOCUMENT} from incoming").fetchall()
    engine.write(folder, rows, by_sql.learns)
    return [by_sql, engine.EngineSearcher(folder, by_sql.mean_length, by_sql.learns)]


@pytest.mark.parametrize(
    ("text", "normal", "plain"),
    [
        ("Beyoncé’s  Halo!", "beyoncé halo", "beyonce halo"),
        ("ﬁancée STRASSE Straße", "fiancée strasse strasse", "fiancee strasse strasse"),
        ("ＡＢＣ １２３", "abc 123", "abc 123"),
        ("東京の夜 live", "東京 京の の夜 live", "東京 京の の夜 live"),
        ("夜", "夜", "夜"),
        ("Мой й", "мой й", "мой й"),
        ("rock-n-roll, 1,000 O'Hara", "rock n roll 1000 ohara", "rock n roll 1000 ohara"),
        ("\u200b\u200d", "", ""),
        ("Bjørk Łódź", "bjørk łódź", "bjork lodz"),
        (None, "", ""),
    ],
)
def test_text_becomes_the_words_that_people_type(text: str | None, normal: str, plain: str) -> None:
    assert (analysis.normal(text), analysis.plain(text)) == (normal, plain)


def test_a_text_of_stop_words_alone_keeps_them() -> None:
    assert analysis.content("the who") == "the who"
    assert analysis.content("the night and the day") == "night day"


def test_stems_are_those_of_the_index() -> None:
    assert analysis.stems(["driving", "drives", "relational", "relations"]) == ["drive", "drive", "relat", "relat"]


@pytest.mark.parametrize("length", [0, 1, 23, 39, 40, 41, 55, 56, 87, 88, 100, 1000, 123456])
def test_lengths_are_rounded_alike_in_python_and_sql(length: int) -> None:
    (by_sql,) = duckdb.execute(f"select {ranking.ROUNDED_SQL} from (select {length} as length)").fetchone()
    assert by_sql == ranking.rounded(length) <= length


def test_a_query_is_taken_apart() -> None:
    found = typed('artist:silva "night and day" kind:track dri* unknown:word')
    assert found.demands == [Demand(("silva",), "names"), Demand(("night", "and", "day"))]
    assert (found.kinds, found.prefixes) == (["track"], ["dri"])
    assert found.words == ["silva", "night", "day", "unknown", "word"]


def test_one_error_reaches_every_slip_of_a_finger() -> None:
    near = set(one_error_away("lights"))
    assert {"light", "lightss", "lihgts", "lights"} - near == {"lights"}
    assert "lxghts" in near and "lghts" in near


def test_a_score_is_bm25_over_the_weighted_fields(tmp_path: Path) -> None:
    by_sql, _ = searchers([("a", "night drive", "home"), ("b", "day", "night night")], tmp_path)
    hits = by_sql.search("night", is_prose=True).hits
    mean = ((3 * 2 + 1) + (3 + 2)) / 2
    having_both = math.log(1 + 0.5 / 2.5)

    def bm25(frequency: float, length: float) -> float:
        return having_both * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * length / mean))

    assert {hit.document_id: hit.score for hit in hits} == pytest.approx({"a": bm25(3, 7), "b": bm25(2, 5)}, abs=1e-6)


def test_feedback_keeps_the_weight_of_the_query_and_brings_what_documents_share() -> None:
    examples = [ranking.Example(2.0, {"night": 1, "moon": 2}), ranking.Example(1.9, {"night": 1, "moon": 1, "odd": 9})]
    known = {"night": 10, "moon": 5, "odd": 1}
    wide = ranking.widened({"night": 1.0}, examples, 100, 5.0, lambda terms: {t: known[t] for t in terms})
    assert set(wide) == {"night", "moon"}, "a word of one document alone is no sign"
    before = ranking.idf(100, 10)
    assert sum(weight * ranking.idf(100, known[term]) for term, weight in wide.items()) == pytest.approx(before)


@pytest.mark.parametrize(
    "query",
    ["night drive", "nihgt drive", "driv", '"night drive"', "title:night", "names:x", "lights harbor", "東京",
     "the who", "beyonce", "beyoncé müller", "let it be", "evenings in lisbon", "kind:article day"],
)  # fmt: skip
def test_both_forms_of_the_index_rank_alike(query: str, tmp_path: Path) -> None:
    answers = [searcher.search(query) for searcher in searchers(SONGS, tmp_path)]
    by_sql, by_engine = ([(hit.document_id, pytest.approx(hit.score, abs=1e-3)) for hit in a.hits] for a in answers)
    assert by_sql == by_engine
    assert answers[0].did_you_mean == answers[1].did_you_mean


@pytest.mark.parametrize(
    ("query", "first"),
    [("night drive", "t1"), ("nihgt drvie", "t1"), ("drivi", "t3"), ('"night drive" sessions', "t3"), ("the who", "t5"),
     ("MULLER", "t3"), ("夜 lights", "t4"), ("harbor", None), ("cathedrel", "t1"), ("eveninsg lisbonn", "t2")],
)  # fmt: skip
def test_what_people_mean_is_found(query: str, first: str | None, tmp_path: Path) -> None:
    for searcher in searchers(SONGS, tmp_path):
        hits = searcher.search(query).hits
        assert first is None or hits[0].document_id == first


@pytest.mark.parametrize("query", ["", "   ", "\u200b\u200d\ufeff", '"" :: ** -- ()', "+-&|!(){}[]^~*?:\\/"])
def test_nothing_to_look_for_is_said(query: str, tmp_path: Path) -> None:
    for searcher in searchers(SONGS, tmp_path):
        answer = searcher.search(query)
        assert not answer.hits and "query" in answer.why_empty


def test_a_query_of_ten_thousand_characters_is_answered(tmp_path: Path) -> None:
    for searcher in searchers(SONGS, tmp_path):
        assert searcher.search("night drive " * 900).hits[0].document_id == "t1"
        assert searcher.search("x" * 10_000).why_empty


def test_figures_by_hand() -> None:
    grades = {"q": {"a": 2.0, "b": 1.0, "c": 0.0, "d": 1.0}}
    found = judged.figures(grades, {"q": ["c", "a", "x", "b"]})
    ideal = 2 + 1 / math.log2(3) + 1 / 2
    assert found.ndcg == pytest.approx((2 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert found.recall == pytest.approx(2 / 3)
    assert found.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 3)


def _write(folder: Path, documents: str, queries: str, qrels: str) -> list[str]:
    arguments = []
    for name, text in (("documents", documents), ("queries", queries), ("qrels", qrels)):
        (folder / name).write_text(text)
        arguments += [f"--{name}", str(folder / name)]
    return arguments


DOCUMENTS = "".join(json.dumps({"id": i, "title": f"Paper {i}", "text": t}) + "\n" for i, t in enumerate(
    ["supersonic flow over a wing", "heat transfer in slabs", "wings in slow flow", "boundary layers of plates"]
))  # fmt: skip


def test_evaluate_compares_all_engines_and_writes_the_table(tmp_path: Path) -> None:
    pytest.importorskip("bm25s")
    arguments = _write(
        tmp_path, DOCUMENTS + "\n", "1\tflow of wings\n2\theat\n3\tnot judged\n", "1 0 0 1\n1 0 2 2\n2 0 1 1\n"
    )
    done = CliRunner().invoke(
        evaluate, ["search", *arguments, "--json", str(tmp_path / "table.json")], standalone_mode=False
    )
    assert done.exception is None, done.output
    table = {line["name"]: line for line in json.loads((tmp_path / "table.json").read_text())}
    assert set(table) == {"nightshift-sql", "nightshift-tantivy", "bm25s", "sqlite-fts5", "duckdb-fts"}
    assert table["nightshift-sql"]["ndcg@10"] == pytest.approx(table["nightshift-tantivy"]["ndcg@10"])
    assert table["nightshift-sql"]["recall@100"] == 1.0


@pytest.mark.parametrize(
    ("documents", "queries", "qrels"),
    [
        ('{"id": 1, "title": "\\ud83c\\udfb5", "text": ""}\n', "1\t\U0001f3b5\n", "1 0 1 1\n"),  # no word at all
        ('{"id": " doc a ", "text": "flow \\ud800 \\u0000"}\n', "q 1\tflow\n", " q 1\t\t0\tdoc a \t1 \n"),
        (DOCUMENTS, "1\t\n2\t" + "heat " * 4000 + "\n", "  1   0\t0  1\n2 0 1\t1\n"),
    ],
)
def test_odd_collections_have_a_table_too(documents: str, queries: str, qrels: str, tmp_path: Path) -> None:
    pytest.importorskip("bm25s")
    arguments = [*_write(tmp_path, documents, queries, qrels), "--json", str(tmp_path / "table.json")]
    done = CliRunner().invoke(evaluate, ["search", *arguments], standalone_mode=False)
    assert done.exception is None, done.output
    names = [line["name"] for line in json.loads((tmp_path / "table.json").read_text())]
    assert names[:2] == ["nightshift-sql", "nightshift-tantivy"]


@pytest.mark.parametrize(
    ("documents", "queries", "qrels", "said"),
    [
        ("no json\n", "1\tflow\n", "1 0 0 1\n", "documents:1: not a line of JSON"),
        ('{"title": "x"}\n', "1\tflow\n", "1 0 0 1\n", "documents:1: no id"),
        (DOCUMENTS, "flow of wings\n", "1 0 0 1\n", "queries:1: neither JSON nor id, tab, text"),
        (DOCUMENTS, "1\tflow\n", "1 0\n", "qrels:1: 2 columns"),
        (DOCUMENTS, "1\tflow\n", "1 0 0 1\n1 0 1 high\n", "qrels:2: the grade is no number"),
        (DOCUMENTS, "1\tflow\n", "7 0 0 1\n", "are the ids the same?"),
        ("\n", "1\tflow\n", "1 0 0 1\n", "holds no documents"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_the_line(
    documents: str, queries: str, qrels: str, said: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(evaluate, ["search", *_write(tmp_path, documents, queries, qrels)], standalone_mode=False)
    assert isinstance(done.exception, Stop)
    assert said in str(done.exception)


def test_files_of_other_habits_are_read(tmp_path: Path) -> None:
    """Ids under other names, numbers as ids, a header and three columns in the judgments."""
    (tmp_path / "d").write_text('{"_id": 7, "text": "flow"}\n{"docno": "x", "contents": ["heat", "slab"]}\n')
    (tmp_path / "q").write_text('{"_id": 1, "text": "heat"}\n')
    (tmp_path / "r").write_text("query-id\tcorpus-id\tscore\n1\tx\t2\n1\t7\t0\n")
    found = judged.read_collection(tmp_path / "d", tmp_path / "q", tmp_path / "r")
    assert found.documents == [("7", "", "flow"), ("x", "", "heat slab")]
    assert (found.queries, found.judged) == ({"1": "heat"}, {"1": {"x": 2.0, "7": 0.0}})
