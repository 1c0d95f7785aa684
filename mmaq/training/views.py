"""Two views of a batch: made on the device at once, with parameters drawn for each sample.

View 1 goes through every step with the step's probability. View 0 is the weaker one, as in the
released code: a share of its samples (``Views.weak``) gets the crop, flips and rotation alone, and
its table row stays as it is. Where these views differ from the released ones (method facts,
section 3): Sentinel-2 and Sentinel-5P of one view share flips and rotations; the crop is of
Sentinel-2 alone, whose extent is a small part of the Sentinel-5P window; blur works in space and
not across bands; jitter changes gain and offset in standardised units and clips nothing; the table
is corrupted in standardised units, one-hot groups as a whole; every step has its probability.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mmaq.config.learning import Encoders, Views
from mmaq.methods.base import View
from mmaq.sites import AREAS, FEATURES, TYPES
from mmaq.training.geometry import draw_crop, draw_symmetry, resample, turn

BLUR_SIGMA = (0.1, 2.0)
BLUR_RADIUS = 4
MAX_DROPPED = 8
"""At most this many of the 12 bands are dropped, at least one."""

GROUPS = tuple(
    [[FEATURES.index(name)] for name in ("altitude", "population_density")]
    + [[FEATURES.index(name) for name in group] for group in (AREAS, TYPES)]
)
"""Columns of the table that are redrawn together."""


def make_views(
    batch: View, views: Views, encoders: Encoders, generator: Generator
) -> tuple[View, View]:
    """Two views of standardised inputs (shapes as in :class:`mmaq.models.Encoders`).

    The result depends on the inputs and the generator's state alone.
    """
    size = len(batch["table"])
    device = batch["table"].device
    weak = _draw(size, views.weak, device, generator)
    full = torch.zeros_like(weak)
    with torch.autocast(device.type, enabled=False):
        first = _images(batch, views, encoders, weak, generator)
        second = _images(batch, views, encoders, full, generator)
    corrupted = corrupt_table(batch["table"], views.corrupt, generator)
    return {**first, "table": batch["table"]}, {**second, "table": corrupted}


def fit_size(modality: str, images: Tensor, encoders: Encoders) -> Tensor:
    """Resample whole patches to the side that the encoder sees; tables pass unchanged."""
    side = {"s2": encoders.s2_input, "s5p": encoders.s5p_input}.get(modality)
    if side is None or images.shape[-1] == side:
        return images
    return functional.interpolate(
        images, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )


def _images(
    batch: View, views: Views, encoders: Encoders, weak: Tensor, generator: Generator
) -> dict[str, Tensor]:
    """Both images of one view; samples in ``weak`` (n,) get the geometry alone."""
    device = weak.device
    symmetry = draw_symmetry(len(weak), views.flip, views.rotate, device, generator)
    box = draw_crop(len(weak), views.crop_min, device, generator)
    images = {
        "s2": turn(resample(batch["s2"], box, encoders.s2_input), symmetry),
        "s5p": turn(fit_size("s5p", batch["s5p"], encoders), symmetry),
    }
    for name, image in images.items():
        size = len(image)
        image = blur(image, _draw(size, views.blur, device, generator) & ~weak, generator)
        if name == "s2":
            image = gray(image, _draw(size, views.gray, device, generator) & ~weak)
            chosen = _draw(size, views.drop_bands, device, generator) & ~weak
            image = drop_bands(image, chosen, generator)
        chosen = _draw(size, views.jitter, device, generator) & ~weak
        images[name] = jitter(image, chosen, views.jitter_size, generator)
    return images


def blur(images: Tensor, chosen: Tensor, generator: Generator) -> Tensor:
    """Gaussian blur of the chosen samples in space, sigma uniform in ``BLUR_SIGMA`` pixels."""
    low, high = BLUR_SIGMA
    sigma = low + (high - low) * _uniform(len(images), images.device, generator)
    offset = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=images.device)
    kernels = torch.exp(-0.5 * (offset / sigma[chosen, None]).square())
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    blurred = images[chosen]
    for dim, pad in ((2, (0, 0, BLUR_RADIUS, BLUR_RADIUS)), (3, (BLUR_RADIUS, BLUR_RADIUS, 0, 0))):
        shifted = functional.pad(blurred, pad, mode="replicate").unfold(dim, len(offset), 1)
        blurred = torch.einsum("nchwk,nk->nchw", shifted, kernels)
    result = images.clone()
    result[chosen] = blurred
    return result


def gray(images: Tensor, chosen: Tensor) -> Tensor:
    """Replace every band of the chosen samples by the mean over bands."""
    mean = images.mean(dim=1, keepdim=True)
    return torch.where(chosen[:, None, None, None], mean, images)


def drop_bands(images: Tensor, chosen: Tensor, generator: Generator) -> Tensor:
    """Set 1 to ``MAX_DROPPED`` bands of the chosen samples to their mean, 0."""
    size, bands = images.shape[:2]
    count = 1 + (_uniform(size, images.device, generator) * min(MAX_DROPPED, bands - 1)).long()
    order = torch.rand((size, bands), device=images.device, generator=generator).argsort(dim=1)
    keep = (order.argsort(dim=1) >= count[:, None]) | ~chosen[:, None]
    return images * keep[:, :, None, None]


def jitter(images: Tensor, chosen: Tensor, spread: float, generator: Generator) -> Tensor:
    """Change gain and offset of each band of the chosen samples; nothing is clipped."""
    shape = (2, *images.shape[:2], 1, 1)
    noise = spread * torch.randn(shape, device=images.device, generator=generator)
    noise = noise * chosen[:, None, None, None]
    return images * (1 + noise[0]) + noise[1]


def corrupt_table(table: Tensor, share: float, generator: Generator) -> Tensor:
    """Redraw each of ``GROUPS`` with probability ``share`` from another row of the batch.

    Values and missing flags move together, so that a one-hot group stays one: (n, 16) to (n, 16).
    """
    size, features = len(table), len(FEATURES)
    result = table.clone()
    here = torch.arange(size, device=table.device)
    for group in GROUPS:
        columns = [*group, *(features + column for column in group)]
        step = 1 + (_uniform(size, table.device, generator) * (size - 1)).long()
        donor = table[(here + step) % size][:, columns]
        chosen = _draw(size, share, table.device, generator)
        result[:, columns] = torch.where(chosen[:, None], donor, table[:, columns])
    return result


def _uniform(size: int, device: torch.device, generator: Generator) -> Tensor:
    return torch.rand(size, device=device, generator=generator)


def _draw(size: int, probability: float, device: torch.device, generator: Generator) -> Tensor:
    """(n,) bool, true with ``probability``."""
    return _uniform(size, device, generator) < probability
