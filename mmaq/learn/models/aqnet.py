"""AQNet: supervised regression of air quality from both images and the table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small

from mmaq.learn.models.encoders import TABLE_FEATURES
from mmaq.vocabulary import BANDS

S2_WIDTH, S5P_WIDTH, TABLE_WIDTH, IMAGES_WIDTH = 640, 128, 32, 96

COARSE, COARSER = 8, 4
"""Cells a side to which the column network pools."""


class AQNet(nn.Module):
    """Sentinel-2, Sentinel-5P and table to one standardised value a station, or to several.

    Rowley and Karakus, "Predicting air quality via multimodal AI and satellite imagery" (Remote
    Sensing of Environment, 2023), and its code. From there: MobileNetV3-small
    with a first convolution of stride 1 and 640 outputs, two convolutions over the column, a small
    network for the table, a head that joins the images and one that mixes them with the table,
    with dropout. Where this differs: all weights start at random, theirs of MobileNetV3 on
    ImageNet; its batch norm forgets at torch's usual pace, as theirs is too slow for runs of some
    hundred steps; the column network is that of :class:`ColumnNetwork`; the table has a missing
    flag beside each feature; and several targets share all layers but the last, whose
    outputs they are.
    """

    modalities = ("s2", "s5p", "table")

    def __init__(self, targets: int = 1) -> None:
        super().__init__()
        self.s2 = _make_mobilenet()
        self.s5p = ColumnNetwork()
        self.table = make_relu_mlp(2 * TABLE_FEATURES, 16, 32, TABLE_WIDTH)
        self.images = make_relu_mlp(S2_WIDTH + S5P_WIDTH, 384, 192, IMAGES_WIDTH)
        self.mixer = nn.Sequential(
            *make_relu_mlp(IMAGES_WIDTH + TABLE_WIDTH, 128, 64),
            nn.Dropout(0.25),
            *make_relu_mlp(64, 16),
            nn.Dropout(0.25),
            nn.Linear(16, targets),
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Shapes of the inputs as in :class:`Encoders`; gives (b,) or (b, targets)."""
        images = torch.cat([self.s2(inputs["s2"]), self.s5p(inputs["s5p"])], dim=1)
        joined = torch.cat([self.images(images), self.table(inputs["table"])], dim=1)
        return self.mixer(joined).squeeze(1)


class ColumnNetwork(nn.Module):
    """Two convolutions over a window of the NO2 column: (b, 1, side, side) to (b, 128).

    AQNet's, which the two-stream network has too: 10 channels 3 x 3, 15 channels 5 x 5, each with
    max-pooling, and a linear layer. Theirs reads 120 interpolated pixels without padding and ends
    at 11 x 11. A window of 16 cells would be gone after that, so here the convolutions are padded
    and the pools go to 8 x 8 and 4 x 4, whatever the window.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 10, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool2d(COARSE),
            nn.Conv2d(10, 15, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool2d(COARSER),
            nn.Flatten(),
            nn.Linear(15 * COARSER * COARSER, S5P_WIDTH),
            nn.ReLU(inplace=True),
        )

    def forward(self, column: Tensor) -> Tensor:
        """Standardised columns to features."""
        return self.layers(column)


def make_relu_mlp(*widths: int) -> nn.Sequential:
    """Linear layers from each width to the next, a ReLU after each."""
    layers: list[nn.Module] = []
    for wide_in, wide_out in pairwise(widths):
        layers += [nn.Linear(wide_in, wide_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _make_mobilenet() -> nn.Module:
    network = mobilenet_v3_small(weights=None, norm_layer=nn.BatchNorm2d)
    first, last = network.features[0], network.classifier
    first[0] = nn.Conv2d(len(BANDS), 16, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(first[0].weight, mode="fan_out")
    last[-1] = nn.Linear(last[-1].in_features, S2_WIDTH)
    return network
