"""Two views of a batch: made on the device at once, with parameters drawn for each sample.

View 1 goes through every step with the step's probability. View 0 is the weaker one, as in the
released code: a share of its samples (``Views.weak``) gets the crop, flips and rotation alone, and
its table row stays as it is. Where these views differ from the released ones (docs/method.md has
all of it): Sentinel-2 and Sentinel-5P of one view share flips and rotations, and the crop where
they cover the same ground; where Sentinel-2 is a small part of the Sentinel-5P window the crop is
of Sentinel-2 alone; blur works in space and not across bands; jitter changes gain and offset in
standardised units and clips nothing; the table is corrupted in standardised units, one-hot groups
as a whole; every step has its probability. Random numbers are drawn on the host.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mmaq.config.learning import Encoders, Views
from mmaq.contracts.sites import FEATURES
from mmaq.learn.methods.base import View
from mmaq.vocabulary import AREAS, TYPES

WHOLE = slice(None)

RATIO = 4 / 3
"""Greatest ratio of a crop's sides."""

BLUR_SIGMA = (0.1, 2.0)
BLUR_RADIUS = 4
MAX_DROPPED = 8
"""At most this many of the 12 bands are dropped, at least one."""

GROUPS = tuple(
    [[FEATURES.index(name)] for name in ("altitude", "population_density")]
    + [[FEATURES.index(name) for name in group] for group in (AREAS, TYPES)]
)
"""Columns of the table that are redrawn together."""


class Draws:
    """What the generator gives to the samples of one process, out of a global batch.

    Numbers are drawn for the whole batch and each process keeps those of its own samples: a
    sample's view depends on its place in the global batch, not on how many processes share it.
    They are drawn on the host, so that all devices draw the same and none has to be waited for.
    """

    def __init__(self, generator: Generator, size: int, part: slice = WHOLE) -> None:
        self.generator, self.size, self.part = generator, size, part

    def __len__(self) -> int:
        """Samples of this process."""
        return len(range(*self.part.indices(self.size)))

    @property
    def places(self) -> Tensor:
        """Places of this process's samples in the global batch, (b,) int64."""
        return torch.arange(self.size)[self.part]

    def uniform(self, *shape: int) -> Tensor:
        """(b, *shape) uniform in [0, 1)."""
        return torch.rand((self.size, *shape), generator=self.generator)[self.part]

    def normal(self, copies: int, width: int) -> Tensor:
        """(copies, b, width) standard normal."""
        return torch.randn((copies, self.size, width), generator=self.generator)[:, self.part]

    def happens(self, probability: float) -> Tensor:
        """(b,) bool, true with ``probability``."""
        return self.uniform() < probability


def make_views(
    batch: View, views: Views, encoders: Encoders, draws: Draws, aligned: bool = False
) -> tuple[View, View]:
    """Two views of some modalities' standardised inputs (shapes: :class:`Encoders`).

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


def _images(
    batch: View, views: Views, encoders: Encoders, weak: Tensor, draws: Draws, aligned: bool
) -> dict[str, Tensor]:
    """The images of one view; samples in ``weak`` (b,) get the geometry alone."""
    symmetry = draw_symmetry(draws, views.flip, views.rotate)
    box = draw_crop(draws, views.crop_min)
    result = {}
    for name in [name for name in ("s2", "s5p") if name in batch]:
        if views.crop_min < 1.0 and (name == "s2" or aligned):
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


def fit_size(modality: str, images: Tensor, encoders: Encoders) -> Tensor:
    """Resample whole patches to the side that the encoder sees; tables pass unchanged."""
    side = {"s2": encoders.s2_input, "s5p": encoders.s5p_input}.get(modality)
    if side is None or images.shape[-1] == side:
        return images
    return functional.interpolate(
        images, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )


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


def orientations() -> Tensor:
    """The eight symmetries of the square, (8, 3) bool as ``draw_symmetry`` draws them."""
    return torch.cartesian_prod(*[torch.tensor([False, True])] * 3)


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
