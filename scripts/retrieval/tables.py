"""The index as tables: BM25 postings in a DuckDB file, which SQL can search and which say why a score is what it is.

Incoming documents are a relation of the columns of INCOMING; the words in it are plain and without stop words
(``analysis.content``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb

from scripts.faults import fault_point
from scripts.retrieval import analysis, ranking
from scripts.retrieval.queries import AS_TYPED, EXACT, POPULARITY, Demand, Hit, Request, Searcher, one_error_away
from scripts.retrieval.ranking import Example

INCOMING = {
    "document_id": "varchar",
    "kind": "varchar",
    "title": "varchar",
    "names": "varchar",
    "title_words": "varchar",
    "names_words": "varchar",
    "text_words": "varchar",
    "title_plain": "varchar",
    "names_plain": "varchar",
    "text_plain": "varchar",
    "exact_titles": "varchar[]",
    "language": "varchar",
    "territories": "varchar",
    "excluded_territories": "varchar",
    "popularity": "smallint",
    "content_hash": "varchar",
}
SHOWN = tuple(name for name in INCOMING if not name.endswith("_words"))

# Words of a document, one row a word and field: title, names, text to be read, text that only helps to find.
_SPLIT = """
    select document_no, length, unnest(string_split(words, ' ')) as word, field
    from (
        select document_no, length, title_words as words, 0 as field from arriving where title_words <> ''
        union all
        select document_no, length, names_words, 1 from arriving where names_words <> ''
        union all
        select document_no, length, text_words, if(text_plain = '', 3, 2) from arriving where text_words <> ''
    )
"""
_WORDS = "if({0} = '', 0, 1 + length({0}) - length(replace({0}, ' ', '')))"
_OF_TITLE, _OF_NAMES, _OF_TEXT = (_WORDS.format(f"{field}_words") for field in ("title", "names", "text"))


_FREQUENCY = f"{ranking.TITLE} * title_frequency + {ranking.NAMES} * names_frequency + {ranking.TEXT} * text_frequency"


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty tables."""
    shown = ", ".join(f"{name} {INCOMING[name]}" for name in SHOWN)
    connection.execute(
        f"""
        create table documents (document_no integer, {shown}, length integer, words integer);
        create table terms (term_id integer, term varchar, document_count integer);
        create table words (word varchar, term_id integer, is_read boolean);
        create table postings (
            term_id integer, document_no integer, title_frequency integer, names_frequency integer,
            text_frequency integer, rounded_length integer
        );
        create table contents (document_no integer, term_id integer, frequency integer);
        create table statistics (documents bigint, mean_length double, mean_words double);
        """
    )


def add(connection: duckdb.DuckDBPyConnection, incoming: str) -> None:
    """Index the documents of a relation, numbered in its order; none may be there already.

    They stay at hand as the table ``arriving``.
    """
    connection.execute(
        f"create or replace temp table arriving as select (select coalesce(max(document_no), 0) from documents) "
        f"+ row_number() over () as document_no, *, {ranking.TITLE} * {_OF_TITLE} "
        f"+ {ranking.NAMES} * {_OF_NAMES} + {ranking.TEXT} * {_OF_TEXT} as length, "
        f"{_OF_TITLE} + {_OF_NAMES} + {_OF_TEXT} as words from ({incoming})"
    )
    connection.execute(f"create or replace temp table spoken as {_SPLIT}")
    _learn_words(connection)
    shown = ", ".join(SHOWN)
    connection.execute(
        f"""
        insert into documents select document_no, {shown}, length, words from arriving;
        insert into postings
            with counted as (
                select words.term_id, spoken.document_no, count(*) filter (field = 0) as title_frequency,
                    count(*) filter (field = 1) as names_frequency, count(*) filter (field >= 2) as text_frequency,
                    any_value(length) as length
                from spoken inner join words using (word) group by words.term_id, spoken.document_no
            )
            select * exclude (length), {ranking.ROUNDED_SQL} from counted order by term_id, document_no;
        update terms set document_count = terms.document_count + added.documents from (
            select term_id, count(*) as documents from postings
            where document_no >= (select min(document_no) from arriving) group by term_id
        ) as added where terms.term_id = added.term_id;
        """
    )
    fault_point("index:inside-postings")
    _count(connection)
    _remember_contents(connection)
    connection.execute("drop table spoken")


def _remember_contents(connection: duckdb.DuckDBPyConnection) -> None:
    """The terms of each document, by document: what feedback looks up. Short documents teach nothing."""
    if connection.execute("select mean_words from statistics").fetchone()[0] >= ranking.FEEDBACK_LENGTH:
        connection.execute(
            f"insert into contents select document_no, term_id, {_FREQUENCY} from postings "
            "where document_no not in (select document_no from contents) order by document_no, term_id"
        )


def _learn_words(connection: duckdb.DuckDBPyConnection) -> None:
    """Number the stems of words not seen before."""
    new = connection.execute(
        "select distinct word from spoken where word not in (select word from words) order by word"
    ).fetchall()
    said = [word for (word,) in new]
    connection.execute(
        "create or replace temp table stemmed as select unnest($words::varchar[]) as word, "
        "unnest($terms::varchar[]) as term",
        {"words": said, "terms": analysis.stems(said)},
    )
    connection.execute(
        """
        insert into terms
            select (select coalesce(max(term_id), 0) from terms) + row_number() over (order by term), term, 0
            from (select distinct term from stemmed where term not in (select term from terms));
        insert into words select word, term_id, false from stemmed inner join terms using (term) order by word;
        update words set is_read = true where not is_read and word in (select word from spoken where field < 3);
        """
    )
    connection.execute("drop table stemmed")


def remove(connection: duckdb.DuckDBPyConnection, document_ids: str) -> None:
    """Take the documents of a relation of ids out, with all that is known of them."""
    connection.execute(
        f"""
        create or replace temp table leaving as
            select document_no from documents where document_id in (select document_id from ({document_ids}));
        update terms set document_count = terms.document_count - gone.documents from (
            select term_id, count(*) as documents from postings
            where document_no in (select document_no from leaving) group by term_id
        ) as gone where terms.term_id = gone.term_id;
        delete from postings where document_no in (select document_no from leaving);
        delete from documents where document_no in (select document_no from leaving);
        delete from contents where document_no in (select document_no from leaving);
        drop table leaving;
        """
    )
    _count(connection)


def _count(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "delete from statistics; insert into statistics "
        "select count(*), coalesce(avg(length), 0), coalesce(avg(words), 0) from documents"
    )


class TableSearcher(Searcher):
    """Search by SQL over the tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.documents, self.mean_length, words = connection.execute("select * from statistics").fetchone()
        self.learns = words >= ranking.FEEDBACK_LENGTH
        # feedback asks for hundreds of terms a query: then all of them are kept at hand
        self._every_term: dict[str, tuple[str, int, int]] = {}
        self._spelled: dict[int, str] = {}

    def having(self, terms: Sequence[str]) -> Mapping[str, int]:
        """How many documents have each term."""
        return {term: count for term, _, count in self._terms(terms)}

    def _terms(self, terms: Sequence[str]) -> list[tuple[str, int, int]]:
        if self.learns:
            if not self._every_term:
                rows = self._connection.execute(
                    "select term, term_id, document_count from terms where document_count > 0"
                )
                self._every_term = {term: (term, term_id, count) for term, term_id, count in rows.fetchall()}
                self._spelled = {term_id: term for term, term_id, _ in self._every_term.values()}
            return [self._every_term[term] for term in terms if term in self._every_term]
        if not terms:
            return []
        found = self._connection.execute(
            f"select term, term_id, document_count from terms where term in ({', '.join('?' * len(terms))}) "
            "and document_count > 0",
            list(terms),
        )
        return found.fetchall()

    def run(self, request: Request, limit: int) -> list[Hit]:
        """The best documents by one statement."""
        known = self._terms(list(request.weights))
        if not known:
            return []
        rows = self._connection.execute(
            self.statement(request, known),
            {"plain": request.plain, "limit": limit, **_parameters(request)},
        ).fetchall()
        return [Hit(*row) for row in rows]

    def statement(self, request: Request, known: Sequence[tuple[str, int, int]]) -> str:
        """The SQL of a request; ``known`` are its terms with their ids and document counts."""
        asked = ", ".join(
            f"({term_id}, {request.weights[term] * ranking.idf(self.documents, having):.9f})"
            for term, term_id, having in known
        )
        conditions = list(_conditions(request))
        # the bonuses below are small beside a word: without conditions, the best by words alone hold the best of all
        few = "" if conditions else "order by score desc, document_no limit $limit + 1000"
        as_typed = f"+ case when list_contains(exact_titles, $normal) then {AS_TYPED} else 0 end"
        accents = as_typed if request.normal != request.plain else ""
        return f"""
            with asked (term_id, weight) as (values {asked}),
            hits as (
                select document_no, {_FREQUENCY} as frequency, weight, rounded_length
                from postings inner join asked using (term_id)
            ),
            scored as (
                select document_no, sum(weight * frequency * {ranking.K1 + 1} / (frequency + {ranking.K1}
                    * ({1 - ranking.B} + {ranking.B} * rounded_length / {max(self.mean_length, 1e-9)!r}))) as score
                from hits group by document_no {few}
            )
            select documents.document_no, document_id,
                round(score + case when list_contains(exact_titles, $plain) then {EXACT} else 0 end
                    {accents} + {POPULARITY} * popularity, 6) as total,
                kind, title, names, popularity
            from scored inner join documents using (document_no)
            {"where " if conditions else ""}{" and ".join(conditions)}
            order by total desc, document_id
            limit $limit
        """

    def examples(self, hits: Sequence[Hit]) -> list[Example]:
        """The terms of the documents found."""
        # one branch a document, because each then reads its own few rows and not the table
        branches = " union all ".join(f"from contents where document_no = {hit.document}" for hit in hits)
        rows = self._connection.execute(f"select document_no, term_id, frequency from ({branches})").fetchall()
        found: dict[int, dict[str, float]] = {int(hit.document): {} for hit in hits}
        for number, term_id, frequency in rows:
            found[number][self._spelled[term_id]] = frequency
        return [Example(hit.score, found[int(hit.document)]) for hit in hits]

    def continued(self, prefix: str) -> list[str]:
        """Words that begin so."""
        rows = self._connection.execute(
            "select word from words inner join terms using (term_id) "
            "where is_read and starts_with(word, ?) and document_count > 0 order by document_count desc, word limit 10",
            [prefix],
        ).fetchall()
        return [word for (word,) in rows]

    def resembling(self, word: str, errors: int) -> list[str]:
        """Words so many errors away: one by trying all, two by the distance to every word of titles and names."""
        if errors == 1:
            where, values = "is_read and word in (select unnest(?))", [sorted(set(one_error_away(word)))]
        else:
            where = "is_read and length(word) between ? and ? and damerau_levenshtein(word, ?) <= ?"
            values = [len(word) - errors, len(word) + errors, word, errors]
        rows = self._connection.execute(
            f"select word from words inner join terms using (term_id) where {where} and document_count > 0 "
            "order by document_count desc, word limit 50",
            values,
        ).fetchall()
        return [found for (found,) in rows]

    def has_all(self, terms: Sequence[str]) -> bool:
        """True if some document has every term."""
        ids = [term_id for _, term_id, _ in self._terms(terms)]
        if len(ids) < len(terms):
            return False
        row = self._connection.execute(
            f"select 1 from postings where term_id in ({', '.join(map(str, ids))}) group by document_no "
            f"having count(*) = {len(ids)} limit 1"
        ).fetchone()
        return row is not None

    def sample(self, number: int, seed: int) -> list[tuple[str, str]]:
        """Titles with their artist, by a choice that is the same for the same documents and seed."""
        return self._connection.execute(
            "select title, case when kind = 'artist' then '' else string_split(names, ' | ')[1] end "
            "from documents where kind <> 'article' order by md5(document_id || ?) limit ?",
            [str(seed), number],
        ).fetchall()

    def hit_of(self, hit: Hit) -> Hit:
        """A hit of the other form as one of this."""
        (number,) = self._connection.execute(
            "select document_no from documents where document_id = ?", [hit.document_id]
        ).fetchone()
        return replace(hit, document=number)

    def explain(self, request: Request, hit: Hit) -> list[tuple[str, str, float, float]]:
        """Term, where it was found, its share of the query and what it adds, the most first; then the bonuses."""
        rows = self._connection.execute(
            "select term, title_frequency, names_frequency, text_frequency, rounded_length, document_count "
            f"from postings inner join terms using (term_id) where document_no = {hit.document}"
        ).fetchall()
        parts = []
        for term, title, names, text, length, having in rows:
            if weight := request.weights.get(term):
                frequency = ranking.TITLE * title + ranking.NAMES * names + ranking.TEXT * text
                value = weight * ranking.idf(self.documents, having)
                places = (("title", title), ("names", names), ("text", text))
                where = ", ".join(f"{name} ×{times}" if times > 1 else name for name, times in places if times)
                parts.append((term, where, weight, value * ranking.saturated(frequency, length, self.mean_length)))
        parts.sort(key=lambda part: (-part[3], part[0]))
        exact, popularity = self._connection.execute(
            f"select exact_titles, popularity from documents where document_no = {hit.document}"
        ).fetchone()
        if request.plain in exact:
            parts.append(("(the whole title)", "title", 1.0, EXACT))
        if request.normal != request.plain and request.normal in exact:
            parts.append(("(accents as typed)", "title", 1.0, AS_TYPED))
        if popularity:
            parts.append((f"(popularity {popularity} of 15)", "", 1.0, POPULARITY * popularity))
        return parts


def _conditions(request: Request) -> Iterator[str]:
    for number, demand in enumerate(request.demands):
        fields = [demand.field] if demand.field else ["title", "names", "text"]
        phrase = f"$demand_{number}"
        yield "(" + " or ".join(f"contains(' ' || {name}_plain || ' ', {phrase})" for name in fields) + ")"
    if request.kinds:
        yield f"kind in ({', '.join(f'$kind_{number}' for number, _ in enumerate(request.kinds))})"
    if request.country:
        yield (
            "(territories = 'WW' or contains(' ' || territories || ' ', $country)) "
            "and not contains(' ' || excluded_territories || ' ', $country)"
        )


def _parameters(request: Request) -> dict[str, str]:
    found = {f"demand_{number}": _padded(demand) for number, demand in enumerate(request.demands)}
    found |= {f"kind_{number}": kind for number, kind in enumerate(request.kinds)}
    if request.normal != request.plain:
        found["normal"] = request.normal
    return found | ({"country": f" {request.country} "} if request.country else {})


def _padded(demand: Demand) -> str:
    return f" {' '.join(demand.words)} "
