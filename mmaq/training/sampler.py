"""The order of the sites: global batches of positions, the same on every process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from mmaq.config.learning import Pretrain
from mmaq.errors import ConfigError

ORDER = 1
"""What this random stream is for; beside the seed and the epoch's number it decides the order."""


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
