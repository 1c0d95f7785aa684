"""Heads of the probes: how embeddings of frozen encoders become a concentration.

Embeddings are blocks, a list of (n, width) arrays for each seed; a head weighs whole blocks alike.
All that a head estimates, the standardisation included, comes from a fold's training stations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from torch import nn

from mmaq.evaluation.entry import Predict
from mmaq.evaluation.splits import Fold
from mmaq.evaluation.standardise import join_blocks, predict_ridge
from mmaq.training.regression import Scale

Blocks = Mapping[int, Sequence[np.ndarray]]

NEIGHBOURS = (3, 5, 10, 20, 40, 80)
"""Candidates for the number of neighbours."""

EPOCHS = 90
BATCH = 128
MOMENTUM = 0.9
RATE = 0.1 * 1e-3
"""The paper's: 0.2 * 128 / 256, and its factor of 1e-3 on the loss, which for SGD is one on the
rate."""


def ridge_probe(blocks: Blocks, target: np.ndarray) -> Predict:
    """Ridge regression: the exact solution of a linear head, its penalty by leave-one-out error."""

    def predict(fold: Fold, seed: int) -> np.ndarray:
        features = join_blocks(blocks[seed], fold.train)
        return predict_ridge(features, target, fold.train, fold.test)

    return predict


def neighbours_probe(blocks: Blocks, target: np.ndarray) -> Predict:
    """The mean of the nearest training stations by cosine similarity of standardised embeddings.

    How many is chosen by leave-one-out error inside the training part. On vectors of length one
    the nearest by distance are the nearest by cosine.
    """

    def predict(fold: Fold, seed: int) -> np.ndarray:
        features = normalize(join_blocks(blocks[seed], fold.train))
        known, most = target[fold.train], min(max(NEIGHBOURS), len(fold.train) - 1)
        index = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(features[fold.train])
        # Without an argument no station is its own neighbour.
        inside = known[index.kneighbors(return_distance=False)]
        errors = {
            count: np.square(inside[:, :count].mean(axis=1) - known).mean()
            for count in NEIGHBOURS
            if count <= most
        } or {most: 0.0}  # fmt: skip
        best = min(errors, key=lambda count: errors[count])
        nearest = index.kneighbors(features[fold.test], best, return_distance=False)
        return known[nearest].mean(axis=1)

    return predict


def sgd_probe(blocks: Blocks, target: np.ndarray) -> Predict:
    """The paper's head: one linear layer, by SGD on the squared error of the z-scored target.

    Momentum 0.9, batches of 128, 90 epochs along a cosine, no weight decay: as the released code.
    Other than there, embeddings are standardised, since that rate suits no width and scale but
    its own; they are computed once, without random crops; and the layer starts at zero, the mean
    of the training stations.
    """

    def predict(fold: Fold, seed: int) -> np.ndarray:
        features = torch.from_numpy(join_blocks(blocks[seed], fold.train)).float()
        scale = Scale.of(target[fold.train])
        head = _descend(features[fold.train], scale.down(target[fold.train]), seed)
        with torch.no_grad():
            return scale.up(head(features[fold.test]).squeeze(1))

    return predict


def _descend(features: torch.Tensor, target: torch.Tensor, seed: int) -> nn.Linear:
    """Fit a linear layer to (n, d) and (n,); ``seed`` draws the order."""
    head = nn.utils.skip_init(nn.Linear, features.shape[1], 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimiser = torch.optim.SGD(head.parameters(), RATE, MOMENTUM)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(target), generator=generator).split(BATCH):
            loss = (head(features[part]).squeeze(1) - target[part]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    return head
