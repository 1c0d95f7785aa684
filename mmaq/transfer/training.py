"""One training loop for both tasks, and networks applied to many scenes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.config.transfer import Transfer
from mmaq.learn.fit import WARMUP_SHARE, cosine_with_warmup
from mmaq.transfer.networks import OnEncoder
from mmaq.transfer.scenes import Scenes, turn_together

BATCH = 128
"""Scenes at once where nothing is learned."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of images (b, 12, h, w), masks (b, 1, h, w) and the scenes' positions (b,)."""


def fit(
    network: OnEncoder, scenes: Scenes, train: np.ndarray, loss: Loss, config: Transfer, seed: int
) -> None:
    """Train by AdamW along a cosine with warm-up, on scenes in random one of eight orientations.

    The number of epochs is fixed: no scene chooses when to stop. Batches are about equal.

    Args:
        network: on its device; ends in evaluation mode.
        scenes: all scenes, on the host.
        train: positions of the training scenes.
        loss: what is minimised.
        config: epochs, batch and rates.
        seed: of the order and the orientations.
    """
    rows = torch.from_numpy(np.asarray(train, np.int64))
    parts = max(1, len(rows) // config.batch_size)
    steps = config.epochs * parts
    optimiser = torch.optim.AdamW(
        network.groups(config), weight_decay=config.weight_decay, fused=True
    )
    warmup = round(WARMUP_SHARE * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: cosine_with_warmup(step, steps, warmup)
    )
    generator = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    network.train()
    for _ in range(config.epochs):
        order = rows[torch.randperm(len(rows), generator=generator)]
        for part in order.tensor_split(parts):
            images, masks = turn_together(scenes.images[part], scenes.masks[part], generator)
            error = loss(images.to(device), masks.to(device), part)
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            schedule.step()
    network.eval()


@torch.no_grad()
def run(network: nn.Module, images: Tensor, rows: np.ndarray) -> Tensor:
    """What the network gives for the images at ``rows``, float32 on the host; its mode stays."""
    device = next(network.parameters()).device
    parts = torch.from_numpy(np.asarray(rows, np.int64)).split(BATCH)
    return torch.cat([network(images[part].to(device)).float().cpu() for part in parts])
