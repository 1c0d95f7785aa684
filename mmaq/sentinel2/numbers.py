"""How a band's file turns reflectance into numbers, by its own tags and the product's offset."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from mmaq.base.errors import ProductError
from mmaq.base.rasters import PLAIN, declared_scale
from mmaq.base.reflectance import LEAST, MOST

UNIT = 10_000.0
"""DN of a reflectance of 1 (Sentinel-2 Products Specification, QUANTIFICATION_VALUE)."""

REFLECTANCE = 1e-3
"""A declared scale below this gives reflectances: 65535 DN are then at most 65."""

REMEDY = "Give digital numbers of reflectance x 10000, or declare their scale"


@dataclass(frozen=True)
class Numbers:
    """Of one band, or as arrays (bands, 1, 1) of several.

    Reflectance x 10000 is ``factor`` times what ``read_pixels`` gives, plus ``added``. ``zero`` is
    what DN 0 is read as, which is no data (Sentinel-2 Products Specification); NaN where 0 is a
    reflectance: in signed numbers with a nodata value of their own. What is not between ``least``
    and ``most`` is no DN, declared or not. A DN is what is read times ``per_unit``, less
    ``offset``: the DN that the file's own tags, or else the product, add.
    """

    factor: Any
    added: Any
    zero: Any
    least: Any
    most: Any
    per_unit: Any
    offset: Any

    def known(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Which pixels hold data."""
        return valid & (values != self.zero) & (values > self.least) & (values < self.most)

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """DN of what was read."""
        return values * self.per_unit - self.offset


def numbers_of(raster: Any, index: int, offset: int, where: str | PathLike[str]) -> Numbers:
    """Those of band ``index`` (from 1) of an open file; ``offset`` is the product's, DN to add.

    An offset that the file itself declares goes before the product's, which is then not added
    again.

    Raises:
        ProductError: the band does not hold DN, or its scale gives no reflectance.
    """
    dtype, nodata = np.dtype(raster.dtypes[index - 1]), raster.nodatavals[index - 1]
    if dtype.kind not in "iu" or dtype.itemsize == 1:
        raise ProductError(where, f"{dtype} where digital numbers are integers of 16 bits", REMEDY)
    scale, added = declared_scale(raster, index)
    own_zero = dtype.kind == "i" and nodata not in (None, 0)
    zero = np.nan if own_zero else added
    factor = factor_of(scale, where)
    least, most = LEAST / factor + added, MOST / factor + added
    if (scale, added) == PLAIN:
        return Numbers(1.0, float(offset), zero, least, most, 1.0, 0)
    told = round(added / scale)
    to_add = 0.0 if told else offset * scale * factor
    return Numbers(factor, to_add, zero, least, most, 1 / scale, told)


def factor_of(scale: float, where: str | PathLike[str]) -> float:
    """What makes reflectance x 10000 of values with the declared ``scale``.

    Raises:
        ProductError: it is neither 1 nor one that gives reflectances.
    """
    if scale != 1 and not 0 < scale < REFLECTANCE:
        raise ProductError(where, f"its scale of {scale:g} gives no reflectance", REMEDY)
    return 1.0 if scale == 1 else UNIT


def several(each: list[Numbers]) -> Numbers:
    """The numbers of some bands as arrays (bands, 1, 1)."""
    names = ("factor", "added", "zero", "least", "most", "per_unit", "offset")
    columns = ([getattr(one, name) for one in each] for name in names)
    return Numbers(*(np.array(column, float)[:, None, None] for column in columns))
