"""Opening a granule: HDF5, the form of official products, or classic NetCDF, as HARP writes it.

HDF5 inflates under a lock; here several threads inflate the chunks of the wanted rows. What the
library does not say is found out as well: a chunk that is missing (the library would return fill
values) or was not compressed. Classic files are mapped to memory by SciPy.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import netcdf_file

from mmaq.base.errors import ProductError
from mmaq.sentinel5p.chunks import inflate
from mmaq.sentinel5p.stored import DAMAGED, Container, Stored, as_text, short

# SciPy warns, even of a file that it gave up on, when arrays outlive it; they are not used then.
warnings.filterwarnings("ignore", "Cannot close a netcdf_file", RuntimeWarning)

DEFLATED = ([h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE])
"""Filters of the datasets whose chunks are inflated here; others are left to the library."""


@contextmanager
def opening(path: Path) -> Iterator[Container]:
    """Open a granule for reading.

    Raises:
        ProductError: the file is absent, truncated or no NetCDF, here or while it is read.
    """
    if not path.is_file():
        raise ProductError(path, "the file does not exist", "Give an existing granule")
    try:
        with open(path, "rb") as stream:
            classic = stream.read(3) == b"CDF"
        with (ClassicContainer if classic else Hdf5Container)(path) as container:
            yield container
    except ProductError:
        raise
    except Exception as fault:  # h5py and SciPy raise many types for damaged structures
        raise ProductError(path, f"not a readable NetCDF file ({short(fault)})", DAMAGED) from None


class Hdf5Stored(Stored):
    """A dataset of an HDF5 file."""

    def __init__(self, name: str, dataset: h5py.Dataset, axis: int) -> None:
        super().__init__(name, dataset.shape, dataset.dtype, _attributes(dataset), axis)
        self._dataset = dataset

    def stored(self, rows: slice) -> np.ndarray:
        """The rows as stored; other filters than shuffle and deflate are left to the library.

        Raises:
            OSError: a chunk is missing or damaged.
        """
        if self._filters() not in DEFLATED or any(self.shape[a] > 1 for a in range(self.axis)):
            self._refuse_missing_parts()
            return self._dataset[(*(slice(None),) * self.axis, rows)]
        first, last, _ = rows.indices(self.number_of_rows)
        shape = list(self.shape)
        shape[self.axis] = last - first
        result = np.empty(shape, self.dtype)
        for start in self._chunk_starts(first, last):
            self._copy_chunk(start, first, last, result)
        return result

    def _filters(self) -> list[int]:
        plist = self._dataset.id.get_create_plist()
        return [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]

    def _chunk_starts(self, first: int, last: int) -> list[tuple[int, ...]]:
        """Corners of the chunks that hold the rows first..last-1."""
        spans = []
        for axis, (size, chunk) in enumerate(zip(self.shape, self._dataset.chunks, strict=True)):
            low, high = (first, last) if axis == self.axis else (0, size)
            spans.append(range(low // chunk * chunk, high, chunk))
        return list(product(*spans))

    def _copy_chunk(self, start: tuple[int, ...], first: int, last: int, out: np.ndarray) -> None:
        skipped, raw = self._dataset.id.read_direct_chunk(start)
        if skipped:
            raise OSError(f"a part of {self.name} is not compressed as the rest is")
        axis, chunk, at = self.axis, self._dataset.chunks, start[self.axis]
        low, high = max(first - at, 0), min(last - at, chunk[axis])
        row = int(np.prod(chunk[axis + 1 :]))
        number, shuffled = row * int(np.prod(chunk[: axis + 1])), len(self._filters()) == 2
        wanted = slice(low * row, high * row)
        part = inflate(raw, number, self.dtype.itemsize, shuffled, wanted)
        part = part.view(self.dtype).reshape(*(1,) * axis, high - low, *chunk[axis + 1 :])
        # The last chunk of an axis goes beyond the array.
        place = [slice(at, at + size) for at, size in zip(start, part.shape, strict=True)]
        place[axis] = slice(at + low - first, at + high - first)
        inside = [slice(0, size - at) for size, at in zip(self.shape, start, strict=True)]
        inside[axis] = slice(None)
        out[tuple(place)] = part[tuple(inside)]

    def _refuse_missing_parts(self) -> None:
        """The library gives fill values for what was never written or whose address is lost."""
        if self._dataset.chunks is None:
            there, expected = self._dataset.id.get_storage_size(), self._dataset.nbytes
        else:
            there = self._dataset.id.get_num_chunks()
            expected = len(self._chunk_starts(0, self.number_of_rows))
        if there != expected:
            raise OSError(f"parts of {self.name} are missing")


class Hdf5Container(Container):
    """An open HDF5 file."""

    def __init__(self, path: Path) -> None:
        self._file = h5py.File(path, "r")
        self.attributes = _attributes(self._file)

    def __enter__(self) -> Hdf5Container:
        return self

    def __exit__(self, *fault: object) -> None:
        self._file.close()

    def names(self, group: str = "") -> list[str]:
        """Names of the datasets of a group; none where there is no such group."""
        found = self._file.get(group or "/")
        if not isinstance(found, h5py.Group):
            return []
        datasets = [name for name in found if found.get(name, getclass=True) is h5py.Dataset]
        return [name for name in datasets if not _is_bare_dimension(found[name])]

    def groups(self) -> list[str]:
        """Names of the groups at the top."""
        return [n for n in self._file if self._file.get(n, getclass=True) is h5py.Group]

    def array(self, path: str, axis: int) -> Hdf5Stored:
        """The dataset at ``path``."""
        return Hdf5Stored(path.rsplit("/", 1)[-1], self._file[path], axis)


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    """Whether this is a NetCDF dimension without a variable, as the NetCDF library marks it."""
    return as_text(dataset.attrs.get("NAME", "")).startswith("This is a netCDF dimension but not")


def _attributes(owner: h5py.Dataset | h5py.File) -> dict[str, Any]:
    """Plain attributes; references to dimensions and empty ones are left out."""
    found = {}
    for name in owner.attrs:
        if owner.attrs.get_id(name).dtype.kind in "iufSO" and not name.endswith("_LIST"):
            value = owner.attrs[name]
            if not isinstance(value, h5py.Empty):
                found[name] = value
    return found


class ClassicStored(Stored):
    """A variable of a classic file."""

    def __init__(self, name: str, variable: Any, axis: int) -> None:
        super().__init__(name, variable.shape, variable.data.dtype, variable._attributes, axis)
        self._data = variable.data

    def stored(self, rows: slice) -> np.ndarray:
        """The rows as stored, in the machine's byte order."""
        index = (*(slice(None),) * self.axis, rows)
        return self._data[index].astype(self.dtype.newbyteorder("="))


class ClassicContainer(Container):
    """An open classic file.

    SciPy maps each variable at its place, which fails when the place is not there: a truncated
    file is refused, where the NetCDF library would return zeros.
    """

    def __init__(self, path: Path) -> None:
        self._file = netcdf_file(path, mmap=True, maskandscale=False)
        self.attributes = self._file._attributes

    def __enter__(self) -> ClassicContainer:
        return self

    def __exit__(self, *fault: object) -> None:
        self._file.close()

    def names(self, group: str = "") -> list[str]:
        """Names of all variables: a classic file has no groups."""
        return [] if group else list(self._file.variables)

    def groups(self) -> list[str]:
        """None."""
        return []

    def array(self, path: str, axis: int) -> ClassicStored:
        """The variable ``path``."""
        return ClassicStored(path, self._file.variables[path], axis)
