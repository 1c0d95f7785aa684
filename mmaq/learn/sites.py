"""Which sites pretraining may use, and in which order: the same on every process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader, Dataset, Sampler

from mmaq.base.errors import ConfigError, StoreError
from mmaq.config.learning import Pretrain
from mmaq.contracts.patches import PatchStore
from mmaq.contracts.sites import has_places, is_station
from mmaq.learn.data import need_modalities
from mmaq.vocabulary import IMAGES

ORDER = 1
"""What this random stream is for; beside the seed and the epoch's number it decides the order."""

PIXEL_M = 10.0
DEGREE_M = 111_320.0
"""Length of a degree of latitude, and of longitude at the equator."""

SKEW = 1.06
"""Patches lie along UTM axes, which turn by up to 3 degrees from local north: a margin of
cos 3 + sin 3 on the side, and 0.5 % for the sphere and the scale of UTM."""

BLOCK = 512


def pretraining_sites(
    store: PatchStore,
    sites: pd.DataFrame,
    transductive: bool,
    modalities: Sequence[str] = ("s2", "s5p"),
) -> pd.DataFrame:
    """Sites with ``modalities``; unless ``transductive``, unlabelled and clear of every station.

    A site is clear of a station where their Sentinel-2 patches cannot overlap, so that one run
    serves every split and seed of the evaluation. Sentinel-5P windows are far wider and do
    overlap: what they share is unlabelled and is called transductive in the documentation.

    Raises:
        StoreError: the store lacks a modality, the sites have no coordinates to keep clear by, or
            fewer than two sites are left.
    """
    need_modalities(store, modalities)
    usable = np.ones(len(sites), dtype=bool)
    for name in [name for name in IMAGES if name in modalities]:
        usable &= store.rows(name, sites["site_id"].to_numpy()) >= 0
    if not transductive:
        if not has_places(sites):
            fault = "without coordinates nothing tells which sites lie clear of a station"
            raise StoreError(store.folder, fault, "Give coordinates, or set pretrain.transductive")
        labelled = is_station(sites)
        side = store.s2.shape[-1] * PIXEL_M
        usable &= ~labelled & ~near_any(sites, sites[labelled], SKEW * side + PIXEL_M)
    if usable.sum() < 2:
        fault = f"{usable.sum()} of {len(sites)} sites can be used for pretraining"
        remedy = "Add unlabelled sites away from the stations, or set pretrain.transductive"
        raise StoreError(store.folder, fault, remedy)
    return sites[usable].reset_index(drop=True)


def near_any(sites: pd.DataFrame, others: pd.DataFrame, distance: float) -> np.ndarray:
    """Which sites lie within ``distance`` metres of any other, east-west and north-south alike.

    The Chebyshev distance on a local equirectangular projection: two squares of side ``distance``
    centred on the points overlap exactly where it is smaller than ``distance``.
    """
    lon, lat = (sites[name].to_numpy(dtype=float) for name in ("lon", "lat"))
    to_lon, to_lat = (others[name].to_numpy(dtype=float) for name in ("lon", "lat"))
    near = np.zeros(len(sites), dtype=bool)
    for start in range(0, len(sites), BLOCK):
        part = slice(start, start + BLOCK)
        north = np.abs(lat[part, None] - to_lat)
        east = np.abs((lon[part, None] - to_lon + 180) % 360 - 180) * np.cos(
            np.radians(lat[part, None])
        )
        near[part] = (np.maximum(north, east) * DEGREE_M <= distance).any(axis=1)
    return near


def global_batch(size: int, config: Pretrain, processes: int) -> int:
    """Sites in a step over all processes: as configured, or all that ``size`` sites allow.

    Raises:
        ConfigError: the batch does not divide by the number of processes.
    """
    if config.batch_size % processes:
        fault = f"{config.batch_size} sites do not divide over {processes} processes"
        raise ConfigError("pretrain.batch_size", fault, "Choose a multiple of devices x nodes")
    return min(config.batch_size, size // processes * processes)


def share(batch: int, rank: int, processes: int) -> slice:
    """Places in the global batch of the samples that the process ``rank`` works on."""
    each = batch // processes
    return slice(rank * each, (rank + 1) * each)


def make_loader(size: int, batch: int, seed: int, step: Callable[[], int]) -> DataLoader[int]:
    """Every process gets the whole global batch of positions and works on its share."""
    return DataLoader(Positions(size), batch_sampler=GlobalBatches(size, batch, seed, step))


class Positions(Dataset[int]):
    """Positions of the sites: data lie on the device, so a batch is a list of positions."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        return index


class GlobalBatches(Sampler[list[int]]):
    """Batches of an epoch, in a new order each epoch.

    ``step`` tells how many steps the run has done: it alone says which epoch this is and which of
    its batches are still to come, so that a run goes on in the middle of an epoch. An incomplete
    last batch is left out, as its statistics are poorer.
    """

    def __init__(self, size: int, batch: int, seed: int, step: Callable[[], int]) -> None:
        self.size, self.batch, self.seed, self.step = size, batch, seed, step

    def __len__(self) -> int:
        return self.size // self.batch

    def __iter__(self) -> Iterator[list[int]]:
        epoch, first = divmod(self.step(), len(self))
        order = np.random.default_rng((self.seed, ORDER, epoch)).permutation(self.size)
        for start in range(first * self.batch, len(self) * self.batch, self.batch):
            yield order[start : start + self.batch].tolist()
