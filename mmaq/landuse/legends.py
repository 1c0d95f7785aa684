"""Legends of land cover: which class a code of a map stands for.

ESA WorldCover 10 m v200 product user manual, table 3; CORINE Land Cover nomenclature: three-digit
codes of level 3, and the codes 1 to 44 of the raster product with its codes without a class.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from mmaq.base.errors import ProductError

CLASSES = ("built", "industry", "cropland", "forest", "grassland", "water", "bare")
NATURE = ("cropland", "forest", "grassland", "water")
"""Vegetation and water."""

MANMADE = ("built", "industry")

WORLDCOVER = {
    10: "forest", 20: "grassland", 30: "grassland", 40: "cropland", 50: "built", 60: "bare",
    70: "bare", 80: "water", 90: "grassland", 95: "forest", 100: "grassland",
}  # fmt: skip
"""Shrubland, herbaceous wetland, moss and lichen count as grassland. It knows no industry."""

_CORINE_LEVEL3 = (
    111, 112, 121, 122, 123, 124, 131, 132, 133, 141, 142, 211, 212, 213, 221, 222, 223, 231, 241,
    242, 243, 244, 311, 312, 313, 321, 322, 323, 324, 331, 332, 333, 334, 335, 411, 412, 421, 422,
    423, 511, 512, 521, 522, 523,
)  # fmt: skip
_CORINE_GROUPS = {
    "built": (111, 112, 122, 124, 142),
    "industry": (121, 123, 131, 132, 133),
    "cropland": (211, 212, 213, 221, 222, 223, 241, 242, 243, 244),
    "forest": (311, 312, 313, 324),
    "grassland": (141, 231, 321, 322, 323, 411, 412, 421),
    "bare": (331, 332, 333, 334, 335),
    "water": (422, 423, 511, 512, 521, 522, 523),
}
_UNCLASSIFIED_WATER = 995
CORINE = {code: name for name, codes in _CORINE_GROUPS.items() for code in codes}
CORINE_GRID = {grid: CORINE[code] for grid, code in enumerate(_CORINE_LEVEL3, start=1)}
CORINE[_UNCLASSIFIED_WATER] = CORINE_GRID[50] = "water"

LEGENDS = {"worldcover": WORLDCOVER, "corine": CORINE, "corine-grid": CORINE_GRID}

SEA = {"corine": (523,), "corine-grid": (44,)}
"""Codes of the sea, in the legends that tell it from a lake."""

NO_DATA = {
    "worldcover": {0, 255},
    "corine": {0, 255, 990, 999, -9999},
    "corine-grid": {0, 48, 49, 128, 255, -128},
}
"""Codes of no class, as the products hold them or as a map without a declared value shows them."""

SHARED = 44
"""Up to here WorldCover's codes are codes of CORINE's raster, too."""


def choose_legend(name: str | None, codes: Iterable[int], path: str | PathLike[str]) -> str:
    """The legend ``name``, or where none is given the one that alone knows all ``codes``.

    CORINE's raster code 50 (unclassified water) is so rare that 50 beside nothing but codes of
    WorldCover is WorldCover's.

    Raises:
        ProductError: the name is unknown, a code stands in no (or not in that) legend, or the
            codes might be of two legends.
    """
    if name is not None and name not in LEGENDS:
        known = ", ".join(LEGENDS)
        raise ProductError(path, f"unknown land-cover legend {name!r}", f"Use one of: {known}")
    found = {int(code) for code in codes}
    tried = [name] if name else list(LEGENDS)
    fitting = [each for each in tried if found <= LEGENDS[each].keys() | NO_DATA[each]]
    shown = ", ".join(map(str, sorted(found)[:20]))
    if not fitting:
        legends = f"legend {name!r}" if name else f"one of the legends {', '.join(LEGENDS)}"
        raise ProductError(path, f"the codes {shown} are not of {legends}", "Give such a raster")
    classes = found - NO_DATA[fitting[0]]
    if len(fitting) > 1 and classes and max(classes) <= SHARED:
        fault = f"the codes {shown} may be of the legends {' and '.join(fitting)}"
        raise ProductError(path, fault, "Say which in files.land_cover_legend")
    return fitting[0]
