"""The plume in a scene: a segmentation, trained and applied."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional

from mmaq.config.transfer import Transfer
from mmaq.transfer.networks import PlumeNetwork, enlarge
from mmaq.transfer.scenes import Scenes
from mmaq.transfer.training import fit, run


def train_plume(
    network: PlumeNetwork, scenes: Scenes, train: np.ndarray, config: Transfer, seed: int
) -> None:
    """Train decoder, and encoder unless it is frozen, on the scenes at ``train``."""

    def loss(images: Tensor, masks: Tensor, _: Tensor) -> Tensor:
        return plume_loss(network(images), masks)

    fit(network, scenes, train, loss, config, seed)


def plume_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy plus the Dice loss of the whole batch.

    The latter is that of Milletari et al. 2016, V-Net (arXiv:1606.04797).

    Most pixels are no plume: of cross-entropy alone a short run learns little more than that. The
    Dice loss is pooled over the batch, as many scenes have no plume at all.
    """
    probability = logits.sigmoid()
    overlap = 2 * (probability * masks).sum() + 1
    dice = 1 - overlap / (probability.sum() + masks.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, masks) + dice


def predict_plume(network: PlumeNetwork, scenes: Scenes, rows: np.ndarray, side: int) -> np.ndarray:
    """Masks (m, side, side) bool of the scenes at ``rows``, at the pixels of the truth."""
    network.eval()
    parts = [
        (enlarge(run(network, scenes.images, part), side) > 0)[:, 0].numpy()
        for part in np.array_split(rows, max(1, len(rows) // 256))
    ]
    return np.concatenate(parts)
