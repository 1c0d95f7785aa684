"""Stage: boosted trees on an encoder's embedding and the table, because the best may be a mix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from mmaq.config.evaluation import Evaluate
from mmaq.evaluation.encoders import embed_stations, images_of, limited_threads
from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.heads import Blocks
from mmaq.evaluation.measure import measure_all
from mmaq.evaluation.references import boosted_trees
from mmaq.evaluation.splits import Fold
from mmaq.evaluation.standardise import join_blocks
from mmaq.evaluation.task import Task, read_task

COMPONENTS = 16
"""Principal components of the embedding that the trees see: trees cannot add up hundreds of
columns of which each says little."""


def evaluate_gbm_embedding(
    sites: Path,
    store: Path,
    checkpoint: Path | None,
    config: Evaluate,
    dataset: str,
    method: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of ``gbm_embedding``.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, of the run that ``checkpoint_of(method)`` names; without it the
            rows are skipped.
        config: splits, folds, seeds.
        dataset: name of the data set in the rows.
        method: a ``Pretrained`` of the configuration, whose embedding it is.
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [(task, embedding_entry(task, checkpoint, method, config.seeds)) for task in tasks]
        measure_all(work, config.splits, config, False, out, predictions)


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
