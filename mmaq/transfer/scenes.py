"""Scenes as the networks read them: standardised, at one size, turned together with their masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mmaq.learn.fit import FLIP, ROTATE
from mmaq.learn.views import Draws, draw_symmetry, turn

CHUNK = 256


@dataclass(frozen=True)
class Scenes:
    """Standardised scenes (n, 12, size, size) and their masks (n, 1, size, size) in 0..1."""

    images: Tensor
    masks: Tensor


def band_statistics(images: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each band over the scenes at ``rows``, (12,) each.

    ``rows`` are the training scenes: nothing of a test scene enters.
    """
    total, squares, count = np.zeros(images.shape[1]), np.zeros(images.shape[1]), 0
    for part in np.array_split(np.sort(rows), max(1, len(rows) // CHUNK)):
        values = np.asarray(images[part], float)
        total += values.sum(axis=(0, 2, 3))
        squares += np.square(values).sum(axis=(0, 2, 3))
        count += values[:, 0].size
    mean = total / count
    sd = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
    return torch.from_numpy(mean).float(), torch.from_numpy(sd).float()


def load_scenes(
    images: np.ndarray, masks: np.ndarray, statistics: tuple[Tensor, Tensor], size: int
) -> Scenes:
    """All scenes at ``size`` pixels a side; a mask's pixel holds the share that is plume."""
    mean, sd = (values[:, None, None] for values in statistics)
    small = []
    for first in range(0, len(images), CHUNK):
        values = torch.from_numpy(np.asarray(images[first : first + CHUNK], np.float32))
        small.append(resize((values - mean) / sd, size))
    shares = torch.from_numpy(np.asarray(masks, np.float32))[:, None]
    return Scenes(torch.cat(small), resize(shares, size))


def resize(values: Tensor, size: int) -> Tensor:
    """(n, c, h, w) to ``size`` pixels a side, smoothed where that is fewer."""
    if values.shape[-1] == size:
        return values
    return functional.interpolate(
        values, (size, size), mode="bilinear", align_corners=False, antialias=True
    )


def turn_together(
    images: Tensor, masks: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A random one of the square's eight symmetries for each scene, image and mask alike."""
    symmetry = draw_symmetry(Draws(generator, len(images)), FLIP, ROTATE)
    both = turn(torch.cat([images, masks], dim=1), symmetry)
    return both[:, :-1], both[:, -1:]
