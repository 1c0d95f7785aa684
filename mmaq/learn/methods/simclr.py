"""SimCLR on Sentinel-2."""

from __future__ import annotations

from torch import Tensor

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.contrastive import nt_xent
from mmaq.learn.methods.base import Method, View, make_mlp


class SimCLR(Method):
    """Each view of a patch is to find the other one among the batch.

    Chen et al., "A simple framework for contrastive learning of visual representations" (ICML
    2020, arXiv:2002.05709). From the paper: a projector with one hidden layer, as wide as the
    embedding, to 128 dimensions, and NT-Xent over the global batch. Where this differs: the hidden
    layer has batch norm, as in the authors' code; views are this package's, without their colour
    jitter; batches are hundreds, not thousands.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        width = self.encoders.widths["s2"]
        self.projector = make_mlp(width, width, config.simclr.width)
        self.temperature = config.simclr.temperature

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss of two views."""
        return {"loss": nt_xent(self._project(first), self._project(second), self.temperature)}

    def _project(self, view: View) -> Tensor:
        return self.projector(self.encoders(view)["s2"])
