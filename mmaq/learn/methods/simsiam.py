"""SimSiam on Sentinel-2."""

from __future__ import annotations

from torch import Tensor, nn

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.cosine import negative_cosine
from mmaq.learn.methods.base import Method, View, make_mlp

BOTTLENECK = 4
"""The predictor's hidden layer is this many times narrower than the projections."""


class SimSiam(Method):
    """Each view predicts the projection of the other, which takes no gradient.

    Chen and He, "Exploring simple Siamese representation learning" (CVPR 2021, arXiv:2011.10566).
    From the paper: a three-layer projector with batch norm at its end, a bottleneck predictor, and
    the symmetric negative cosine. Where this differs: projections are ``projection`` wide, not
    2048; the predictor's rate follows the schedule as all others do, where the paper keeps it
    constant. Unlike in the MMAQ authors' version the predictor is in the optimiser.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        width = config.projection
        self.projector = nn.Sequential(
            *make_mlp(self.encoders.widths["s2"], width, width, width),
            nn.BatchNorm1d(width, affine=False),
        )
        self.predictor = make_mlp(width, max(width // BOTTLENECK, 1), width)

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss, -1 to 1, the mean over both directions."""
        z = self._project(first), self._project(second)
        there = negative_cosine(self.predictor(z[0]), z[1])
        back = negative_cosine(self.predictor(z[1]), z[0])
        return {"loss": (there + back) / 2}

    def _project(self, view: View) -> Tensor:
        return self.projector(self.encoders(view)["s2"])
