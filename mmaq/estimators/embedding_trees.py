"""Boosted trees on an encoder's embedding and the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from mmaq.estimators.encoders import embed_stations, images_of
from mmaq.estimators.entry import Entry, Predict
from mmaq.estimators.probes import Blocks
from mmaq.estimators.references import boosted_trees
from mmaq.evaluate.task import Task
from mmaq.statistics.ridge import join_blocks
from mmaq.statistics.splits import Fold

COMPONENTS = 16
"""Principal components of the embedding that the trees see: trees cannot add up hundreds of
columns of which each says little."""


def embedding_entry(
    task: Task, checkpoint: Path | None, method: str, seeds: Sequence[int]
) -> Entry:
    """Boosted trees on the embedding of ``method`` and the eight features."""

    def prepare() -> Predict:
        embeddings = embed_stations(task, method, checkpoint, seeds)
        return embedding_trees(embeddings.by_seed, task.features, task.target)

    modalities = "+".join((*images_of(method), "table"))
    return Entry("gbm_embedding", "reference", modalities, prepare, calibrated=True)


def embedding_trees(blocks: Blocks, table: np.ndarray, target: np.ndarray) -> Predict:
    """Boosted trees on principal components of the joined blocks and on ``table``, (n, d).

    Modalities have equal variance before the rotation, which is fitted to the training stations.
    """

    def predict(fold: Fold, seed: int) -> np.ndarray:
        features = join_blocks(blocks[seed], fold.train)
        rotation = PCA(min(COMPONENTS, len(fold.train), features.shape[1]), random_state=seed)
        rotation.fit(features[fold.train])
        inputs = np.hstack([rotation.transform(features), table])
        return boosted_trees(inputs[fold.train], target[fold.train], inputs[fold.test], seed)

    return predict
