"""Random numbers of a batch, drawn on the host for every sample of it, wherever those are."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

WHOLE = slice(None)


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
