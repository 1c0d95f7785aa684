"""Two views of a batch: made on the device at once, with parameters drawn for each sample.

View 1 goes through every step with the step's probability. View 0 is the weaker one, as in the
released code: a share of its samples (``Views.weak``) gets the crop, flips and rotation alone, and
its table row stays as it is. Where these views differ from the released ones (method facts,
section 3): Sentinel-2 and Sentinel-5P of one view share flips and rotations, and the crop where
they cover the same ground; where Sentinel-2 is a small part of the Sentinel-5P window the crop is
of Sentinel-2 alone; blur works in space and
not across bands; jitter changes gain and offset in standardised units and clips nothing; the table
is corrupted in standardised units, one-hot groups as a whole; every step has its probability.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mmaq.config.learning import Encoders, Views
from mmaq.methods.base import View
from mmaq.sites import AREAS, FEATURES, TYPES
from mmaq.training.draws import Draws
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
    batch: View, views: Views, encoders: Encoders, draws: Draws, aligned: bool = False
) -> tuple[View, View]:
    """Two views of some modalities' standardised inputs (shapes: :class:`mmaq.models.Encoders`).

    Both images of a view share flips and rotations, and, where they cover the same ground
    (``aligned``), the crop; else the crop is of Sentinel-2 alone.

    Images are those of this process's samples; "table" holds the rows of the whole global batch,
    (draws.size, 16), because features are redrawn from them, and a view those of this process. The
    result depends on the inputs and the state of ``draws`` alone.
    """
    weak = draws.happens(views.weak)
    with torch.autocast(next(iter(batch.values())).device.type, enabled=False):
        first = _images(batch, views, encoders, weak, draws, aligned)
        second = _images(batch, views, encoders, torch.zeros_like(weak), draws, aligned)
    if "table" in batch:
        first["table"] = batch["table"][draws.part]
        second["table"] = corrupt_table(batch["table"], views.corrupt, draws)
    return first, second


def fit_size(modality: str, images: Tensor, encoders: Encoders) -> Tensor:
    """Resample whole patches to the side that the encoder sees; tables pass unchanged."""
    side = {"s2": encoders.s2_input, "s5p": encoders.s5p_input}.get(modality)
    if side is None or images.shape[-1] == side:
        return images
    return functional.interpolate(
        images, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )


def _images(
    batch: View, views: Views, encoders: Encoders, weak: Tensor, draws: Draws, aligned: bool
) -> dict[str, Tensor]:
    """The images of one view; samples in ``weak`` (b,) get the geometry alone."""
    symmetry = draw_symmetry(draws, views.flip, views.rotate)
    box = draw_crop(draws, views.crop_min)
    result = {}
    for name in [name for name in ("s2", "s5p") if name in batch]:
        if name == "s2" or aligned:
            side = encoders.s2_input if name == "s2" else encoders.s5p_input
            image = turn(resample(batch[name], box, side), symmetry)
        else:
            image = turn(fit_size(name, batch[name], encoders), symmetry)
        image = blur(image, draws.happens(views.blur) & ~weak, draws)
        if name == "s2":
            image = gray(image, draws.happens(views.gray) & ~weak)
            image = drop_bands(image, draws.happens(views.drop_bands) & ~weak, draws)
        result[name] = jitter(image, draws.happens(views.jitter) & ~weak, views.jitter_size, draws)
    return result


def blur(images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
    """Gaussian blur of the chosen samples in space, sigma uniform in ``BLUR_SIGMA`` pixels."""
    low, high = BLUR_SIGMA
    sigma = low + (high - low) * draws.uniform()
    index = _send(chosen.nonzero()[:, 0], images)
    weights = _send(_blur_weights(sigma[chosen], images.shape[-1]), images)
    blurred = torch.einsum("nij,ncjk->ncik", weights, images[index])
    blurred = torch.einsum("ncik,njk->ncij", blurred, weights)
    return images.index_copy(0, index, blurred)


def _blur_weights(sigma: Tensor, side: int) -> Tensor:
    """(n, side, side): what each pixel of a line takes from each, the last one repeated beyond.

    As matrices a blur is two products, which every device does fast.
    """
    offset = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1)
    kernels = torch.exp(-0.5 * (offset / sigma[:, None]).square())
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    source = (torch.arange(side)[:, None] + offset).clamp(0, side - 1)
    weights = torch.zeros(len(sigma), side, side)
    index = source.expand(len(sigma), -1, -1)
    return weights.scatter_add_(2, index, kernels[:, None].expand(-1, side, -1))


def gray(images: Tensor, chosen: Tensor) -> Tensor:
    """Replace every band of the chosen samples by the mean over bands."""
    if not chosen.any():
        return images
    mean = images.mean(dim=1, keepdim=True)
    return torch.where(_send(chosen, images)[:, None, None, None], mean, images)


def drop_bands(images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
    """Set 1 to ``MAX_DROPPED`` bands of the chosen samples to their mean, 0."""
    bands = images.shape[1]
    count = 1 + (draws.uniform() * min(MAX_DROPPED, bands - 1)).long()
    order = draws.uniform(bands).argsort(dim=1)
    keep = (order.argsort(dim=1) >= count[:, None]) | ~chosen[:, None]
    return images * _send(keep, images)[:, :, None, None]


def jitter(images: Tensor, chosen: Tensor, spread: float, draws: Draws) -> Tensor:
    """Change gain and offset of each band of the chosen samples; nothing is clipped."""
    noise = spread * draws.normal(2, images.shape[1]) * chosen[:, None]
    gain, offset = _send(noise, images)[..., None, None]
    return images * (1 + gain) + offset


def corrupt_table(table: Tensor, share: float, draws: Draws) -> Tensor:
    """Redraw each of ``GROUPS`` with probability ``share`` from another row of the global batch.

    Values and missing flags move together, so that a one-hot group stays one: the rows of the
    global batch, (n, 16), to those of this process, (b, 16).
    """
    size, features = len(table), len(FEATURES)
    here = draws.places
    result = table[draws.part].clone()
    for group in GROUPS:
        columns = [*group, *(features + column for column in group)]
        step = 1 + (draws.uniform() * (size - 1)).long()
        donor = table[_send((here + step) % size, table)][:, columns]
        chosen = _send(draws.happens(share), table)
        result[:, columns] = torch.where(chosen[:, None], donor, result[:, columns])
    return result


def _send(values: Tensor, like: Tensor) -> Tensor:
    """What was drawn on the host, to the device of ``like``."""
    return values.to(like.device, non_blocking=True)
