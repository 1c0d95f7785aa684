"""Barlow Twins, on Sentinel-2 or on the joined embeddings of several modalities."""

from __future__ import annotations

import torch
from torch import Tensor

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.barlow import barlow_twins, cross_correlation, off_diagonal, standardise
from mmaq.learn.methods.base import Method, View, make_mlp


class BarlowTwins(Method):
    """Two views of a Sentinel-2 patch under redundancy reduction.

    Zbontar et al., "Barlow Twins: self-supervised learning via redundancy reduction" (ICML 2021,
    arXiv:2103.03230). From the paper: the three-layer projector and the loss. Where this differs:
    projections are ``projection`` wide, not 8192; lambda is that of all methods here, 0.0051,
    which is the authors' released value.

    ``barlow_twins_multimodal`` takes it to a site that has three modalities: the embeddings of
    Sentinel-2, Sentinel-5P and the table are concatenated, one projector stands on the whole, and
    the loss sees two views of the site. No term knows of a modality, so nothing keeps one from
    doing all the work, which is what MMAQ's terms are to prevent. The MMAQ authors' "MM-Barlow" is
    another method: by default the released code of it has NT-Xent terms for images and table apart,
    and no term across modalities.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        width = config.projection
        self.projector = make_mlp(sum(self.encoders.widths.values()), width, width, width)
        self.lambda_off = config.lambda_off

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss, and its parts "invariance" and "redundancy" (unweighted)."""
        views = standardise(self._project(first)), standardise(self._project(second))
        correlation = cross_correlation(*views)
        return {
            "loss": barlow_twins(correlation, self.lambda_off),
            "invariance": (1 - correlation.diagonal()).square().sum(),
            "redundancy": off_diagonal(correlation),
        }

    def _project(self, view: View) -> Tensor:
        embeddings = [part.float() for part in self.encoders(view).values()]
        return self.projector(torch.cat(embeddings, dim=1))
