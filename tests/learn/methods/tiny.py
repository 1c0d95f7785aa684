"""Small methods and random views."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from mmaq.config.learning import Encoders, Pretrain
from mmaq.config.methods import BYOL, DINO, MMCL, MoCo, SimCLR
from mmaq.learn.models.encoders import WIDTHS
from mmaq.learn.stage import METHODS

SIDE, CELLS = 16, 6
TINY = Pretrain(
    projection=16,
    encoders=Encoders(s2_input=SIDE, s5p_input=CELLS, table_width=16),
    simclr=SimCLR(width=8),
    moco=MoCo(width=8, queue=10),
    mmcl=MMCL(width=8),
    byol=BYOL(width=8),
    dino=DINO(width=8, prototypes=12),
)
MOMENTUM = ("byol", "moco_v2", "dino")
NAMES = tuple(METHODS)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def configure(name, **changes):
    return TINY.model_copy(update={"method": name, **changes})


class Shallow(ResNet):
    """The first two of a ResNet's four stages, with a block each: 3 % of the weights of ResNet-18.

    The first block adds its input to what it makes, and the second halves the image.
    """

    width = 128

    def __init__(self, weights=None):
        super().__init__(BasicBlock, [1, 1, 0, 0])

    def _make_layer(self, block, planes, blocks, *further, **options):
        made = super()._make_layer if blocks else lambda *_, **__: nn.Sequential()
        return made(block, planes, blocks, *further, **options)


def make(name, seed=0, **changes):
    """A method whose Sentinel-2 encoder is shallow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.models, "resnet18", Shallow)
        patch.setitem(WIDTHS, "resnet18", Shallow.width)
        return make_whole(name, seed, **changes)


def make_whole(name, seed=0, **changes):
    """A method with ResNet-18."""
    torch.manual_seed(seed)
    return METHODS[name](configure(name, **changes))


def make_views(modalities, size=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"s2": (12, SIDE, SIDE), "s5p": (1, CELLS, CELLS), "table": (16,)}
    return tuple(
        {name: torch.randn((size, *shapes[name]), generator=generator) for name in modalities}
        for _ in range(2)
    )


def norms_alone(method):
    """Training mode, but batch norms take their running statistics: no sample sees another."""
    method.train()
    for module in method.modules():
        if isinstance(module, NORMS):
            module.eval()
    return method
