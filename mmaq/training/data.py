"""What the encoders read, as tensors: patches stay uint16, and features keep their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmaq.errors import StoreError
from mmaq.patches.store import PatchStore
from mmaq.sites import FEATURES
from mmaq.training.statistics import Statistics

IMAGES = ("s2", "s5p")


@dataclass(frozen=True)
class Inputs:
    """Inputs of n sites, in the order of the site table they were loaded for.

    A site without a patch has row -1; patches that no site needs are not loaded.

    Attributes:
        site_ids: names, length n.
        rows: for "s2" and "s5p", each site's row in its arrays, (n,) int64.
        pixels: "s2" (m, 12, side, side) uint16; "s5p" (k, 1, side, side) float32, mol/m2.
        masks: (m, 1, side, side) and (k, 1, side, side) uint8, 1 where the pixel is valid.
        table: (n, 8) float32, the features of the site table in its units, NaN where missing.
    """

    site_ids: tuple[str, ...]
    rows: dict[str, Tensor]
    pixels: dict[str, Tensor]
    masks: dict[str, Tensor]
    table: Tensor

    def __len__(self) -> int:
        return len(self.site_ids)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.table.device

    def has(self, modality: str) -> np.ndarray:
        """Which sites have ``modality``, (n,) bool; every site has a table row."""
        if modality == "table":
            return np.ones(len(self), dtype=bool)
        return (self.rows[modality] >= 0).cpu().numpy()

    def take(self, positions: np.ndarray) -> Inputs:
        """The sites at ``positions``; their patches stay where they are."""
        index = torch.from_numpy(positions).to(self.device)
        rows = {name: value[index] for name, value in self.rows.items()}
        ids = tuple(self.site_ids[position] for position in positions)
        return replace(self, site_ids=ids, rows=rows, table=self.table[index])

    def to(self, device: torch.device) -> Inputs:
        """Move everything to ``device``, once."""
        rows, pixels, masks = (
            {name: value.to(device) for name, value in part.items()}
            for part in (self.rows, self.pixels, self.masks)
        )
        return replace(self, rows=rows, pixels=pixels, masks=masks, table=self.table.to(device))

    def standardised(self, modality: str, sites: Tensor, statistics: Statistics) -> Tensor:
        """Encoder input of the given sites, (b,) int64 positions on the inputs' device.

        Images: (b, bands, side, side), masked pixels at the band's mean, which is 0. Table:
        (b, 16), features with 0 where missing, then the missing flags.
        """
        if modality == "table":
            return statistics.standardise_table(self.table[sites])
        rows = self.rows[modality][sites]
        values = statistics.standardise(modality, _pick(self.pixels[modality], rows))
        return values * self.masks[modality][rows]


def load_inputs(store: PatchStore, sites: pd.DataFrame) -> Inputs:
    """Load the patches and features of ``sites`` (contract 2), in that order.

    Raises:
        StoreError: a patch holds a value that is not finite where its mask says it is valid.
    """
    rows, pixels, masks = {}, {}, {}
    for name in IMAGES:
        stored = store.rows(name, sites["site_id"].to_numpy())
        needed, inverse = np.unique(stored[stored >= 0], return_inverse=True)
        position = np.full(len(sites), -1, dtype=np.int64)
        position[stored >= 0] = inverse
        rows[name] = torch.from_numpy(position)
        values = _gather(getattr(store, name), needed)
        mask = _gather(getattr(store, f"{name}_mask"), needed)[:, None]
        if name == "s5p":
            values = values[:, None]
            if not np.isfinite(values[mask > 0]).all():
                raise StoreError(
                    store.folder, "s5p.npy is not finite at a valid cell", "Run `mmaq patches`"
                )
            values = np.where(mask > 0, values, 0)
        pixels[name], masks[name] = torch.from_numpy(values), torch.from_numpy(mask)
    table = torch.from_numpy(sites[list(FEATURES)].to_numpy(np.float32, copy=True))
    return Inputs(tuple(sites["site_id"]), rows, pixels, masks, table)


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


def _pick(pixels: Tensor, rows: Tensor) -> Tensor:
    """Rows as float32. Indexing is not defined for uint16 on every device, so int16 carries it."""
    if pixels.dtype == torch.uint16:
        return (pixels.view(torch.int16)[rows].int() & 0xFFFF).float()
    return pixels[rows]


def _gather(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copy rows of a memory map; a whole array is read in one go."""
    whole = len(rows) == len(array)
    return np.array(array) if whole else np.ascontiguousarray(array[rows])
