"""Small methods and random views."""

from __future__ import annotations

import torch
from torch import nn

from mmaq.config.learning import Encoders, Pretrain
from mmaq.config.methods import BYOL, DINO, MMCL, MoCo, SimCLR
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


def make(name, seed=0, **changes):
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
