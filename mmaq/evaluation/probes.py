"""Probes: ridge regression on the embeddings of frozen encoders.

The paper's head is one linear layer, trained by SGD for 90 epochs; ridge is its exact solution,
with a penalty chosen by leave-one-out error inside the training stations. The table encoder is
not probed: the paper does not use it downstream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mmaq.evaluation.encoders import Embeddings, embed_stations, images_of
from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.splits import Fold
from mmaq.evaluation.standardise import join_blocks, linear_features, predict_ridge
from mmaq.evaluation.task import Task
from mmaq.evaluation.unavailable import Unavailable


def probe_entries(
    task: Task, checkpoint: Path | None, method: str, seeds: Sequence[int]
) -> list[Entry]:
    """The linear probe on the images of ``method`` and the fused probe with the table.

    Raises:
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    images = "+".join(images_of(method))
    try:
        embeddings = embed_stations(task, method, checkpoint, seeds)
    except Unavailable as reason:
        linear, fused, seconds = _refuse(reason), _refuse(reason), 0.0
    else:
        linear, fused = _linear(task, embeddings), _fused(task, embeddings)
        seconds = embeddings.seconds
    return [
        Entry(method, "linear", images, linear, seconds, calibrated=True),
        Entry(method, "fused", f"{images}+table", fused, seconds, calibrated=True),
    ]


def _linear(task: Task, embeddings: Embeddings) -> Callable[[], Predict]:
    """Ridge on the embeddings of all modalities side by side."""
    return lambda: probe(
        {seed: [np.hstack(values)] for seed, values in embeddings.by_seed.items()}, task.target
    )


def _fused(task: Task, embeddings: Embeddings) -> Callable[[], Predict]:
    """Ridge on the embeddings and the eight land-use features."""
    table = linear_features(task.features)
    return lambda: probe(
        {seed: [np.hstack(values), table] for seed, values in embeddings.by_seed.items()},
        task.target,
    )


def probe(blocks: dict[int, list[np.ndarray]], target: np.ndarray) -> Predict:
    """Ridge on the joined blocks of a seed, each (n, width)."""

    def predict(fold: Fold, seed: int) -> np.ndarray:
        features = join_blocks(blocks[seed], fold.train)
        return predict_ridge(features, target, fold.train, fold.test)

    return predict


def _refuse(reason: Unavailable) -> Callable[[], Predict]:
    def prepare() -> Predict:
        raise reason

    return prepare
