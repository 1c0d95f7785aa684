"""BYOL on Sentinel-2."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.cosine import negative_cosine
from mmaq.learn.methods.base import View, make_mlp
from mmaq.learn.methods.momentum import MomentumMethod, rising_momentum


class BYOL(MomentumMethod):
    """The student predicts, from one view, what its moving average projects from the other.

    Grill et al., "Bootstrap your own latent" (NeurIPS 2020, arXiv:2006.07733). From the paper:
    projector and predictor with one hidden layer, the symmetric squared distance of unit vectors,
    and a target whose momentum rises to 1 along a cosine. Where this differs: hidden layers are
    ``projection`` wide, not 4096, and have no bias; the momentum starts at 0.99, not 0.996, as the
    runs are short.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        self.predictor = make_mlp(config.byol.width, config.projection, config.byol.width)
        self.start = config.byol.momentum

    def make_projector(self, config: Pretrain) -> nn.Module:
        """One hidden layer."""
        return make_mlp(self.encoders.widths["s2"], config.projection, config.byol.width)

    def momentum(self, progress: float) -> float:
        """Rises from ``byol.momentum`` to 1."""
        return rising_momentum(self.start, progress)

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss, 0 to 8, summed over both directions."""
        with torch.no_grad():
            targets = self.teacher(second["s2"]), self.teacher(first["s2"])
        predictions = self._predict(first), self._predict(second)
        cosines = [negative_cosine(p, z) for p, z in zip(predictions, targets, strict=True)]
        return {"loss": 4 + 2 * (cosines[0] + cosines[1])}

    def _predict(self, view: View) -> Tensor:
        return self.predictor(self.projector(self.encoders(view)["s2"]))
