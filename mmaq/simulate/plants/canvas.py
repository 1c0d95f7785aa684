"""A drawing of the ground about a plant: shares of cover and of materials in each 10 m pixel."""

from __future__ import annotations

import numpy as np

from mmaq.simulate.plants.materials import MATERIALS, index

PIXEL = 10.0


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
