"""Arrays of NumPy's own format, as memory maps; a file that is something else is told in a line."""

from __future__ import annotations

from os import PathLike
from threading import Lock

import numpy as np

from mmaq.base.errors import MmaqError
from mmaq.base.files import reading

_HEADERS = Lock()
"""Held while headers are read. NumPy parses them with Python's ``ast``, whose count of the nested
calls is one for all threads: of two that parse at the same time, one may fail with a SystemError.

Source: https://github.com/python/cpython/issues/106905.
"""


def read_array(path: str | PathLike[str], error: type[MmaqError], remedy: str) -> np.ndarray:
    """A read-only memory map of a ``.npy`` file; objects, which would be code, are refused.

    Raises:
        error: the file is absent, cut, no array of numbers, or an archive of several.
    """
    with reading(path, error, "the file cannot be read", remedy), _HEADERS:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is an archive of arrays")
    return found


def read_arrays(
    path: str | PathLike[str], error: type[MmaqError], remedy: str
) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` archive by name; objects, which would be code, are refused.

    Raises:
        error: the file is absent, cut, or no archive of arrays of numbers.
    """
    with (
        reading(path, error, "the file cannot be read", remedy),
        _HEADERS,
        np.load(path, allow_pickle=False) as archive,
    ):
        return dict(archive)
