"""The ground about a power plant: what covers each 10 m pixel, and how its materials reflect."""

from __future__ import annotations

import numpy as np

PIXEL = 10.0

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


class Canvas:
    """Shapes drawn one over the other, their edges as the pixels' shares.

    Coordinates are m east and north of the plant in a frame turned by ``angle``, which the whole
    plant shares: ``along`` and ``across`` (side, side) are those of the pixel centres.

    Attributes:
        cover: shares of land cover, (side, side, 8).
        materials: shares of materials, (side, side, len(MATERIALS)).
        height: of what stands there in m, (side, side).
    """

    def __init__(self, cover: np.ndarray, angle: float) -> None:
        self.cover = cover.copy()
        side = len(cover)
        self.materials = np.zeros((side, side, len(MATERIALS)), np.float32)
        self.height = np.zeros((side, side), np.float32)
        steps = (np.arange(side) - (side - 1) / 2) * PIXEL
        east, north = np.meshgrid(steps, -steps)
        self.along = east * np.cos(angle) + north * np.sin(angle)
        self.across = north * np.cos(angle) - east * np.sin(angle)

    def disc(
        self, material: str, along: float, across: float, radius: float, height: float = 0.0
    ) -> None:
        """A disc of ``radius`` m."""
        away = np.hypot(self.along - along, self.across - across)
        self._draw(material, (radius - away) / PIXEL + 0.5, height)

    def box(
        self, material: str, along: float, across: float, length: float, width: float,
        height: float = 0.0,
    ) -> None:  # fmt: skip
        """A rectangle of ``length`` along and ``width`` across, in m, by its centre."""
        ends = (length / 2 - np.abs(self.along - along)) / PIXEL + 0.5
        sides = (width / 2 - np.abs(self.across - across)) / PIXEL + 0.5
        self._draw(material, np.clip(ends, 0, 1) * np.clip(sides, 0, 1), height)

    def patch(
        self, material: str, along: float, across: float, length: float, width: float,
        ragged: np.ndarray,
    ) -> None:  # fmt: skip
        """An ellipse with a ragged edge; ``ragged`` (side, side) is noise of deviation 1."""
        away = np.hypot((self.along - along) / length, (self.across - across) / width) * 2
        inside = (1 + 0.18 * ragged - away) * min(length, width) / 2
        self._draw(material, inside / PIXEL + 0.5, 0.0)

    def _draw(self, material: str, share: np.ndarray, height: float) -> None:
        share = np.clip(share, 0, 1).astype(np.float32)
        self.cover *= 1 - share[..., None]
        self.materials *= 1 - share[..., None]
        self.materials[..., index(material)] += share
        self.height = np.where(share > 0.5, height, self.height).astype(np.float32)


def index(material: str) -> int:
    """The row of a material in SPECTRA."""
    return MATERIALS.index(material)
