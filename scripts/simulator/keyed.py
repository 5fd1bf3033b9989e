"""Random numbers that depend on what they are for, and ids and texts made from numbers without row loops."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _number(part: object) -> int:
    return part & 0xFFFFFFFFFFFFFFFF if isinstance(part, int) else zlib.crc32(str(part).encode())


def generator(seed: int, *purpose: object) -> np.random.Generator:
    """A generator of its own for each purpose, such as ``("plays", day)``."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([_number(seed), *map(_number, purpose)])))


def mix(numbers: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit numbers that looks random (the finaliser of splitmix64)."""
    x = np.atleast_1d(numbers).astype(np.uint64)
    x += GOLDEN
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def hashed(seed: int, purpose: str, *ids: np.ndarray | int) -> np.ndarray:
    """64 bits for each row, from the purpose and the ids; the same whatever else is generated."""
    state = np.uint64(_number(seed) * 0x1000193 + zlib.crc32(purpose.encode()))
    result = np.asarray(state)
    for each in ids:
        result = mix(result ^ np.asarray(each).astype(np.uint64))
    return np.atleast_1d(result)


def unit(seed: int, purpose: str, *ids: np.ndarray | int) -> np.ndarray:
    """Numbers in [0, 1) for each row."""
    return (hashed(seed, purpose, *ids) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _fixed(matrix: np.ndarray) -> pa.StringArray:
    """Text of the same width in every row, from a matrix of bytes."""
    rows, width = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix)))


def hex_text(numbers: np.ndarray, prefix: str = "", digits: int = 16) -> pa.StringArray:
    """Hexadecimal ids."""
    pairs = HEX[np.ascontiguousarray(numbers.astype(">u8")).view(np.uint8)]
    text = pairs.view(np.uint8).reshape(-1, 16)[:, 16 - digits :]
    return _fixed(_with_prefix(text, prefix)) if prefix else _fixed(text)


def numbered(prefix: str, numbers: np.ndarray, width: int) -> pa.StringArray:
    """Ids such as ``in00000042``."""
    numbers = np.asarray(numbers, dtype=np.int64)
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    digits = ((numbers[:, None] // powers) % 10 + ord("0")).astype(np.uint8)
    return _fixed(_with_prefix(digits, prefix))


def _with_prefix(text: np.ndarray, prefix: str) -> np.ndarray:
    whole = np.empty((len(text), len(prefix) + text.shape[1]), dtype=np.uint8)
    whole[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    whole[:, len(prefix) :] = text
    return whole


def pick(choices: Sequence[str] | pa.Array, index: np.ndarray) -> pa.Array:
    """Texts by index; a negative index is no value."""
    values = choices if isinstance(choices, pa.Array) else pa.array(choices, pa.string())
    index = np.asarray(index)
    return values.take(pa.array(index, mask=index < 0) if (index < 0).any() else pa.array(index))


def weighted(weights: Sequence[float], uniform: np.ndarray) -> np.ndarray:
    """Index of a choice by weight, from numbers in [0, 1)."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(cumulative / cumulative[-1], uniform, side="right").clip(max=len(weights) - 1)
