"""VICReg on Sentinel-2."""

from __future__ import annotations

from torch import Tensor

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.vicreg import vicreg_terms
from mmaq.learn.methods.base import Method, View, make_mlp


class VICReg(Method):
    """Views are alike, dimensions spread, and no two dimensions say the same.

    Bardes et al., "VICReg: variance-invariance-covariance regularization for self-supervised
    learning" (ICLR 2022, arXiv:2105.04906). From the paper: the three-layer projector, and the
    three terms weighted 25, 25 and 1. Where this differs: projections are ``projection`` wide, not
    8192.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        width = config.projection
        self.projector = make_mlp(self.encoders.widths["s2"], width, width, width)
        self.weights = config.vicreg

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss of two views and its unweighted terms."""
        terms = vicreg_terms(self._project(first), self._project(second))
        loss = (
            self.weights.invariance * terms["invariance"]
            + self.weights.variance * terms["variance"]
            + self.weights.covariance * terms["covariance"]
        )
        return {"loss": loss, **terms}

    def _project(self, view: View) -> Tensor:
        return self.projector(self.encoders(view)["s2"])
