"""Crops, flips and rotations of a batch, one for each sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from mmaq.training.draws import Draws

RATIO = 4 / 3
"""Greatest ratio of a crop's sides."""


def draw_symmetry(draws: Draws, flip: float, rotate: float) -> Tensor:
    """(n, 3) bool: transpose, then mirror the rows, then mirror the columns.

    These three span the eight symmetries of the square. ``flip`` is the probability of each mirror
    axis, ``rotate`` that of a rotation by 90, 180 or 270 degrees.
    """
    drawn = draws.uniform(4)
    turns = (1 + (drawn[:, 3] * 3).long()) * (drawn[:, 2] < rotate)
    quarter, half = turns % 2 == 1, turns >= 2
    rows = (drawn[:, 0] < flip) ^ half ^ quarter
    columns = (drawn[:, 1] < flip) ^ half
    return torch.stack([quarter, rows, columns], dim=1)


def turn(images: Tensor, symmetry: Tensor) -> Tensor:
    """Apply each sample's symmetry to its square image, (n, c, side, side), exactly."""
    result = torch.empty_like(images)
    kinds, kind = symmetry.unique(dim=0, return_inverse=True)
    for number, (transpose, *mirrored) in enumerate(kinds.tolist()):
        index = (kind == number).nonzero()[:, 0].to(images.device, non_blocking=True)
        part = images[index]
        part = part.transpose(2, 3) if transpose else part
        dims = [dim for dim, mirror in zip((2, 3), mirrored, strict=True) if mirror]
        result[index] = part.flip(dims) if dims else part
    return result


def draw_crop(draws: Draws, area_min: float) -> Tensor:
    """(n, 4) centre x, centre y, half width and half height of a crop; the image spans -1 to 1.

    The share of the area is uniform in [``area_min``, 1], the logarithm of the aspect ratio in
    that of 1 / ``RATIO`` to ``RATIO`` as far as the crop fits the image, the place uniform.
    """
    drawn = draws.uniform(4)
    area = area_min + (1 - area_min) * drawn[:, 0]
    limit = (-area.log()).clamp(max=math.log(RATIO))
    ratio = torch.exp((2 * drawn[:, 1] - 1) * limit / 2)
    half = area.sqrt()[:, None] * torch.stack([ratio, 1 / ratio], dim=1)
    centre = (2 * drawn[:, 2:] - 1) * (1 - half)
    return torch.cat([centre, half], dim=1)


def resample(images: Tensor, box: Tensor, side: int) -> Tensor:
    """Cut each sample's ``box`` out of its image and resample it to ``side`` pixels, bilinearly."""
    zero = torch.zeros(len(box), device=box.device)
    rows = (torch.stack([box[:, 2], zero, box[:, 0]]), torch.stack([zero, box[:, 3], box[:, 1]]))
    transform = torch.stack(rows).permute(2, 0, 1).to(images.device, non_blocking=True)
    shape = [len(images), images.shape[1], side, side]
    grid = functional.affine_grid(transform, shape, align_corners=False)
    return functional.grid_sample(
        images, grid.to(images.dtype), mode="bilinear", padding_mode="border", align_corners=False
    )
