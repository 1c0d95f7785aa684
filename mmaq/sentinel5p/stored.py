"""Arrays as granules store them, HDF5 (NetCDF-4) and classic NetCDF alike, read row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

DAMAGED = "Get the file again; it may be truncated"

MISSING = ("_FillValue", "missing_value")
"""Attributes that name what is no data, as it is stored (CF conventions, 2.5.1)."""

BEYOND = (
    ("valid_min", 0, np.less), ("valid_max", 0, np.greater),
    ("valid_range", 0, np.less), ("valid_range", -1, np.greater),
)  # fmt: skip
"""Attributes beyond which a number, as it is stored, is no data (the same)."""

LIKELY_FILL = 1e30
"""Above any physical value; the default fill value of floating-point NetCDF is 9.97e36."""


class Stored(ABC):
    """An array in a file: nothing is read before ``values``.

    ``axis`` is the axis of its rows: scanlines of an official product, pixels of a HARP file.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        attributes: Mapping[str, Any],
        axis: int,
    ) -> None:
        self.name, self.shape, self.dtype = name, shape, dtype
        self.attributes, self.axis = attributes, axis

    @abstractmethod
    def stored(self, rows: slice) -> np.ndarray:
        """The rows as stored, all other axes whole."""

    @property
    def number_of_rows(self) -> int:
        """Length of the row axis."""
        return self.shape[self.axis]

    def values(self, rows: slice, keep: np.ndarray | None = None) -> np.ndarray:
        """The rows scaled, NaN where no data or not finite; float32 if stored so and unscaled.

        ``keep`` (rows, pixels) bool picks pixels: the result is (n,) or (n, corners) then.
        """
        stored = self.stored(rows)
        if keep is not None:
            stored = stored.reshape(*keep.shape, *self.shape[self.axis + keep.ndim :])[keep]
        scale, offset = self.number("scale_factor", 1.0), self.number("add_offset", 0.0)
        plain = stored.dtype == np.float32 and scale == 1 and offset == 0
        values: np.ndarray = stored.astype(np.float32 if plain else np.float64, copy=False)
        missing = ~(np.abs(values) < LIKELY_FILL)
        for name in MISSING:
            for fill in np.ravel(self.attributes.get(name, ())):
                if abs(fill) < LIKELY_FILL:
                    missing |= stored == fill
        for name, position, beyond in BEYOND:
            if name in self.attributes:
                missing |= beyond(stored, np.ravel(self.attributes[name])[position])
        if not plain:
            values = values * scale + offset
        values[missing] = np.nan
        return values

    def text(self, attribute: str) -> str:
        """A text attribute, or "" where it is absent."""
        return as_text(self.attributes.get(attribute, ""))

    def number(self, attribute: str, default: float) -> float:
        """A number among the attributes."""
        return float(np.ravel(self.attributes.get(attribute, default))[0])


class Container(ABC):
    """An open granule; paths of arrays and groups count from the file's top."""

    attributes: Mapping[str, Any]

    @abstractmethod
    def names(self, group: str = "") -> list[str]:
        """Names of the arrays of a group; none where there is no such group."""

    @abstractmethod
    def groups(self) -> list[str]:
        """Names of the groups at the top."""

    @abstractmethod
    def array(self, path: str, axis: int) -> Stored:
        """The array at ``path``, which is there."""

    def text(self, attribute: str) -> str:
        """A text attribute of the file, or "" where it is absent."""
        return as_text(self.attributes.get(attribute, ""))


def as_text(value: Any) -> str:
    """An attribute's value as text."""
    value = np.ravel(value)[0] if np.ndim(value) else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def short(fault: Exception) -> str:
    """What a library says of a fault, in 200 characters at most."""
    return str(fault)[:200] or type(fault).__name__
