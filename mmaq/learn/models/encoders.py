"""The encoders by modality: images, a window of the NO2 column, and land use to embeddings.

Sentinel-2 goes through a ResNet-18, a ResNet-50 or a ViT-S, for any number of bands and without a
classifier. Features of the table may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.models.convolution import with_few_pixels
from mmaq.vocabulary import BANDS, MODALITIES

CHANNELS = (32, 64, 128)
"""Of the convolutions over a window of the column."""

TABLE_FEATURES = 8

ResNetName = Literal["resnet18", "resnet50"]
WIDTHS = {"resnet18": 512, "resnet50": 2048}
"""Width of each ResNet's embedding."""

EMBEDDING = 512
"""Width of the table's embedding."""

WIDTH = 384
"""Width of ViT-S's embedding."""


class Encoders(nn.ModuleDict):
    """Encoders under some of the names "s2", "s5p" and "table".

    Inputs are standardised: "s2" (n, 12, h, w), "s5p" (n, 1, h, w), "table" (n, 16): eight
    features (0 where missing), then eight flags (1 where missing). Each gives (n, width), with
    its width in ``widths``. They are independent of each other, so whoever has one modality uses
    its encoder alone.
    """

    def __init__(self, config: EncodersConfig, modalities: Sequence[str] = MODALITIES) -> None:
        super().__init__()
        self.config = config
        self.widths: dict[str, int] = {}
        for name in MODALITIES:  # in this order whatever the caller's: it decides the weights
            if name in modalities:
                self[name], self.widths[name] = _MAKERS[name](config)
        # oneDNN's and cuDNN's kernels are faster on images that lie in memory pixel by pixel, and
        # an output lies as the kernel does.
        self.to(memory_format=torch.channels_last)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that there is an encoder for."""
        return tuple(self.widths)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Embeddings of every modality that both the inputs and the encoders have."""
        return {name: self[name](inputs[name]) for name in self.modalities if name in inputs}


def _make_s2(config: EncodersConfig) -> tuple[nn.Module, int]:
    if config.s2 == "vit_small":
        return make_vit(config.s2_input, config.vit_patch, len(BANDS)), WIDTH
    return make_resnet(config.s2, len(BANDS)), WIDTHS[config.s2]


def _make_s5p(config: EncodersConfig) -> tuple[nn.Module, int]:
    if config.s5p == "small":
        return ColumnEncoder(), ColumnEncoder.width
    return make_resnet(config.s5p, 1), WIDTHS[config.s5p]


def _make_table(config: EncodersConfig) -> tuple[nn.Module, int]:
    return TableEncoder(2 * TABLE_FEATURES, config.table_width), TableEncoder.width


_MAKERS = {"s2": _make_s2, "s5p": _make_s5p, "table": _make_table}


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
    return with_few_pixels(network)


def make_vit(side: int, patch: int, bands: int) -> nn.Module:
    """A randomly initialised ViT-S: (n, bands, side, side) to (n, 384), the class token.

    Dosovitskiy et al., "An image is worth 16x16 words" (arXiv:2010.11929), in the small size of
    DeiT (arXiv:2012.12877): 12 layers, 6 heads, width 384. torchvision's network, whose position
    embeddings are learned for one ``side``, with a patch embedding for ``bands`` initialised as
    theirs, and a class token drawn as in DeiT: theirs starts at zero, where LARS has no scale.
    ``patch`` divides ``side``; 16 suits 224 px, and 4 or 8 suit 32 px.
    """
    network = VisionTransformer(
        image_size=side,
        patch_size=patch,
        num_layers=12,
        num_heads=6,
        hidden_dim=WIDTH,
        mlp_dim=4 * WIDTH,
    )
    network.conv_proj = nn.Conv2d(bands, WIDTH, kernel_size=patch, stride=patch)
    nn.init.trunc_normal_(network.conv_proj.weight, std=math.sqrt(1 / (bands * patch * patch)))
    nn.init.zeros_(network.conv_proj.bias)
    nn.init.trunc_normal_(network.class_token, std=0.02)
    network.heads = nn.Identity()
    return network


class ColumnEncoder(nn.Module):
    """Three convolutions over a window of grid cells, pooled over the window and at the site.

    Takes (n, 1, side, side) standardised columns and gives (n, ``width``). A window of some
    16 x 16 cells of 5 km has little texture; what matters is the level at the site and how it
    stands out from its surroundings. So the pooled features are those of the centre and of the
    whole window, and the level itself, at the centre and over the window, goes past the
    convolutions unchanged. Batch norm works across the batch and keeps a sample's absolute level,
    which a norm within the sample would remove.
    """

    width = 2 * CHANNELS[-1] + 2

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (wide_in, wide_out) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False)):
            stride = 1 if number == 0 else 2
            layers += [
                nn.Conv2d(wide_in, wide_out, kernel_size=3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(wide_out),
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*layers)

    def forward(self, column: Tensor) -> Tensor:
        """Embed a batch of windows."""
        features = self.features(column)
        parts = [_centre(features), features.mean((2, 3)), _centre(column), column.mean((2, 3))]
        return torch.cat([part.float() for part in parts], dim=1)


def _centre(maps: Tensor) -> Tensor:
    """Mean of the middle cell (odd side) or the four middle cells (even side): (n, c)."""
    height, width = maps.shape[2:]
    rows = slice((height - 1) // 2, height // 2 + 1)
    columns = slice((width - 1) // 2, width // 2 + 1)
    return maps[:, :, rows, columns].mean((2, 3))


class TableEncoder(nn.Module):
    """The shape of the released ``TabularAttention``: (n, inputs) to (n, 512).

    Two things differ. The input holds a missing flag beside each feature, because a site without a
    station has no type. And the attention re-weights its input, where the released layer returned
    the softmax of x * (Wx + b) itself.
    """

    width = EMBEDDING

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.ReLU(inplace=True),
            nn.LayerNorm(hidden),
            FeatureAttention(hidden),
            nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, EMBEDDING),
        )

    def forward(self, table: Tensor) -> Tensor:
        """Embed a batch of rows: standardised features, then as many missing flags (1: missing)."""
        return self.layers(table)


class FeatureAttention(nn.Module):
    """Re-weight the features of each sample by a softmax over them; the mean weight is one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(n, width) to (n, width)."""
        return features * self.score(features).softmax(dim=1) * features.shape[1]
