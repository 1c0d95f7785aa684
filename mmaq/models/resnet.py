"""ResNet-18 and ResNet-50 for any number of bands, without a classifier."""

from __future__ import annotations

from typing import Literal

import torchvision
from torch import nn

from mmaq.models.convolution import with_single_pixels

ResNetName = Literal["resnet18", "resnet50"]
WIDTHS = {"resnet18": 512, "resnet50": 2048}
"""Width of the embedding of each network."""


def make_resnet(name: ResNetName, bands: int) -> nn.Module:
    """A randomly initialised torchvision ResNet: (n, bands, h, w) to (n, ``WIDTHS[name]``).

    He et al., "Deep residual learning for image recognition" (2016). As in the released MMAQ code
    the first convolution is 3 x 3 with stride 2 and the classifier is the identity. Its padding is
    1, where the released one has 3: three rows of zeros around a 3 x 3 kernel add borders that
    hold no data. The max-pool stays for small patches too: without it a 32-pixel patch keeps
    2 x 2 positions to the end instead of one, at 2.9 times the time of a step (measured on a CPU).
    """
    network = getattr(torchvision.models, name)(weights=None)
    network.conv1 = nn.Conv2d(bands, 64, kernel_size=3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.fc = nn.Identity()
    return with_single_pixels(network)
