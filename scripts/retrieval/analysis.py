"""How text becomes words: the same for documents and queries, in the tables and in the Tantivy index.

``normal`` is Unicode NFKC, case folded, without punctuation; ``plain`` is that without diacritics. Chinese, Japanese
and Korean, which are written without spaces, become pairs of neighbouring characters. Stems are English Snowball, made
by Tantivy's own analyser, so that the words of the tables are the terms of its index.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import tantivy

if TYPE_CHECKING:
    import duckdb

# Words that say nothing of what a text is about. A text of nothing else (The Who) keeps them.
_SAY_NOTHING = """
a about above after again against all also am an and any are as at be because been before being below between both
but by can cannot could did do does doing down during each either else ever few for from further get had has have
having he her here hers herself him himself his how however i if in into is it its itself just like may me might
more most much must my myself neither no nor not now of off on once one only or other ought our ours ourselves out
over own per same shall she should so some such than that the their theirs them themselves then there these they
this those through thus to too under until up upon us very via was we were what when where whether which while who
whom whose why will with within without would yet you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_SAY_NOTHING.split())
# Tantivy's en_stem leaves longer words out; so do the tables.
LONGEST = 39

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s$")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_PAIRED = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]+")


def normal(text: str | None) -> str:
    """The words of a text as written, case folded, apart by one space; diacritics kept."""
    if not text:
        return ""
    if text.isascii():
        return _words(text.lower())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _words(_PAIRED.sub(_pairs, folded))


def plain(text: str | None) -> str:
    """The words of a text without diacritics: ``Beyoncé`` and ``beyonce`` are the same."""
    words = normal(text)
    if words.isascii():
        return words
    # what is left of й or が after taking the marks off is another letter; only Latin and Greek are written without
    kept = (base for letter in words for base in _bare(letter))
    return unicodedata.normalize("NFC", "".join(kept))


def _bare(letter: str) -> str:
    if letter in _LETTERS:
        return _LETTERS[letter]
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) > 1 and ord(parts[0]) < 0x400:
        return "".join(part for part in parts if not unicodedata.combining(part))
    return letter


# letters that no decomposition takes apart but that people type so
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}


def _words(text: str) -> str:
    if "," in text:
        text = _THOUSANDS.sub("", text)
    found = _WORD.findall(text)
    if "'" in text or "’" in text:
        found = [_POSSESSIVE.sub("", word).replace("'", "").replace("’", "") for word in found]
    return " ".join(found)


def _pairs(match: re.Match[str]) -> str:
    run = match[0]
    return f" {' '.join(run[i : i + 2] for i in range(max(len(run) - 1, 1)))} "


def content_words(words: Sequence[str]) -> list[str]:
    """The words that say something; all of them where none does."""
    short = [word for word in words if len(word.encode()) <= LONGEST]
    return [word for word in short if word not in STOP_WORDS] or short


def content(text: str) -> str:
    """A plain text without its stop words."""
    return " ".join(content_words(text.split()))


_analyser = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.stemmer("english")).build()
)
_stems: dict[str, str] = {}


def stems(words: Iterable[str]) -> list[str]:
    """The stem of each word; each different word is looked at once."""
    words = list(words)
    new = sorted({word for word in words if word not in _stems})
    for begin in range(0, len(new), 1000):
        part = new[begin : begin + 1000]
        _stems.update(zip(part, _analyser.analyze(" ".join(part)), strict=True))
    return [_stems[word] for word in words]


def known_texts(session: duckdb.DuckDBPyConnection, relation: object) -> duckdb.DuckDBPyRelation:
    """The texts that the last build of the model took apart, by this very file; none where it has not been built."""
    schema, name = str(relation).replace('"', "").split(".")[-2:]
    found = session.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?", [schema, name]
    ).fetchone()[0]
    columns = "raw_text, normal_text, plain_text, content_text, version"
    if not found:
        empty = ", ".join(f"'' as {column}" for column in columns.split(", "))
        return session.sql(f"select {empty} where false")
    return session.sql(f"select {columns} from {schema}.{name} where version = '{_version()}'")


def normalised(new: pa.Table, known: pa.Table) -> pa.Table:
    """Rows of the model of search texts: the known ones as they are, new ones (column ``raw_text``) taken apart."""
    raw = new.column("raw_text").to_pylist()
    plains = [plain(text) for text in raw]
    columns = {
        "raw_text": raw,
        "normal_text": [normal(text) for text in raw],
        "plain_text": plains,
        "content_text": [content(text) for text in plains],
        "version": [_version()] * len(raw),
    }
    arrived = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return pa.concat_tables([known.select(list(columns)).cast(arrived.schema), arrived])


def _version() -> str:
    return hashlib.md5(Path(__file__).read_bytes()).hexdigest()[:12]
