"""Normalisation: mean and standard deviation of what the encoders read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mmaq.errors import StoreError
from mmaq.sites import FEATURES

if TYPE_CHECKING:
    from mmaq.training.data import Inputs

CONTINUOUS = (FEATURES.index("altitude"), FEATURES.index("population_density"))
LOGARITHMIC = FEATURES.index("population_density")
CHUNK = 256


@dataclass(frozen=True)
class Statistics:
    """Means and standard deviations, by band or feature.

    Sentinel-2 (12 values) in reflectance x 10000 over clear pixels. Sentinel-5P (1 value) in
    mol/m2 over valid cells, of the column itself: its noise is additive and a clean column may be
    negative, so a logarithm would not do. Table (8 values) with the logarithm of 1 + population
    density, whose distribution is heavy-tailed; one-hot features stay 0 or 1 (mean 0, sd 1).
    """

    s2_mean: tuple[float, ...]
    s2_sd: tuple[float, ...]
    s5p_mean: tuple[float, ...]
    s5p_sd: tuple[float, ...]
    table_mean: tuple[float, ...]
    table_sd: tuple[float, ...]

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists, for JSON."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Statistics:
        """The inverse of :meth:`to_dict`."""
        return cls(**{name: tuple(float(x) for x in part) for name, part in values.items()})

    def standardise(self, modality: str, pixels: Tensor) -> Tensor:
        """(b, bands, h, w) float32 to zero mean and unit variance a band."""
        mean = pixels.new_tensor(getattr(self, f"{modality}_mean"))[:, None, None]
        sd = pixels.new_tensor(getattr(self, f"{modality}_sd"))[:, None, None]
        return (pixels - mean) / sd

    def standardise_table(self, table: Tensor) -> Tensor:
        """(b, 8) in units to (b, 16): standardised with 0 where missing, then missing flags."""
        values = _unfold(table)
        values = (values - values.new_tensor(self.table_mean)) / values.new_tensor(self.table_sd)
        missing = values.isnan()
        return torch.cat([values.nan_to_num(nan=0.0), missing.to(values.dtype)], dim=1)


def compute_statistics(inputs: Inputs) -> Statistics:
    """Statistics of the pretraining sites, whose inputs these are.

    A modality that no site has keeps mean 0 and standard deviation 1.

    Raises:
        StoreError: a modality has patches and no valid pixel.
    """
    images: dict[str, np.ndarray] = {}
    for name in inputs.pixels:
        images[f"{name}_mean"], images[f"{name}_sd"] = _pixel_moments(inputs, name)
    mean, sd = np.zeros(len(FEATURES)), np.ones(len(FEATURES))
    values = _unfold(inputs.table.cpu().double()).numpy()
    for column in CONTINUOUS:
        known = values[:, column][np.isfinite(values[:, column])]
        if len(known):
            mean[column], sd[column] = known.mean(), known.std()
    return Statistics(
        **{name: tuple(moment.tolist()) for name, moment in images.items()},
        table_mean=tuple(mean.tolist()),
        table_sd=tuple(np.where(sd > 0, sd, 1.0).tolist()),
    )


def _unfold(table: Tensor) -> Tensor:
    """Replace the population density by the logarithm of one plus it."""
    table = table.clone()
    table[:, LOGARITHMIC] = torch.log1p(table[:, LOGARITHMIC])
    return table


def _pixel_moments(inputs: Inputs, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each band over valid pixels, in two passes by chunks."""
    bands = inputs.pixels[name].shape[1]
    count, mean, square = 0, np.zeros(bands), np.zeros(bands)
    chunks = torch.from_numpy(np.flatnonzero(inputs.has(name))).split(CHUNK)
    for chunk in chunks:
        values, mask = inputs.patches(name, chunk)
        count += int(mask.sum())
        mean += (values.double() * mask).sum((0, 2, 3)).cpu().numpy()
    if count == 0:
        if not inputs.has(name).any():
            return mean, np.ones(bands)
        raise StoreError(name, "no pretraining site has a valid pixel", "Check the archive")
    mean /= count
    centre = torch.from_numpy(mean).to(inputs.device)[:, None, None]
    for chunk in chunks:
        values, mask = inputs.patches(name, chunk)
        square += ((values.double() - centre).square() * mask).sum((0, 2, 3)).cpu().numpy()
    sd = np.sqrt(square / count)
    return mean, np.where(sd > 0, sd, 1.0)
