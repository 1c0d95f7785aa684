"""Self-supervised methods, one file each, by name."""

from __future__ import annotations

from mmaq.config.learning import Pretrain
from mmaq.learn.methods.barlow_twins import BarlowTwins
from mmaq.learn.methods.barlow_twins_multimodal import BarlowTwinsMultimodal
from mmaq.learn.methods.base import Method
from mmaq.learn.methods.byol import BYOL
from mmaq.learn.methods.decur import DeCUR
from mmaq.learn.methods.dino import DINO
from mmaq.learn.methods.mmaq import MMAQ
from mmaq.learn.methods.mmcl import MMCL
from mmaq.learn.methods.moco import MoCo
from mmaq.learn.methods.simclr import SimCLR
from mmaq.learn.methods.simsiam import SimSiam
from mmaq.learn.methods.vicreg import VICReg

METHODS: dict[str, type[Method]] = {
    "mmaq": MMAQ,
    "decur": DeCUR,
    "barlow_twins": BarlowTwins,
    "barlow_twins_multimodal": BarlowTwinsMultimodal,
    "simclr": SimCLR,
    "vicreg": VICReg,
    "byol": BYOL,
    "moco_v2": MoCo,
    "simsiam": SimSiam,
    "dino": DINO,
    "mmcl": MMCL,
}


def make_method(config: Pretrain) -> Method:
    """The method that the configuration names, with weights from torch's current random state."""
    return METHODS[config.method](config)
