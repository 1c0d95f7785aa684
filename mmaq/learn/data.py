"""What the encoders read, as tensors, and the statistics that standardise it.

Patches stay uint16 and features keep their units until a batch is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmaq.base.errors import StoreError
from mmaq.contracts.patches import PatchStore
from mmaq.contracts.sites import FEATURES
from mmaq.vocabulary import BANDS, IMAGES

CHUNK = 256

CONTINUOUS = (FEATURES.index("altitude"), FEATURES.index("population_density"))
LOGARITHMIC = FEATURES.index("population_density")


@dataclass(frozen=True)
class Inputs:
    """Inputs of n sites, in the order of the site table they were loaded for.

    A site without a patch has row -1. Resident inputs hold the patches that some site needs and
    lie on one device whole. Others are streamed: their arrays are the store's own memory maps, of
    which each batch takes its rows, in the same values.

    Attributes:
        site_ids: names, length n.
        rows: for "s2" and "s5p", each site's row in its arrays, (n,) int64, on the host.
        pixels: "s2" (m, 12, side, side) uint16; "s5p" (k, 1, side, side) float32, mol/m2.
        masks: (m, 1, side, side) and (k, 1, side, side) uint8, 1 where the pixel is valid.
        table: (n, 8) float32, the features of the site table in its units, NaN where missing.
        resident: whether patches follow the table to its device.
        aligned: whether both images of a site cover the same ground.
    """

    site_ids: tuple[str, ...]
    rows: dict[str, Tensor]
    pixels: dict[str, Tensor]
    masks: dict[str, Tensor]
    table: Tensor
    resident: bool = True
    aligned: bool = False

    def __len__(self) -> int:
        return len(self.site_ids)

    @property
    def device(self) -> torch.device:
        """Where encoder inputs are made."""
        return self.table.device

    def has(self, modality: str) -> np.ndarray:
        """Which sites have ``modality``, (n,) bool; every site has a table row."""
        if modality == "table":
            return np.ones(len(self), dtype=bool)
        return (self.rows[modality] >= 0).numpy()

    def take(self, positions: np.ndarray) -> Inputs:
        """The sites at ``positions``; their patches stay where they are."""
        index = torch.from_numpy(positions)
        rows = {name: value[index] for name, value in self.rows.items()}
        ids = tuple(self.site_ids[position] for position in positions)
        table = self.table[index.to(self.device)]
        return replace(self, site_ids=ids, rows=rows, table=table)

    def to(self, device: torch.device) -> Inputs:
        """Make encoder inputs on ``device``; resident patches move there, once."""
        if not self.resident:
            return replace(self, table=self.table.to(device))
        pixels, masks = (
            {name: value.to(device) for name, value in part.items()}
            for part in (self.pixels, self.masks)
        )
        return replace(self, pixels=pixels, masks=masks, table=self.table.to(device))

    def patches(self, modality: str, sites: Tensor) -> tuple[Tensor, Tensor]:
        """Values, (b, bands, side, side) float32, and mask, of sites that have the modality."""
        rows = self.rows[modality][sites]
        values, mask = (self._pick(part[modality], rows) for part in (self.pixels, self.masks))
        if values.dtype == torch.int16:
            return (values.int() & 0xFFFF).float(), mask
        return values.nan_to_num(), mask

    def standardised(self, modality: str, sites: Tensor, statistics: Statistics) -> Tensor:
        """Encoder input of the given sites, (b,) int64 positions on the host.

        Images: (b, bands, side, side), masked pixels at the band's mean, which is 0. Table:
        (b, 16), features with 0 where missing, then the missing flags.
        """
        if modality == "table":
            return statistics.standardise_table(self.table[sites.to(self.device)])
        values, mask = self.patches(modality, sites)
        return statistics.standardise(modality, values) * mask

    def _pick(self, array: Tensor, rows: Tensor) -> Tensor:
        """Rows of an array on the inputs' device; int16 carries uint16, which few devices index."""
        if array.dtype == torch.uint16:
            array = array.view(torch.int16)
        if array.device == self.device:
            return array[rows.to(self.device, non_blocking=True)]
        return array[rows].pin_memory().to(self.device, non_blocking=True)


def load_inputs(store: PatchStore, sites: pd.DataFrame, resident: bool = True) -> Inputs:
    """Inputs of ``sites`` (contract 2), in that order; see :class:`Inputs` for ``resident``.

    Raises:
        StoreError: the store holds damaged numbers.
    """
    rows, pixels, masks = {}, {}, {}
    for name in IMAGES:
        values, mask = getattr(store, name), getattr(store, f"{name}_mask")
        stored = np.array(store.rows(name, sites["site_id"].to_numpy()))
        needed, inverse = np.unique(stored[stored >= 0], return_inverse=True)
        if resident:
            values, mask = _gather(values, needed), _gather(mask, needed)
            stored[stored >= 0] = inverse
        store.check(name, values, mask)
        rows[name] = torch.from_numpy(stored)
        pixels[name] = _as_tensor(values if name == "s2" else values[:, None])
        masks[name] = _as_tensor(mask[:, None])
    table = torch.from_numpy(sites[list(FEATURES)].to_numpy(np.float32, copy=True))
    ids = tuple(sites["site_id"])
    return Inputs(ids, rows, pixels, masks, table, resident, store.aligned)


def bytes_needed(store: PatchStore, sites: pd.DataFrame) -> int:
    """What the patches of ``sites`` take when they are resident."""
    total = 0
    for name in IMAGES:
        needed = np.unique(store.rows(name, sites["site_id"].to_numpy()))
        arrays = (getattr(store, name), getattr(store, f"{name}_mask"))
        each = sum(array.dtype.itemsize * int(np.prod(array.shape[1:])) for array in arrays)
        total += each * int((needed >= 0).sum())
    return total


def need_modalities(store: PatchStore, modalities: Sequence[str]) -> None:
    """Check that the store holds each of ``modalities``.

    Raises:
        StoreError: it lacks one; says why.
    """
    for name in modalities:
        reason = store.absence(name) if name in IMAGES else None
        if reason is not None:
            raise StoreError(
                store.folder,
                f"holds no {name} patches: {reason}",
                "Add images, then `mmaq patches`",
            )


def _gather(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copy rows of a memory map; a whole array is read in one go."""
    whole = len(rows) == len(array)
    return np.array(array) if whole else np.ascontiguousarray(array[rows])


def _as_tensor(array: np.ndarray) -> Tensor:
    """A tensor on the array's own memory, which nothing here writes to, also where it is mapped."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)


SIZES = {"s2": len(BANDS), "s5p": 1, "table": len(FEATURES)}
"""Bands or features of each modality."""

LARGEST = 1e9
"""No mean or standard deviation of an input comes near it."""


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
        """The inverse of :meth:`to_dict`.

        Raises:
            ValueError, TypeError, AttributeError: the values are no statistics.
        """
        found = cls(**{name: tuple(float(x) for x in part) for name, part in values.items()})
        for name, part in asdict(found).items():
            least = 0.0 if name.endswith("_sd") else -LARGEST
            if len(part) != SIZES[name.rpartition("_")[0]] or not all(
                least < each < LARGEST for each in part
            ):
                raise ValueError(f"{name} holds no statistics")
        return found

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
