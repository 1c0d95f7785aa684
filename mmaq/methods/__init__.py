"""Self-supervised methods, one file each, by name."""

from mmaq.config.learning import Pretrain
from mmaq.methods.base import Method
from mmaq.methods.mmaq import MMAQ

METHODS: dict[str, type[Method]] = {"mmaq": MMAQ}

__all__ = ["METHODS", "MMAQ", "Method", "make_method"]


def make_method(config: Pretrain) -> Method:
    """The method that the configuration names, with weights from torch's current random state."""
    return METHODS[config.method](config)
