"""DeCUR on Sentinel-2 and Sentinel-5P."""

from __future__ import annotations

from torch import Tensor

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.decur import decur_terms, sum_decur
from mmaq.learn.methods.base import Method, Projectors, View, make_mlp


class DeCUR(Method):
    """Two encoders whose projections have common and unique dimensions.

    Wang et al., "Decoupling common and unique representations for multimodal self-supervised
    learning" (ECCV 2024, arXiv:2309.05300). From the paper: three-layer projectors, Barlow Twins
    between the views of each modality over all dimensions, and between the modalities in the
    common dimensions, with decorrelation in the unique ones. Where this differs: Sentinel-5P takes
    the place of radar; each modality has a projector of its own (the released code builds both
    from the same layers); the cross-modal terms are means over both views, of which the first is
    weaker here; projections are ``projection`` wide, not 8192; encoders start at random, not at
    ImageNet's weights; deformable attention is left out.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        width = config.projection
        self.projectors = Projectors(
            self.encoders.widths, lambda wide_in: make_mlp(wide_in, width, width, width)
        )
        self.common = round(config.common_share * width)
        self.lambda_off = config.lambda_off

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss of two views and its terms (see :func:`mmaq.learn.losses.decur.decur_terms`)."""
        views = self._project(first), self._project(second)
        terms = decur_terms(*views, self.common, self.lambda_off)
        return {"loss": sum_decur(terms), **terms}

    def _project(self, view: View) -> dict[str, Tensor]:
        return self.projectors(self.encoders(view))
