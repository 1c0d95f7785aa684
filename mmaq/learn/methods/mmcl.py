"""MMCL: contrastive learning of images and tables."""

from __future__ import annotations

from torch import Tensor

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.contrastive import clip
from mmaq.learn.methods.base import Method, Projectors, View, make_mlp


class MMCL(Method):
    """A Sentinel-2 patch is to find its site's table among the batch, and a table its patch.

    Hager et al., "Best of both worlds: multimodal contrastive learning with tabular and imaging
    data" (CVPR 2023, arXiv:2303.14080). From the paper: one projector with a hidden layer for each
    modality, CLIP's symmetric loss at a fixed temperature of 0.1, equal weights, and a table whose
    features are redrawn from the data. Where this differs: the loss is the mean over both views,
    of which the first has its table whole; one-hot groups are redrawn as one; the table encoder is
    this package's.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        self.projectors = Projectors(
            self.encoders.widths, lambda width: make_mlp(width, width, config.mmcl.width)
        )
        self.temperature, self.image_share = config.mmcl.temperature, config.mmcl.image_share

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss, the mean over both views."""
        return {"loss": (self._contrast(first) + self._contrast(second)) / 2}

    def _contrast(self, view: View) -> Tensor:
        z = self.projectors(self.encoders(view))
        return clip(z["s2"], z["table"], self.temperature, self.image_share)
