"""Probes: what the embeddings of frozen encoders hold, by several heads.

The table encoder is not probed: the paper does not use it downstream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmaq.config.evaluation import Evaluate
from mmaq.evaluation.encoders import embed_stations, images_of
from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.heads import neighbours_probe, ridge_probe, sgd_probe
from mmaq.evaluation.standardise import linear_features
from mmaq.evaluation.task import Task
from mmaq.evaluation.unavailable import Unavailable

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
