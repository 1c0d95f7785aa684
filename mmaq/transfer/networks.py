"""Heads on a Sentinel-2 encoder: a linear one for the fuel, a U-Net's decoder for the plume."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import ResNet

from mmaq.base.errors import ConfigError
from mmaq.config.transfer import Transfer
from mmaq.vocabulary import FUEL_CLASSES

FIRST = 64
"""Channels after a ResNet's first convolution."""

LAYERS = (1, 2, 3, 4)
"""Numbers of its layers."""

WIDTHS = (96, 64, 48, 24)
"""Channels of the decoder from its deepest stage to its last."""


class OnEncoder(nn.Module):
    """A network around an encoder, of which ``protocol`` says what is trained.

    "frozen": no gradient, and evaluation mode whatever the network is in. In training mode batch
    norm would go on averaging, so that frozen weights would see other statistics after every
    batch, as in the released code. "finetune": weights, on the pretrained statistics. "scratch":
    all of it.
    """

    def __init__(self, encoder: nn.Module, protocol: str) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(protocol != "frozen")
        self.protocol = protocol

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for the statistics of a pretrained encoder."""
        super().train(mode)
        if self.protocol != "scratch":
            self.encoder.eval()
        return self

    def groups(self, config: Transfer) -> list[dict[str, Any]]:
        """What is trained, with its rates."""
        inner = list(self.encoder.parameters())
        outer = [
            weight for name, weight in self.named_parameters() if not name.startswith("encoder.")
        ]
        share = config.encoder_rate if self.protocol == "finetune" else 1.0
        groups = [{"params": outer, "lr": config.learning_rate}]
        if self.protocol != "frozen":
            groups.append({"params": inner, "lr": share * config.learning_rate})
        return groups


class FuelNetwork(OnEncoder):
    """An encoder and a linear layer on its standardised embedding: (n, 12, h, w) to (n, 4)."""

    mean: Tensor
    sd: Tensor

    def __init__(self, encoder: nn.Module, protocol: str, width: int) -> None:
        super().__init__(encoder, protocol)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("sd", torch.ones(width))
        self.head = nn.Linear(width, len(FUEL_CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes."""
        return self.head((self.encoder(images) - self.mean) / self.sd)


class PlumeNetwork(OnEncoder):
    """A ResNet and a decoder over its feature maps: (n, 12, h, w) to logits (n, 1, h, w).

    Ronneberger et al., "U-Net" (2015): from the deepest map upwards, each stage takes the side of
    the next, joins the encoder's map of that side and convolves both. The maps are those after the
    first convolution and after each of the four layers. The image itself is not joined: what is
    seen of the plume has come through the encoder.

    Raises:
        ConfigError: the encoder is no ResNet.
    """

    def __init__(self, encoder: nn.Module, protocol: str) -> None:
        super().__init__(encoder, protocol)
        if not isinstance(encoder, ResNet):
            fault = f"{type(encoder).__name__} has no maps of several sizes for the plume's decoder"
            remedy = "Set pretrain.encoders.s2 to a ResNet, or transfer.tasks to [fuel]"
            raise ConfigError("transfer.tasks", fault, remedy)
        *skips, deep = [FIRST, *(_channels(encoder, number) for number in LAYERS)]
        stages = []
        for skip, width in zip(reversed(skips), WIDTHS, strict=True):
            stages.append(_convolve(deep + skip, width))
            deep = width
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(deep, 1, kernel_size=1)

    @property
    def resnet(self) -> ResNet:
        """The encoder, which is known to be one."""
        assert isinstance(self.encoder, ResNet)
        return self.encoder

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the plume, one a pixel of the image."""
        *maps, values = feature_maps(self.resnet, images)
        for stage, skip in zip(self.stages, reversed(maps), strict=True):
            values = stage(torch.cat([enlarge(values, skip.shape[-1]), skip], dim=1))
        return enlarge(self.head(values), images.shape[-1])


def feature_maps(encoder: ResNet, images: Tensor) -> list[Tensor]:
    """The five maps of a ResNet, from half the image's side to a thirty-second."""
    values = encoder.relu(encoder.bn1(encoder.conv1(images)))
    maps = [values]
    values = encoder.maxpool(values)
    for number in LAYERS:
        values = getattr(encoder, f"layer{number}")(values)
        maps.append(values)
    return maps


def enlarge(values: Tensor, side: int) -> Tensor:
    """(n, c, h, w) to ``side`` pixels a side, bilinearly."""
    return functional.interpolate(values, (side, side), mode="bilinear", align_corners=False)


def _channels(encoder: ResNet, number: int) -> int:
    """Channels of a layer's map: those of the last convolution of its last block."""
    last = list(getattr(encoder, f"layer{number}")[-1].modules())
    return [module for module in last if isinstance(module, nn.Conv2d)][-1].out_channels


def _convolve(wide_in: int, wide_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide_in, wide_out, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
    )
