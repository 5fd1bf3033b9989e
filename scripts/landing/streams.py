"""Bytes of a shipped file, decompressed in pieces; a file cut short gives what was readable and says so."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

PIECE = 8 << 20


class Damaged(Exception):
    """A file that cannot be trusted at all: bytes were changed, or it is not what its name says."""


class ByteStream:
    """The content of one file. ``truncated`` is known once all pieces were read."""

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        self.content = content
        self.truncated = False

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of at most some megabytes, in order."""
        if self.content is not None:
            yield self.content
            return
        suffix = self.path.suffix
        with self.path.open("rb") as file:
            if suffix in (".gz", ".zst", ".zstd") and not os.fstat(file.fileno()).st_size:
                raise Damaged("empty: not even compressed")
            if suffix == ".gz":
                yield from self._gzip(file)
            elif suffix in (".zst", ".zstd"):
                yield from self._zstd(file)
            else:
                while piece := file.read(PIECE):
                    yield piece

    def _gzip(self, file: BinaryIO) -> Iterator[bytes]:
        """Members of a gzip file one after the other; the checksum of each is verified by zlib."""
        member, started, any_member = zlib.decompressobj(31), False, False
        pending = b""
        try:
            while raw := pending or file.read(PIECE // 8):
                pending = b""
                if not started and any_member and not (raw := raw.lstrip(b"\0")):
                    continue  # padding after the last member, as tape and block devices leave it
                started = True
                piece = member.decompress(raw, PIECE)
                if piece:
                    yield piece
                pending = member.unconsumed_tail
                if member.eof:
                    pending = member.unused_data
                    member, started, any_member = zlib.decompressobj(31), False, True
        except zlib.error as error:
            raise Damaged(f"not readable as gzip ({error})") from None
        if started:
            yield member.flush()
        self.truncated = started

    def _zstd(self, file: BinaryIO) -> Iterator[bytes]:
        """Frames of a Zstandard file one after the other."""
        frame, started = zstandard.ZstdDecompressor().decompressobj(), False
        pending = b""
        try:
            while raw := pending or file.read(PIECE // 16):
                started, pending = True, b""
                piece = frame.decompress(raw)
                if piece:
                    yield piece
                if frame.eof:
                    pending = frame.unused_data
                    frame, started = zstandard.ZstdDecompressor().decompressobj(), False
        except zstandard.ZstdError as error:
            raise Damaged(f"not readable as Zstandard ({error})") from None
        self.truncated = started


def sha256(path: Path) -> str:
    """SHA-256 of a file as it lies there."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
