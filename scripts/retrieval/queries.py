"""What a person typed, taken apart; and how a searcher of either form answers it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.retrieval import analysis, ranking
from scripts.retrieval.ranking import Example

# Names under which a person may ask for a field.
FIELDS = {"title": "title", "name": "names", "names": "names", "artist": "names", "text": "text"}
KINDS = ("track", "artist", "release", "article")
# More is no question but a document; what lies beyond is not looked at.
LONGEST_QUERY, MOST_WORDS = 5000, 400
# Typing errors that are forgiven: letters a word must have, errors; and what a corrected or continued word counts for.
ONE_ERROR, TWO_ERRORS = 4, 8
CORRECTED, CONTINUED, MOST_ALTERNATIVES = 0.8, 0.7, 12
# A title that is the whole query outranks everything; popularity only decides between otherwise like documents.
EXACT, AS_TYPED, POPULARITY = 20.0, 0.5, 0.03

_PARTS = re.compile(r'(?:(\w+):)?(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True)
class Demand:
    """Words that a document must have next to each other, in one field or (None) in any."""

    words: tuple[str, ...]
    field: str | None = None


@dataclass
class Request:
    """A query as a searcher carries it out: what each term counts for, and what a document must be."""

    weights: Mapping[str, float]
    demands: Sequence[Demand] = ()
    kinds: Sequence[str] = ()
    country: str | None = None
    plain: str = ""
    normal: str = ""


@dataclass
class Typed:
    """What was typed: words to rank by, words that may go on, demands."""

    words: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    plain: str = ""
    normal: str = ""

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to look for."""
        return not (self.words or self.prefixes or self.demands)


@dataclass(frozen=True)
class Hit:
    """A document found; ``document`` is how its searcher knows it."""

    document: object
    document_id: str
    score: float
    kind: str = ""
    title: str = ""
    names: str = ""
    popularity: int = 0


@dataclass
class Answer:
    """What was found, what it was taken for, and why there is nothing if there is nothing."""

    hits: list[Hit]
    request: Request
    did_you_mean: str | None = None
    why_empty: str | None = None


def typed(text: str, is_prose: bool = False) -> Typed:
    """Take a query apart: ``"next to each other"``, ``artist:word``, ``kind:track``, ``begin*`` and words.

    In prose, quotation marks and colons mean nothing.
    """
    text = text[:LONGEST_QUERY]
    found = Typed()
    if is_prose:
        found.plain, found.normal = analysis.plain(text), analysis.normal(text)
        found.words = analysis.content_words(found.plain.split())[:MOST_WORDS]
        return found
    ranked = []
    for match in _PARTS.finditer(text):
        name, quoted, word = match.groups()
        target = FIELDS.get((name or "").lower())
        said = quoted if quoted is not None else word
        if (name or "").lower() == "kind" and said.lower() in KINDS:
            found.kinds.append(said.lower())
            continue
        if name and target is None:
            said = f"{name} {said}"
        words = analysis.plain(said).split()
        if not words:
            continue
        ranked.append(said)
        if quoted is not None or target:
            found.demands.append(Demand(tuple(words), target))
        if quoted is None and said.endswith("*"):
            found.prefixes.append(words.pop())
        found.words.extend(words)
    found.plain = analysis.plain(" ".join(ranked))
    found.normal = analysis.normal(" ".join(ranked))
    found.words = analysis.content_words(found.words)[:MOST_WORDS]
    return found


class Searcher(ABC):
    """One form of the index, opened for reading."""

    documents: int
    mean_length: float
    # true if documents are long enough that the best ones can widen a query
    learns: bool

    @abstractmethod
    def having(self, terms: Sequence[str]) -> Mapping[str, int]:
        """How many documents have each term; those that none has may be missing."""

    @abstractmethod
    def run(self, request: Request, limit: int) -> list[Hit]:
        """The best documents, ties in the order of their ids."""

    @abstractmethod
    def examples(self, hits: Sequence[Hit]) -> list[Example]:
        """The terms of documents found, for feedback."""

    @abstractmethod
    def continued(self, prefix: str) -> list[str]:
        """Words that begin so, frequent ones first."""

    @abstractmethod
    def resembling(self, word: str, errors: int) -> list[str]:
        """Indexed words at most so many typing errors away."""

    @abstractmethod
    def has_all(self, terms: Sequence[str]) -> bool:
        """True if some document has every one of the terms."""

    def search(self, text: str, limit: int = 10, country: str | None = None, is_prose: bool = False) -> Answer:
        """Answer a query."""
        asked = typed(text, is_prose)
        if asked.is_empty:
            nothing = "the query is empty" if not text.strip() else "the query has no letters or digits to look for"
            return Answer([], Request({}), why_empty=nothing)
        weights, corrections = self._weights(asked)
        request = Request(weights, asked.demands, asked.kinds, country, asked.plain, asked.normal)
        hits = self.run(request, max(limit, ranking.FEEDBACK_DOCUMENTS) if self.learns else limit) if weights else []
        if self.learns and hits and not asked.demands:
            examples = self.examples(hits[: ranking.FEEDBACK_DOCUMENTS])
            request.weights = ranking.widened(weights, examples, self.documents, self.mean_length, self.having)
            hits = self.run(request, limit)
        meant = self._meant(asked, corrections, hits)
        if meant and not asked.demands:
            # what was meant may be a whole title
            request.plain = request.normal = meant
            hits = self.run(request, limit)
        return Answer(hits[:limit], request, meant, None if hits else self._why_empty(asked, request))

    def _weights(self, asked: Typed) -> tuple[dict[str, float], dict[str, list[str]]]:
        """What each term counts for, words that no document has replaced by what they may have been meant for."""
        terms = analysis.stems(asked.words)
        weights = ranking.query_weights(terms)
        known = self.having(sorted(weights))
        corrections: dict[str, list[str]] = {}
        unknown = [word for word, term in zip(asked.words, terms, strict=True) if not known.get(term)]
        if not self.learns and not unknown and len(terms) > 1 and not self.has_all(sorted(weights)):
            # every word is one, but not together: one of them may be a wrong one
            unknown = [word for word in asked.words if len(word) >= ONE_ERROR]
        if self.learns and known:
            # among many words of long documents one that is missing says little, and its likes mislead
            unknown = []
        for word in dict.fromkeys(unknown):
            found = self._alternatives(word, is_last=not self.learns and word == asked.words[-1])
            if found:
                corrections[word] = [other for other, _ in found]
                self._add(weights, found)
        for prefix in asked.prefixes:
            found = [(word, 1.0 if word == prefix else CONTINUED) for word in self.continued(prefix)]
            self._add(weights, found)
        return weights, corrections

    def _alternatives(self, word: str, is_last: bool) -> list[tuple[str, float]]:
        """What a word may have been meant for, with what that counts: fewer errors first, then the frequent."""
        going_on = [(other, CONTINUED) for other in self.continued(word)] if is_last and len(word) > 1 else []
        for errors in (1, 2):
            if len(word) < (ONE_ERROR, TWO_ERRORS)[errors - 1]:
                break
            if found := self.resembling(word, errors)[:MOST_ALTERNATIVES]:
                return [(other, CORRECTED**errors) for other in found] + going_on
        return going_on

    def _add(self, weights: dict[str, float], alternatives: Sequence[tuple[str, float]]) -> None:
        """Let words stand for one: together they say as much as one word that all their documents have."""
        counts: dict[str, float] = {}
        for (_, share), term in zip(alternatives, analysis.stems(word for word, _ in alternatives), strict=True):
            counts[term] = max(share, counts.get(term, 0.0))
        known = self.having(sorted(counts))
        together = ranking.idf(self.documents, min(sum(known.values()), self.documents))
        for term, share in counts.items():
            if having := known.get(term):
                value = share * together / ranking.idf(self.documents, having)
                weights[term] = max(value, weights.get(term, 0.0))

    def _meant(self, asked: Typed, corrections: Mapping[str, list[str]], hits: Sequence[Hit]) -> str | None:
        """The query with each wrong word replaced by the alternative that the best documents have."""
        if not corrections or not hits:
            return None
        shown = [set(analysis.plain(f"{hit.title} {hit.names}").split()) for hit in hits[:3]]
        better = {}
        for word, others in corrections.items():
            if not any(word in words for words in shown):
                better[word] = next((other for words in shown for other in others if other in words), word)
        meant = " ".join(better.get(word, word) for word in asked.plain.split())
        return meant if meant != asked.plain else None

    def _why_empty(self, asked: Typed, request: Request) -> str:
        """What a person can change to find something."""
        limits = []
        if request.country:
            limits.append((f"in {request.country}", Request(request.weights, asked.demands, asked.kinds)))
        if asked.demands:
            limits.append(("with these words side by side", Request(request.weights, (), asked.kinds)))
        if asked.kinds:
            limits.append((f"of kind {', '.join(asked.kinds)}", Request(request.weights, asked.demands)))
        for what, without in limits:
            if request.weights and self.run(without, 1):
                return f"nothing is found {what}, but without that condition there is something"
        missing = [word for word in asked.words if word not in request.weights]
        return (
            f"no document has {', '.join(missing[:5] or asked.prefixes[:5] or [asked.plain[:40]])}, nor anything alike"
        )


_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ",
    "αβγδεζηθικλμνξοπρσςτυφχψω",
)


def one_error_away(word: str) -> Iterator[str]:
    """Every word that a single dropped, added, wrong or swapped letter can have made this of."""
    alphabet = next((letters for letters in _ALPHABETS if word[0] in letters), _ALPHABETS[0])
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]
        if i + 1 < len(word) and word[i] != word[i + 1]:
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        for letter in alphabet:
            if letter != word[i]:
                yield word[:i] + letter + word[i + 1 :]
    for i in range(len(word) + 1):
        for letter in alphabet:
            yield word[:i] + letter + word[i:]
