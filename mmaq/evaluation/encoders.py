"""Encoders under evaluation: which modalities each method uses, and their embeddings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from mmaq.config.learning import Pretrain
from mmaq.evaluation.task import Task
from mmaq.evaluation.unavailable import Unavailable
from mmaq.models import Encoders
from mmaq.training.checkpoint import load_encoders, random_encoders, read_about
from mmaq.training.data import load_inputs
from mmaq.training.embed import embed
from mmaq.training.statistics import Statistics

MODALITIES = {"mmaq": ("s2", "s5p"), "mmaq_s2": ("s2",), "random_init": ("s2", "s5p")}
"""The paper's probes and fine-tuning read the images alone; its MMAQ- reads Sentinel-2 alone."""


@dataclass(frozen=True)
class Embeddings:
    """For each seed one (n, width) array a modality; ``seconds`` is what making them took."""

    by_seed: dict[int, list[np.ndarray]]
    seconds: float


def require(task: Task, modalities: Sequence[str], checkpoint: Path | None) -> Path:
    """The checkpoint, where there is one and the store holds the modalities.

    Raises:
        Unavailable: says what is missing.
    """
    for modality in modalities:
        task.rows(modality)
    if checkpoint is None:
        raise Unavailable("no encoders were pretrained")
    return checkpoint


def load_network(checkpoint: Path) -> tuple[Encoders, Statistics]:
    """The pretrained encoders, on the GPU where there is one, and their normalisation."""
    encoders, statistics = load_encoders(checkpoint)
    return encoders.to(_device()), statistics


def embed_stations(
    task: Task, method: str, checkpoint: Path | None, seeds: Sequence[int]
) -> Embeddings:
    """Embed the stations by the encoders of ``method``.

    ``random_init`` has the architecture and the normalisation of the checkpoint, and weights drawn
    anew from each seed; the other methods have one checkpoint for all seeds.

    Raises:
        Unavailable: there are no such patches or no checkpoint.
        CheckpointError: the checkpoint cannot be read.
    """
    modalities = MODALITIES[method]
    checkpoint = require(task, modalities, checkpoint)
    start = time.perf_counter()
    encoders, statistics = load_network(checkpoint)
    inputs = load_inputs(task.store, task.table)
    if method == "random_init":
        config = Pretrain.model_validate(read_about(checkpoint)["config"])
        networks = {seed: random_encoders(config, seed).to(_device()) for seed in seeds}
        values = {
            seed: embed(network, statistics, inputs, modalities)
            for seed, network in networks.items()
        }
    else:
        values = dict.fromkeys(seeds, embed(encoders, statistics, inputs, modalities))
    arrays = {seed: [value[name] for name in modalities] for seed, value in values.items()}
    return Embeddings(arrays, time.perf_counter() - start)


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Run torch and the linear algebra of numpy on ``count`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
