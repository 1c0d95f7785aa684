"""Reflectance of what stands on the ground of a power plant, in the twelve Level-2A bands."""

from __future__ import annotations

import numpy as np

MATERIALS = (
    "coal", "peat", "concrete", "tank", "metal", "roof", "soil", "lignite", "water", "gravel",
)  # fmt: skip
"""Names of the rows of SPECTRA."""
SPECTRA = np.array(
    [
        [420, 430, 450, 480, 500, 520, 540, 560, 590, 600, 760, 820],  # coal: dark and flat
        [380, 420, 520, 700, 860, 1000, 1120, 1220, 1320, 1350, 1750, 1450],
        [1750, 1980, 2250, 2450, 2560, 2640, 2700, 2760, 2820, 2830, 3050, 2850],
        [3900, 4300, 4550, 4650, 4700, 4700, 4680, 4650, 4600, 4550, 3900, 3300],
        [1650, 1720, 1800, 1860, 1900, 1930, 1960, 1980, 2010, 2000, 1950, 1750],
        [1150, 1250, 1380, 1600, 1720, 1790, 1850, 1900, 1950, 1950, 2150, 2000],
        [1150, 1500, 2050, 2650, 2900, 3080, 3220, 3350, 3480, 3500, 4150, 3700],
        [430, 460, 530, 640, 720, 800, 880, 950, 1020, 1030, 1350, 1250],
        [330, 390, 420, 300, 260, 200, 190, 180, 165, 150, 90, 60],
        [900, 1050, 1230, 1400, 1500, 1570, 1630, 1680, 1730, 1740, 1950, 1800],
    ],
    np.float32,
)
"""Reflectance x 10000 (material, band)."""
TEXTURE = 0.09
"""Standard deviation of the brightness of a material's 10 m pixels, as a share."""


def index(material: str) -> int:
    """The row of a material in SPECTRA."""
    return MATERIALS.index(material)
