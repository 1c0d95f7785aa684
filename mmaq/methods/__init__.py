"""Self-supervised methods, one file each, by name."""

from mmaq.config.learning import Pretrain
from mmaq.methods.barlow_twins import BarlowTwins
from mmaq.methods.barlow_twins_multimodal import BarlowTwinsMultimodal
from mmaq.methods.base import Method
from mmaq.methods.byol import BYOL
from mmaq.methods.decur import DeCUR
from mmaq.methods.dino import DINO
from mmaq.methods.mmaq import MMAQ
from mmaq.methods.mmcl import MMCL
from mmaq.methods.moco import MoCo
from mmaq.methods.simclr import SimCLR
from mmaq.methods.simsiam import SimSiam
from mmaq.methods.vicreg import VICReg

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

__all__ = ["METHODS", "MMAQ", "Method", "make_method"]


def make_method(config: Pretrain) -> Method:
    """The method that the configuration names, with weights from torch's current random state."""
    return METHODS[config.method](config)
