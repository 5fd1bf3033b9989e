"""Cutting bytes into records: by numpy where they are well formed, by a grammar where they are not.

Both give the same records for well-formed input (a property test says so); the grammar also finds where, after a
quote out of place, the next good record begins: at the next line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa

TAB, LINE_FEED, RETURN, QUOTE = 9, 10, 13, 34
LONGEST = 64 << 20
TOO_LONG = f"longer than {LONGEST >> 20} MiB"


@dataclass
class Chunk:
    """Bytes cut into records; ``wrong`` says by number which are none (no reason: a blank line), up to ``end``."""

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    wrong: dict[int, str] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """How many bytes were cut; what follows is the beginning of a record."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @cached_property
    def bytes(self) -> np.ndarray:
        """The data as numbers."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def line_feeds(self) -> np.ndarray:
        """Where the line feeds are."""
        return np.flatnonzero(self.bytes == LINE_FEED)

    def record(self, number: int) -> bytes:
        """The bytes of one record, its line end included."""
        return self.data[self.starts[number] : self.ends[number]]

    def lines_before(self, positions: np.ndarray | int) -> np.ndarray:
        """How many line feeds stand before a position."""
        return np.searchsorted(self.line_feeds, positions)

    def together(self, good: np.ndarray) -> tuple[bytes, np.ndarray]:
        """The good records one after the other, and where each begins (and the last ends)."""
        starts, ends = self.starts[good], self.ends[good]
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(ends - starts, out=offsets[1:])
        if offsets[-1] == len(self.data):
            return self.data, offsets
        breaks = np.flatnonzero(starts[1:] != ends[:-1])
        firsts, lasts = np.r_[0, breaks + 1], np.r_[breaks, len(starts) - 1]
        return b"".join(self.data[starts[i] : ends[j]] for i, j in zip(firsts, lasts, strict=True)), offsets

    def find_unreadable(self) -> None:
        """Note records that are no text, or beyond all measure."""
        if not is_utf8(self.data):
            for i in range(len(self.starts)):
                try:
                    self.record(i).decode()
                except UnicodeDecodeError as error:
                    self.wrong[i] = f"not UTF-8 (byte {error.object[error.start]:#04x})"
        if b"\0" in self.data:
            zeros = np.flatnonzero(self.bytes == 0)
            for i in np.unique(np.searchsorted(self.ends, zeros, "right")).tolist():
                if i < len(self.ends):
                    self.wrong[i] = TOO_LONG if self.ends[i] - self.starts[i] > LONGEST else "NUL byte"


def is_utf8(data: bytes) -> bool:
    """Whether all of it is UTF-8 (by vector instructions, nothing is copied)."""
    offsets = np.array([0, len(data)], np.int64)
    try:
        pa.LargeStringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def lines(data: bytes, final: bool) -> Chunk:
    """Records that are lines."""
    numbers = np.frombuffer(data, np.uint8)
    return _chunk(data, np.flatnonzero(numbers == LINE_FEED) + 1, final)


def tabbed(data: bytes, final: bool, width: int) -> Chunk:
    """Lines of COPY's text format, in which tabs and line feeds of values are escaped."""
    chunk = lines(data, final)
    tabs = np.flatnonzero(chunk.bytes == TAB)
    fields = np.diff(np.searchsorted(tabs, np.r_[0, chunk.ends])) + 1
    for i in np.flatnonzero(fields != width).tolist():
        chunk.wrong[i] = _miscounted(int(fields[i]), width)
    return chunk


def delimited(data: bytes, final: bool, delimiter: bytes, width: int) -> Chunk:
    """Records of CSV that should have ``width`` fields."""
    return _by_numbers(data, final, delimiter, width) or by_grammar(data, final, delimiter, width)


def _chunk(data: bytes, ends: np.ndarray, final: bool) -> Chunk:
    """A chunk from the places after its line ends; what follows the last of them is a record at the end of a file."""
    if final and len(data) > (ends[-1] if len(ends) else 0):
        ends = np.r_[ends, len(data)]
    ends = ends.astype(np.int64)
    return Chunk(data, np.r_[0, ends[:-1]].astype(np.int64)[: len(ends)], ends)


def _by_numbers(data: bytes, final: bool, delimiter: bytes, width: int) -> Chunk | None:
    """Cut without looking at single records; None where quotes or carriage returns are out of place."""
    numbers = np.frombuffer(data, np.uint8)
    feeds, delimiters = np.flatnonzero(numbers == LINE_FEED), np.flatnonzero(numbers == delimiter[0])
    inside = None
    if b'"' in data:
        is_quote = numbers == QUOTE
        inside = (np.cumsum(is_quote, dtype=np.uint8) & 1).astype(bool)
        if not _quotes_in_place(numbers, np.flatnonzero(is_quote), delimiter[0]):
            return None
        feeds, delimiters = feeds[~inside[feeds]], delimiters[~inside[delimiters]]
        if final and inside[-1]:
            return None
    if b"\r" in data:
        returns = np.flatnonzero(numbers == RETURN)
        returns = returns if inside is None else returns[~inside[returns]]
        followed = numbers[np.minimum(returns + 1, len(numbers) - 1)] == LINE_FEED
        if not (followed | (returns == len(numbers) - 1)).all():
            return None
    chunk = _chunk(data, feeds + 1, final)
    if not len(chunk.ends):
        return chunk if len(data) <= LONGEST else None
    fields = np.diff(np.searchsorted(delimiters, np.r_[0, chunk.ends])) + 1
    lengths = chunk.ends - chunk.starts
    is_blank = (lengths == 1) & (numbers[chunk.starts] == LINE_FEED)
    is_blank |= (lengths == 2) & (numbers[chunk.starts] == RETURN)
    chunk.wrong |= dict.fromkeys(np.flatnonzero(is_blank).tolist(), "")
    for i in np.flatnonzero((fields != width) & ~is_blank).tolist():
        if inside is not None and chunk.record(i).count(b"\n") > 1:
            return None  # perhaps a quote left open swallowed good records
        chunk.wrong[i] = _miscounted(int(fields[i]), width)
    return chunk


def _quotes_in_place(numbers: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Whether opening quotes begin a field (or are the second of a doubled one) and closing ones end it."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = numbers[np.maximum(opening - 1, 0)]
    good = (opening == 0) | (before == delimiter) | (before == LINE_FEED) | (before == QUOTE)
    if not good.all():
        return False
    after = numbers[np.minimum(closing + 1, len(numbers) - 1)]
    last = closing == len(numbers) - 1
    return bool((last | (after == delimiter) | (after == LINE_FEED) | (after == RETURN) | (after == QUOTE)).all())


@lru_cache
def _grammar(delimiter: bytes, width: int) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """A record that ends with its line end or with the data; a beginning whose last quote is still open."""
    quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
    one = rb"(?:" + quoted + rb'|[^"\r\n' + re.escape(delimiter) + rb"]*+)"
    more = rb"(?:" + re.escape(delimiter) + one + rb")"
    record = one + more + b"{%d}" % (width - 1) + rb"(?:\r?\n|\r?\Z)"
    is_open = rb"(?:" + one + re.escape(delimiter) + rb')*+"[^"]*+(?:""[^"]*+)*+(?:"?\r?\Z)'
    return re.compile(record), re.compile(is_open)


def by_grammar(data: bytes, final: bool, delimiter: bytes, width: int) -> Chunk:
    """Cut record by record; a line at which no good record begins is a bad one, the next line is tried afresh."""
    record, is_open = _grammar(delimiter, width)
    starts, ends, wrong = [], [], {}
    position = 0
    while position < len(data):
        found = record.match(data, position)
        end = found.end() if found else 0
        if found and not final and data[end - 1] != LINE_FEED:
            break
        if not found:
            end = data.find(b"\n", position) + 1 or len(data)
            left = len(data) - position
            if not final and left <= LONGEST and (data[end - 1] != LINE_FEED or is_open.match(data, position)):
                break
            line = data[position:end]
            if line.strip(b"\r\n"):
                wrong[len(starts)] = TOO_LONG if len(line) > LONGEST else _why(line, delimiter, width)
            else:
                wrong[len(starts)] = ""
        elif width == 1 and not data[position:end].strip(b"\r\n"):
            wrong[len(starts)] = ""
        starts.append(position)
        ends.append(end)
        position = end
    return Chunk(data, np.array(starts, np.int64), np.array(ends, np.int64), wrong)


def _why(line: bytes, delimiter: bytes, width: int) -> str:
    """What is wrong with a line that is no record."""
    if b'"' in line:
        return "a quote out of place, or left open"
    if b"\r" in line.removesuffix(b"\n").removesuffix(b"\r"):
        return "a carriage return within the line"
    return _miscounted(line.count(delimiter) + 1, width)


def _miscounted(fields: int, width: int) -> str:
    return f"{fields} fields where the header has {width}"
