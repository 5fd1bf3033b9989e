"""The ranking function, the same for both forms of the index.

BM25F as BM25 over one weighted field: a word of the title counts three times, one of the names twice, one of the text
once, in the frequency and in the length alike, with k1 = 1.2 and b = 0.75, which are also Tantivy's. Where documents
are long enough to learn from, a query is widened by what its best documents say (pseudo relevance feedback). The
figures were chosen on collections that docs/search.md names, and looked at on others.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TITLE, NAMES, TEXT = 3, 2, 1
K1, B = 1.2, 0.75

# Feedback: from so many documents, weighted by their score to a power that leaves the best in charge; a word must be in
# two of them; so many words; so large a share of the query's weight.
FEEDBACK_DOCUMENTS, FEEDBACK_POWER, FEEDBACK_SEEN, FEEDBACK_WORDS, FEEDBACK_SHARE = 10, 4, 2, 30, 0.4
# Documents of fewer words on the average are titles: they teach nothing.
FEEDBACK_LENGTH = 12


def idf(documents: int, having: int) -> float:
    """How much it says that a document has a term, as in Lucene and Tantivy: never negative."""
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))


def rounded(length: int) -> int:
    """A document's length as Tantivy keeps it in a byte: exact up to 40, then in steps of at most an eighth."""
    beyond = length - 24
    coarse = max(beyond.bit_length() - 4, 0) if beyond > 0 else 0
    return 24 + (beyond >> coarse << coarse) if beyond > 0 else length


ROUNDED_SQL = """
    case when length < 40 then length
        else 24 + ((length - 24) >> (length(bin(length - 24)) - 4) << (length(bin(length - 24)) - 4)) end
"""


def saturated(frequency: float, length: float, mean_length: float) -> float:
    """What a term's frequency counts for in a document of that length: at most K1 + 1."""
    return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length / mean_length))


def query_weights(stems: Sequence[str]) -> dict[str, float]:
    """What each term of a query counts for: one said twice counts more, not twice."""
    return {stem: math.sqrt(times) for stem, times in Counter(stems).items()}


@dataclass(frozen=True)
class Example:
    """A document that feedback learns from: its score and its terms with their weighted frequencies."""

    score: float
    frequencies: Mapping[str, float]

    @property
    def length(self) -> int:
        """Its length as the ranking sees it."""
        return rounded(int(sum(self.frequencies.values())))


def widened(
    weights: Mapping[str, float],
    examples: Sequence[Example],
    documents: int,
    mean_length: float,
    having: Callable[[Sequence[str]], Mapping[str, int]],
) -> dict[str, float]:
    """The query's weights mixed with those of the terms that its best documents have in common.

    ``having`` says how many documents have each term. The sum of weight × idf stays what it was.
    """
    best = [example for example in examples[:FEEDBACK_DOCUMENTS] if example.score > 0]
    if not best or not weights:
        return dict(weights)
    top = best[0].score
    shares = [(example.score / top) ** FEEDBACK_POWER for example in best]
    said: defaultdict[str, float] = defaultdict(float)
    seen: Counter[str] = Counter()
    for share, example in zip(shares, best, strict=True):
        length = example.length
        for term, frequency in example.frequencies.items():
            said[term] += share * saturated(frequency, length, mean_length) / sum(shares)
            seen[term] += 1
    needed = min(FEEDBACK_SEEN, len(best))
    candidates = [term for term in said if seen[term] >= needed or term in weights]
    known = having(sorted({*candidates, *weights}))
    value = {term: idf(documents, known.get(term, 0)) for term in {*candidates, *weights}}
    kept = sorted(candidates, key=lambda term: (-said[term] * value[term], term))[:FEEDBACK_WORDS]
    before = sum(weight * value[term] for term, weight in weights.items())
    learned = sum(said[term] * value[term] for term in kept)
    if before <= 0 or learned <= 0:
        return dict(weights)
    mixed = {term: (1 - FEEDBACK_SHARE) * weight for term, weight in weights.items()}
    for term in kept:
        mixed[term] = mixed.get(term, 0.0) + FEEDBACK_SHARE * before * said[term] / learned
    return mixed
