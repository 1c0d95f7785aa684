"""Land-cover legends: which class of the site table each code of a public product is.

Sources: ESA WorldCover 10 m v200 product user manual, table 3; CORINE Land Cover nomenclature
(three-digit level 3 codes, and the grid codes 1 to 44 of the raster product).
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from mmaq.errors import ProductError

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
CORINE = {code: name for name, codes in _CORINE_GROUPS.items() for code in codes}
CORINE_GRID = {grid: CORINE[code] for grid, code in enumerate(_CORINE_LEVEL3, start=1)}

LEGENDS = {"worldcover": WORLDCOVER, "corine": CORINE, "corine-grid": CORINE_GRID}


def choose_legend(
    name: str | None, codes: Iterable[int], path: str | PathLike[str]
) -> dict[int, str]:
    """The legend ``name``, or where the item names none, the first that knows all ``codes``.

    Raises:
        ProductError: the name is unknown, or a code stands in no (or not in that) legend.
    """
    found = {int(code) for code in codes}
    if name is not None and name not in LEGENDS:
        known = ", ".join(LEGENDS)
        raise ProductError(path, f"unknown land-cover legend {name!r}", f"Use one of: {known}")
    for legend in [LEGENDS[name]] if name else LEGENDS.values():
        if found <= set(legend):
            return legend
    legends = f"legend {name!r}" if name else f"one of the legends {', '.join(LEGENDS)}"
    shown = ", ".join(map(str, sorted(found)[:20]))
    raise ProductError(path, f"the codes {shown} are not of {legends}", "Give such a raster")
