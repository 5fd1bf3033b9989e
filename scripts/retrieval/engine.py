"""The index as a Tantivy index: a folder that a backend mounts and queries at once, with its own or built-in words.

Its fields use only tokenizers that Tantivy has built in. ``all`` holds a document's content words, those of the title
three times and of the names twice, stemmed: BM25 over it is the tables' ranking, but for Tantivy rounding lengths.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import tantivy
from tantivy import Occur, Query

from scripts.faults import fault_point
from scripts.retrieval import analysis, ranking
from scripts.retrieval.queries import AS_TYPED, EXACT, POPULARITY, Demand, Hit, Request, Searcher, one_error_away
from scripts.retrieval.ranking import Example

HEAP = 256_000_000
WEIGHTED = ", ".join(
    column
    for column, times in (("title_words", ranking.TITLE), ("names_words", ranking.NAMES), ("text_words", ranking.TEXT))
    for _ in range(times)
)
# A document of the index as JSON, of the columns of tables.INCOMING: what Tantivy reads by itself costs Python nothing.
DOCUMENT = f"""
    to_json(struct_pack(
        document_id := document_id, kind := kind, shown_title := to_base64(encode(title)),
        shown_names := to_base64(encode(names)), "all" := concat_ws(' ', {WEIGHTED}), title := title_plain,
        names := names_plain, "text" := text_plain, exact := exact_titles,
        territory := list_filter(string_split(territories, ' '), lambda place: place <> ''),
        excluded_territory := list_filter(string_split(excluded_territories, ' '), lambda place: place <> ''),
        popularity := popularity
    ))
"""


def schema(learns: bool) -> tantivy.Schema:
    """The fields; only where queries learn from documents are their words stored."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("document_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("kind", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("shown_title", stored=True)
    builder.add_bytes_field("shown_names", stored=True)
    builder.add_text_field("all", stored=learns, tokenizer_name="en_stem", index_option="freq")
    builder.add_text_field("title", tokenizer_name="default")
    builder.add_text_field("names", tokenizer_name="default")
    builder.add_text_field("text", tokenizer_name="default")
    builder.add_text_field("exact", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("territory", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("excluded_territory", tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("popularity", stored=True, fast=True)
    return builder.build()


def write(folder: Path, documents: Iterable[tuple[str]], learns: bool, leaving: Iterable[str] = ()) -> None:
    """Bring an index up to date: documents of ``leaving`` go, then ``documents`` come (rows of DOCUMENT)."""
    folder.mkdir(parents=True, exist_ok=True)
    index = tantivy.Index(schema(learns), path=str(folder))
    writer = index.writer(heap_size=HEAP, num_threads=2)
    for document_id in leaving:
        writer.delete_documents_by_term("document_id", document_id)
    for (document,) in documents:
        writer.add_json(document)
    fault_point("index:before-tantivy-commit")
    writer.commit()
    writer.garbage_collect_files()
    writer.wait_merging_threads()


class EngineSearcher(Searcher):
    """Search by Tantivy. ``mean_length`` and ``learns`` are figures of the collection that come with the index."""

    def __init__(self, folder: Path, mean_length: float, learns: bool) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        self.documents = self._searcher.num_docs
        self.mean_length = mean_length
        self.learns = learns

    def having(self, terms: Sequence[str]) -> Mapping[str, int]:
        """How many documents have each term."""
        counts = {term: self._searcher.doc_freq("all", term) for term in terms}
        return {term: count for term, count in counts.items() if count}

    def run(self, request: Request, limit: int) -> list[Hit]:
        """The best documents, by one query of boosted terms."""
        if not request.weights:
            return []
        words = [
            (Occur.Should, Query.boost_query(self._term("all", term, "freq"), weight))
            for term, weight in sorted(request.weights.items())
        ]
        parts = [(Occur.Must, Query.boolean_query(words))]
        exact = Query.const_score_query(self._term("exact", request.plain, "basic"), EXACT)
        parts.append((Occur.Should, exact))
        if request.normal != request.plain:
            as_typed = Query.const_score_query(self._term("exact", request.normal, "basic"), AS_TYPED)
            parts.append((Occur.Should, as_typed))
        for condition in self._conditions(request):
            parts.append((Occur.Must, Query.const_score_query(condition, 0.0)))
        if request.country:
            parts.append((Occur.MustNot, self._term("excluded_territory", request.country, "basic")))
        # popularity may lift a document that is a little lower by words alone
        found = self._searcher.search(Query.boolean_query(parts), limit + 50, count=False).hits
        popularity = self._searcher.fast_field_values("popularity", [address for _, address in found])
        scored = [
            (round(score + POPULARITY * (popular or 0), 5), address)
            for (score, address), popular in zip(found, popularity, strict=True)
        ]
        scored.sort(key=lambda pair: -pair[0])
        hits = [self._hit(score, address) for score, address in scored[: limit + 5]]
        return sorted(hits, key=lambda hit: (-hit.score, hit.document_id))[:limit]

    def _hit(self, score: float, address: tantivy.DocAddress) -> Hit:
        document = self._searcher.doc(address)
        name, kind, title, names, popularity = (
            document.get_first(field) for field in ("document_id", "kind", "shown_title", "shown_names", "popularity")
        )
        shown = (bytes(text or b"").decode() for text in (title, names))
        return Hit(address, str(name), score, str(kind), *shown, int(popularity or 0))

    def _term(self, field: str, value: str, option: str) -> Query:
        return Query.term_query(self._schema, field, value, option)

    def _conditions(self, request: Request) -> Iterable[Query]:
        for demand in request.demands:
            fields = [demand.field] if demand.field else ["title", "names", "text"]
            yield Query.boolean_query([(Occur.Should, self._phrase(field, demand)) for field in fields])
        if request.kinds:
            yield Query.term_set_query(self._schema, "kind", list(request.kinds))
        if request.country:
            yield Query.term_set_query(self._schema, "territory", ["WW", request.country])

    def _phrase(self, field: str, demand: Demand) -> Query:
        if len(demand.words) == 1:
            return self._term(field, demand.words[0], "position")
        return Query.phrase_query(self._schema, field, list(demand.words))

    def examples(self, hits: Sequence[Hit]) -> list[Example]:
        """The terms of the documents found, from their stored words."""
        found = []
        for hit in hits:
            words = str(self._searcher.doc(hit.document).get_first("all") or "").split()
            found.append(Example(hit.score, Counter(analysis.stems(words))))
        return found

    def continued(self, prefix: str) -> list[str]:
        """Words that begin so."""
        found: Counter[str] = Counter()
        for field in ("title", "names", "text"):
            found.update(dict(self._searcher.terms_with_prefix(field, prefix, limit=200)))
        return self._frequent_first(word for word, _ in found.most_common(50))[:10]

    def resembling(self, word: str, errors: int) -> list[str]:
        """Words so many errors away: one by trying all, two by the automaton over titles and names."""
        if errors == 1:
            candidates = set(one_error_away(word))
        else:
            fuzzy = [
                (Occur.Should, Query.fuzzy_term_query(self._schema, field, word, errors))
                for field in ("title", "names")
            ]
            found = self._searcher.search(Query.boolean_query(fuzzy), 50, count=False).hits
            hits = [self._hit(score, address) for score, address in found]
            words = {near for hit in hits for near in analysis.plain(f"{hit.title} {hit.names}").split()}
            candidates = {near for near in words if distance(near, word) <= errors}
        return self._frequent_first(candidates)

    def _frequent_first(self, words: Iterable[str]) -> list[str]:
        """Those of the words that are indexed, by the number of documents that have their stem."""
        known = sorted(
            word for word in words if any(self._searcher.doc_freq(field, word) for field in ("title", "names", "text"))
        )
        counts = dict(zip(known, (self._searcher.doc_freq("all", stem) for stem in analysis.stems(known)), strict=True))
        return sorted((word for word in known if counts[word]), key=lambda word: (-counts[word], word))

    def holds(self, document_id: str) -> bool:
        """True if the document is there."""
        return bool(self._searcher.search(self._term("document_id", document_id, "basic"), 1, count=False).hits)

    def has_all(self, terms: Sequence[str]) -> bool:
        """True if some document has every term."""
        every = [(Occur.Must, self._term("all", term, "freq")) for term in terms]
        return bool(self._searcher.search(Query.boolean_query(every), 1, count=False).hits)


def distance(one: str, other: str) -> int:
    """Typing errors between two words: letters dropped, added, wrong, or two neighbours swapped."""
    before, row = [], list(range(len(other) + 1))
    for i, letter in enumerate(one):
        new = [i + 1]
        for j, its in enumerate(other):
            new.append(min(row[j + 1] + 1, new[j] + 1, row[j] + (letter != its)))
            if i and j and letter == other[j - 1] and one[i - 1] == its:
                new[-1] = min(new[-1], before[j - 1] + 1)
        before, row = row, new
    return row[-1]


warnings.filterwarnings("ignore", category=DeprecationWarning, module="tantivy")
