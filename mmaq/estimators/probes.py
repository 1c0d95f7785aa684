"""Heads of the probes: how embeddings of frozen encoders become a concentration.

Embeddings are blocks, a list of (n, width) arrays for each seed; a head weighs whole blocks alike.
All that a head estimates, the standardisation included, comes from a fold's training stations.

Probes: what the embeddings of frozen encoders hold, by several heads.

The table encoder is not probed: the paper does not use it downstream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from torch import Tensor

from mmaq.base.errors import Unavailable
from mmaq.config.evaluation import Evaluate
from mmaq.estimators.encoders import embed_stations, images_of
from mmaq.estimators.entry import Entry, Predict
from mmaq.evaluate.task import Task
from mmaq.learn.fit import Scale
from mmaq.statistics.ridge import join_blocks, linear_features, predict_ridge
from mmaq.statistics.splits import Fold, labelled

Blocks = Mapping[int, Sequence[np.ndarray]]

NEIGHBOURS = (3, 5, 10, 20, 40, 80)
"""Candidates for the number of neighbours."""

EPOCHS = 90

BATCH = 128

MOMENTUM = 0.9

RATE = 0.1 * 1e-3
"""The paper's: 0.2 * 128 / 256, and its factor of 1e-3 on the loss, which for SGD is one on the
rate."""


def ridge_probe(blocks: Blocks, target: np.ndarray, share: float = 1.0) -> Predict:
    """Ridge regression: the exact solution of a linear head, its penalty by leave-one-out error.

    With a ``share`` of the labels the standardisation still rests on all training stations: it
    needs no labels, and ten stations would make wild figures of what hardly varies among them.
    """

    def predict(fold: Fold, seed: int) -> np.ndarray:
        features = join_blocks(blocks[seed], fold.train)
        return predict_ridge(features, target, labelled(fold, share, seed), fold.test)

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
        weights, bias = descend(features[fold.train], scale.down(target[fold.train]), seed)
        return scale.up(features[fold.test] @ weights + bias)

    return predict


def descend(features: Tensor, target: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Weights (d,) and bias of a linear layer, by SGD on (n, d) and (n,); ``seed`` draws the order.

    The gradient is written out: torch's tape and optimiser take four times as long as the layer.
    """
    rows = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    weights = torch.zeros(rows.shape[1])
    velocity = torch.zeros_like(weights)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        rate = RATE * (1.0 + math.cos(math.pi * epoch / EPOCHS)) / 2.0
        for part in torch.randperm(len(rows), generator=generator).split(BATCH):
            error = rows[part] @ weights - target[part]
            velocity = MOMENTUM * velocity + 2.0 / len(part) * (rows[part].T @ error)
            weights = weights - rate * velocity
    return weights[:-1], weights[-1]


ALONE_ELSEWHERE = {("mmaq", "s2")}
"""MMAQ's Sentinel-2 alone is a method of its own, ``mmaq_s2``."""


def probe_entries(
    task: Task, checkpoint: Path | None, method: str, config: Evaluate
) -> list[Entry]:
    """The configured heads on the images of ``method``, and what the linear one further shows.

    These are the linear probe on each image alone, where a method has several, and with a share
    of the labels.

    Raises:
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    try:
        embeddings = embed_stations(task, method, checkpoint, config.seeds)
    except Unavailable as reason:
        refused = _refuse(reason)
        return [replace(entry, prepare=refused) for entry in _entries(task, method, config, {})]
    return [
        replace(entry, shared_seconds=embeddings.seconds)
        for entry in _entries(task, method, config, embeddings.by_seed)
    ]


def _entries(
    task: Task, method: str, config: Evaluate, by_seed: Mapping[int, list[np.ndarray]]
) -> list[Entry]:
    images = images_of(method)
    names = "+".join(images)
    joined = {seed: [np.hstack(values)] for seed, values in by_seed.items()}

    def linear(share: float) -> Entry:
        return Entry(
            method, "linear", names, lambda: ridge_probe(joined, task.target, share),
            label_fraction=share,
        )  # fmt: skip

    def alone(number: int) -> Entry:
        blocks = {seed: [values[number]] for seed, values in by_seed.items()}
        return Entry(method, "linear", images[number], lambda: ridge_probe(blocks, task.target))

    def fused() -> Predict:
        table = linear_features(task.features)
        return ridge_probe({seed: [*values, table] for seed, values in joined.items()}, task.target)

    heads = {
        "linear": linear(1.0),
        "fused": Entry(method, "fused", f"{names}+table", fused),
        "sgd_probe": Entry(method, "sgd_probe", names, lambda: sgd_probe(joined, task.target)),
        "knn": Entry(method, "knn", names, lambda: neighbours_probe(by_seed, task.target)),
    }
    entries = [replace(heads[name], calibrated=True) for name in config.heads]
    if "linear" not in config.heads:
        return entries
    entries += [linear(share) for share in config.label_fractions]
    if len(images) == 1:
        return entries
    own = [n for n, image in enumerate(images) if (method, image) not in ALONE_ELSEWHERE]
    return entries + [alone(number) for number in own]


def _refuse(reason: Unavailable) -> Callable[[], Predict]:
    def prepare() -> Predict:
        raise reason

    return prepare
