"""Pretraining, checkpoints of the encoders, and fine-tuning.

The stage is ``mmaq.training.pretrain.pretrain``. It is not imported here, so that an edited
optimiser of pretraining does not make stale what never pretrains.
"""

from mmaq.training.checkpoint import load_encoders, random_encoders, save_encoders
from mmaq.training.data import Inputs, load_inputs
from mmaq.training.embed import embed
from mmaq.training.finetune import finetune
from mmaq.training.statistics import Statistics, compute_statistics

__all__ = [
    "Inputs",
    "Statistics",
    "compute_statistics",
    "embed",
    "finetune",
    "load_encoders",
    "load_inputs",
    "random_encoders",
    "save_encoders",
]
