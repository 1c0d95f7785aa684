"""Classic NetCDF, as HARP writes it, through SciPy's memory map."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from mmaq.sentinel5p.stored import Container, Stored

# SciPy warns, even of a file that it gave up on, when arrays outlive it; they are not used then.
warnings.filterwarnings("ignore", "Cannot close a netcdf_file", RuntimeWarning)


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
