"""MoCo v2 on Sentinel-2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.contrastive import info_nce, next_queue
from mmaq.learn.methods.base import View
from mmaq.learn.methods.momentum import MomentumMethod


class MoCo(MomentumMethod):
    """A view is to find the key of its other view among a queue of earlier keys.

    He et al., "Momentum contrast" (CVPR 2020, arXiv:1911.05722), with the projector of Chen et al.,
    "Improved baselines with momentum contrastive learning" (arXiv:2003.04297). From the papers:
    the hidden layer without norm, InfoNCE at temperature 0.2, one direction (view 0 asks, view 1
    is the key), a slowly moving key encoder, the queue. Where this differs: the queue holds 1024
    keys, not 65,536, because a queue longer than the data holds each site's own earlier keys; the
    momentum is 0.99, because with 0.999 the key encoder would hardly leave its start in short
    runs; batches are not shuffled between processes before batch norm.
    """

    queue: Tensor

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        self.share, self.temperature = config.moco.momentum, config.moco.temperature
        start = torch.randn(config.moco.queue, config.moco.width)
        self.register_buffer("queue", functional.normalize(start, dim=1))

    def make_projector(self, config: Pretrain) -> nn.Module:
        """One hidden layer, as wide as the embedding."""
        width = self.encoders.widths["s2"]
        return nn.Sequential(
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, config.moco.width)
        )

    def momentum(self, progress: float) -> float:
        """``moco.momentum`` throughout."""
        return self.share

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss. In training mode the keys of this batch then enter the queue."""
        with torch.no_grad():
            keys = self.teacher(second["s2"])
        queries = self.projector(self.encoders(first)["s2"])
        before = self.queue.clone()  # the way back needs it as it was
        if self.training:
            self.queue.copy_(next_queue(before, keys))
        return {"loss": info_nce(queries, keys, before, self.temperature)}
