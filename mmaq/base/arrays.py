"""Arrays of NumPy's own format, as memory maps; a file that is something else is told in a line."""

from __future__ import annotations

from os import PathLike

import numpy as np

from mmaq.base.errors import MmaqError
from mmaq.base.files import reading


def read_array(path: str | PathLike[str], error: type[MmaqError], remedy: str) -> np.ndarray:
    """A read-only memory map of a ``.npy`` file; objects, which would be code, are refused.

    Raises:
        error: the file is absent, cut, no array of numbers, or an archive of several.
    """
    with reading(path, error, "the file cannot be read", remedy):
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is an archive of arrays")
    return found
