"""The Sentinel-2 encoder that a part of the transfer tasks is about."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.config.parts import TransferPart
from mmaq.errors import ConfigError
from mmaq.evaluation.encoders import device, load_network
from mmaq.evaluation.unavailable import Unavailable
from mmaq.models import Encoders

S2 = "s2"


class Encoder(NamedTuple):
    """A network (n, 12, h, w) to (n, ``width``), on the GPU where there is one."""

    network: nn.Module
    width: int


def load_encoder(
    checkpoint: Path | None, sizes: EncodersConfig, side: int, part: TransferPart, seed: int
) -> Encoder:
    """The pretrained encoder, read anew; from scratch one of ``sizes`` with the seed's weights.

    Raises:
        Unavailable: there is no checkpoint.
        CheckpointError: the checkpoint cannot be read, is another method's, or has no encoder of
            Sentinel-2.
        ConfigError: the encoder cannot see images of ``side`` pixels.
    """
    if part.protocol == "scratch":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoders = Encoders(sizes.model_copy(update={"s2_input": side}), (S2,)).to(device())
    elif checkpoint is None:
        raise Unavailable("no encoders were pretrained")
    else:
        encoders, _ = load_network(checkpoint, part.method)
    sees = encoders.config
    if sees.s2 == "vit_small" and sees.s2_input != side:
        fault = f"vit_small was made for {sees.s2_input} pixels a side, not for {side}"
        raise ConfigError("transfer.size", fault, f"Set it to {sees.s2_input}")
    return Encoder(encoders[S2], encoders.widths[S2])
