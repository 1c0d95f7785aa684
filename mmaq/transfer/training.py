"""Training of both tasks by the one loop, and networks applied to many scenes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.config.transfer import Transfer
from mmaq.learn import fit as loop
from mmaq.transfer.networks import OnEncoder
from mmaq.transfer.scenes import Scenes, turn_together

BATCH = 128
"""Scenes at once where nothing is learned."""
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of images (b, 12, h, w), masks (b, 1, h, w) and the scenes' positions (b,)."""


def fit(
    network: OnEncoder, scenes: Scenes, train: np.ndarray, loss: Loss, config: Transfer, seed: int
) -> None:
    """Train on scenes in random one of eight orientations.

    Args:
        network: on its device; ends in evaluation mode.
        scenes: all scenes, on the host.
        train: positions of the training scenes.
        loss: what is minimised.
        config: epochs, batch and rates.
        seed: of the order and the orientations.
    """
    rows = torch.from_numpy(np.asarray(train, np.int64))
    device = next(network.parameters()).device

    def turned(part: Tensor, generator: torch.Generator) -> Tensor:
        chosen = rows[part]
        images, masks = turn_together(scenes.images[chosen], scenes.masks[chosen], generator)
        return loss(images.to(device), masks.to(device), chosen)

    network.train()
    loop.fit(turned, network.groups(config), len(rows), config, seed)
    network.eval()


@torch.no_grad()
def run(network: nn.Module, images: Tensor, rows: np.ndarray) -> Tensor:
    """What the network gives for the images at ``rows``, float32 on the host; its mode stays."""
    device = next(network.parameters()).device
    parts = torch.from_numpy(np.asarray(rows, np.int64)).split(BATCH)
    return torch.cat([network(images[part].to(device)).float().cpu() for part in parts])
