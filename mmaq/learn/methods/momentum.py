"""A student and its moving average: the common part of BYOL, MoCo and DINO."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod

import torch
from torch import nn

from mmaq.config.learning import Pretrain
from mmaq.learn.methods.base import Method


class MomentumMethod(Method):
    """A Sentinel-2 encoder with a projector, and a teacher that follows both.

    After each step every parameter of the teacher moves: teacher <- m teacher + (1 - m) student,
    with m = ``momentum(progress)``. The teacher takes no gradient and is in no optimiser. Its
    batch norms keep running statistics of their own, from the batches that it sees.
    """

    projector: nn.Module
    teacher: nn.Sequential

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        self.projector = self.make_projector(config)
        self.teacher = copy.deepcopy(self.student()).requires_grad_(False)

    @abstractmethod
    def make_projector(self, config: Pretrain) -> nn.Module:
        """What stands on the encoder in student and teacher alike."""

    @abstractmethod
    def momentum(self, progress: float) -> float:
        """m at this share of the run."""

    def student(self) -> nn.Sequential:
        """Encoder and projector in a row."""
        return nn.Sequential(self.encoders["s2"], self.projector)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the teacher towards the student."""
        share = 1 - self.momentum(progress)
        followed = self.student().parameters()
        for old, new in zip(self.teacher.parameters(), followed, strict=True):
            old.lerp_(new, share)


def rising_momentum(start: float, progress: float) -> float:
    """From ``start`` to 1 along half a cosine: 1 - (1 - start) (cos(pi progress) + 1) / 2."""
    return 1 - (1 - start) * (math.cos(math.pi * progress) + 1) / 2
