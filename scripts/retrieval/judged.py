"""Collections with judgments, in TREC's formats, and what they say of a ranking."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import USAGE, Stop, warn

_ID = ("id", "_id", "docno", "doc_id", "query_id", "qid")
_TEXT = ("text", "contents", "body", "abstract", "query", "description")


@dataclass(frozen=True)
class Collection:
    """Documents (id, title, text), queries by id, and each query's judged documents with their grades."""

    documents: list[tuple[str, str, str]]
    queries: dict[str, str]
    judged: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Figures:
    """Means over the queries that have anything relevant."""

    ndcg: float
    recall: float
    mean_average_precision: float


def read_collection(documents: Path, queries: Path, qrels: Path) -> Collection:
    """Read the three files; what cannot be read stops with the file and line."""
    found: dict[str, tuple[str, str, str]] = {}
    for number, line in _lines(documents):
        record = _record(documents, number, line)
        key = _text(_first(record, _ID, documents, number)).strip()
        if key in found:
            warn("evaluate", f"{documents.name}:{number}: document {key} is there twice; the first one counts")
            continue
        found[key] = (key, _text(record.get("title")), _text(next((record[n] for n in _TEXT if n in record), "")))
    if not found:
        raise Stop(f"{documents.name} holds no documents", USAGE)
    asked = dict(_queries(queries))
    judged = _judgments(qrels)
    answerable = {key: grades for key, grades in judged.items() if key in asked and any(g > 0 for g in grades.values())}
    if not answerable:
        raise Stop(f"no query of {queries.name} has a relevant document in {qrels.name}: are the ids the same?", USAGE)
    missing = {doc for grades in answerable.values() for doc, grade in grades.items() if grade > 0} - found.keys()
    if missing:
        warn("evaluate", f"{len(missing)} relevant documents are not in {documents.name}; they count as not found")
    return Collection(list(found.values()), {key: asked[key] for key in asked if key in answerable}, answerable)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except OSError as error:
        raise Stop(f"{path} cannot be read: {error}", USAGE) from error


def _record(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise Stop(f"{path.name}:{number}: not a line of JSON ({error})", USAGE) from error
    if not isinstance(record, dict):
        raise Stop(f'{path.name}:{number}: not an object like {{"id": …, "title": …, "text": …}}', USAGE)
    return record


def _first(record: Mapping[str, Any], names: Sequence[str], path: Path, number: int) -> object:
    for name in names:
        if record.get(name) is not None:
            return record[name]
    raise Stop(f"{path.name}:{number}: no {names[0]} (columns found: {', '.join(record) or 'none'})", USAGE)


def _text(value: object) -> str:
    if value is None:
        return ""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.encode(errors="replace").decode()  # half a surrogate pair is legal JSON and no text


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        if line.lstrip().startswith("{"):
            record = _record(path, number, line)
            text = next((record[name] for name in (*_TEXT, "title") if record.get(name)), "")
            yield _text(_first(record, _ID, path, number)).strip(), _text(text)
            continue
        key, tab, text = line.partition("\t")
        if not tab:
            raise Stop(f"{path.name}:{number}: neither JSON nor id, tab, text", USAGE)
        yield key.strip(), text.strip()


def _judgments(path: Path) -> dict[str, dict[str, float]]:
    judged: dict[str, dict[str, float]] = {}
    for number, line in _lines(path):
        # ids may hold spaces where tabs stand between them
        parts = [part.strip() for part in line.split("\t") if part.strip()]
        parts = parts if len(parts) in (3, 4) else line.split()
        if len(parts) not in (3, 4):
            raise Stop(
                f"{path.name}:{number}: {len(parts)} columns instead of query, iteration, document, grade", USAGE
            )
        try:
            grade = float(parts[-1])
        except ValueError:
            if number == 1:
                continue  # a header
            raise Stop(f"{path.name}:{number}: the grade is no number: {parts[-1]!r}", USAGE) from None
        judged.setdefault(parts[0], {})[parts[-2]] = grade
    if not judged:
        raise Stop(f"{path.name} holds no judgments", USAGE)
    return judged


def figures(judged: Mapping[str, Mapping[str, float]], run: Mapping[str, Sequence[str]]) -> Figures:
    """nDCG@10 (gain is the grade), recall@100 and average precision, as trec_eval computes them."""
    rows = [_of_query(judged[query], run.get(query, ())) for query in judged]
    means = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    return Figures(*means)


def _of_query(grades: Mapping[str, float], ranked: Sequence[str]) -> tuple[float, float, float]:
    gains = [max(grades.get(document, 0.0), 0.0) for document in ranked]
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    ndcg = _discounted(gains[:10]) / _discounted(ideal[:10])
    hits, precision = 0, 0.0
    for rank, gain in enumerate(gains, 1):
        if gain > 0:
            hits += 1
            precision += hits / rank
    return ndcg, sum(gain > 0 for gain in gains[:100]) / len(ideal), precision / len(ideal)


def _discounted(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
