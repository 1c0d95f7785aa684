"""The two-stream network: supervised regression from both images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.models.aqnet import S5P_WIDTH, ColumnNetwork
from mmaq.learn.models.encoders import Encoders


class TwoStream(nn.Module):
    """Sentinel-2 and Sentinel-5P to one standardised value a station.

    Scheibenreif, Mommert and Borth, "Estimation of air pollution with remote sensing data" (ICML
    2021 workshop, arXiv:2108.13902), and its code. From there: a network for each image, features
    joined, and a head with one hidden layer of a quarter of their width (2176-544-1 with
    ResNet-50). Where this differs: the Sentinel-2 network is that of the
    configuration (theirs is ResNet-50) and starts at random, theirs pretrained on BigEarthNet; the
    column network is :class:`ColumnNetwork`; the target is standardised.
    """

    modalities = ("s2", "s5p")

    def __init__(self, config: EncodersConfig, targets: int = 1) -> None:
        super().__init__()
        self.s2 = Encoders(config, ("s2",))
        width = self.s2.widths["s2"] + S5P_WIDTH
        self.s5p = ColumnNetwork()
        self.head = nn.Sequential(
            nn.Linear(width, width // 4), nn.ReLU(inplace=True), nn.Linear(width // 4, targets)
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Shapes of the inputs as in :class:`Encoders`; gives (b,) or (b, targets)."""
        features = [self.s2["s2"](inputs["s2"]), self.s5p(inputs["s5p"])]
        return self.head(torch.cat(features, dim=1)).squeeze(1)
