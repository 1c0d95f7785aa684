"""HDF5's shuffle and deflate filters, by ISA-L: several times as fast as zlib, the same format.

Shuffled, the first bytes of all numbers of a chunk come first, then all second bytes, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import h5py
import numpy as np
from isal import isal_zlib

LEVEL = 1
"""ISA-L's own scale, 0 to 3; files come out as with zlib's lowest."""

PIECE = 128 * 1024
"""Compressed bytes inflated at a time."""


def inflate(raw: bytes, number: int, itemsize: int, shuffled: bool, wanted: slice) -> np.ndarray:
    """The ``wanted`` of the ``number`` numbers in a chunk: (n, itemsize) uint8.

    Goes through the chunk in pieces that stay in the processor's cache, so that neither time nor
    memory is spent on what is not wanted; the checksum at its end is compared all the same.

    Raises:
        isal_zlib.IsalError: the bytes are damaged or do not match their checksum.
        ValueError: they are not as many as they should be.
    """
    first, last = wanted.start, wanted.stop
    result = np.empty((last - first, itemsize), np.uint8)
    # As a table with a row a plane: each plane holds one byte of every number, or all of them.
    planes, width = (itemsize, 1) if shuffled else (1, itemsize)
    table = result.T if shuffled else result.reshape(1, -1)
    length, first, last = number * width, first * width, last * width
    stream, source, position = isal_zlib.decompressobj(), memoryview(raw), 0
    for at in range(0, len(raw), PIECE):
        piece = np.frombuffer(stream.decompress(source[at : at + PIECE]), np.uint8)
        end = position + len(piece)
        for plane in range(position // length, min(-(-end // length), planes)):
            start = plane * length + first
            low, high = max(position, start), min(end, plane * length + last)
            if low < high:
                table[plane, low - start : high - start] = piece[low - position : high - position]
        position = end
    if not stream.eof or position != planes * length:
        raise ValueError(f"a chunk of {position} bytes instead of {planes * length}")
    return result


def deflate(values: np.ndarray) -> bytes:
    """A chunk, shuffled and compressed."""
    data = np.ascontiguousarray(values).view(np.uint8).reshape(values.size, -1)
    return isal_zlib.compress(np.ascontiguousarray(data.T), LEVEL)


def fill_datasets(path: Path, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write whole arrays into chunked datasets of their type that are there and still empty.

    The datasets' filters must be shuffle and deflate, as the NetCDF library sets them.
    """
    with h5py.File(path, "r+") as file:
        for name, array in arrays:
            dataset = file[name]
            chunk = dataset.chunks
            steps = [range(0, size, step) for size, step in zip(array.shape, chunk, strict=True)]
            for start in product(*steps):
                where = tuple(slice(at, at + size) for at, size in zip(start, chunk, strict=True))
                part = array[where].astype(dataset.dtype, copy=False)
                missing = [(0, size - here) for size, here in zip(chunk, part.shape, strict=True)]
                dataset.id.write_direct_chunk(start, deflate(np.pad(part, missing)))
