"""Encoders under evaluation: which modalities each method uses, and their embeddings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmaq.base.errors import CheckpointError, Unavailable
from mmaq.config.learning import Pretrain
from mmaq.config.parts import checkpoint_of
from mmaq.contracts.checkpoint import read_about
from mmaq.evaluate.task import Task
from mmaq.learn.checkpoint import load_encoders, random_encoders
from mmaq.learn.data import Statistics, load_inputs
from mmaq.learn.devices import device
from mmaq.learn.embed import embed
from mmaq.learn.methods import METHODS
from mmaq.learn.models.encoders import Encoders
from mmaq.vocabulary import IMAGES


@dataclass(frozen=True)
class Embeddings:
    """For each seed one (n, width) array a modality; ``seconds`` is what making them took."""

    by_seed: dict[int, list[np.ndarray]]
    seconds: float


def images_of(method: str) -> tuple[str, ...]:
    """The modalities that ``method`` is evaluated with: the images of those that it trains.

    The paper's probes and fine-tuning do not use the table encoder, and its MMAQ- reads
    Sentinel-2 alone.
    """
    if method == "mmaq_s2":
        return ("s2",)
    trained = METHODS[checkpoint_of(method)].modalities
    return tuple(name for name in trained if name in IMAGES)


def need_modalities(task: Task, modalities: Sequence[str]) -> None:
    """Check that the store holds the images among ``modalities``; every station has a table row.

    Raises:
        Unavailable: names what is missing.
    """
    for modality in modalities:
        if modality in IMAGES:
            task.rows(modality)


def require(task: Task, method: str, checkpoint: Path | None) -> Path:
    """The checkpoint, where there is one and the store holds the images of ``method``.

    Raises:
        Unavailable: says what is missing.
    """
    need_modalities(task, images_of(method))
    if checkpoint is None:
        raise Unavailable("no encoders were pretrained")
    return checkpoint


def load_network(checkpoint: Path, method: str) -> tuple[Encoders, Statistics]:
    """The pretrained encoders, on the GPU where there is one, and their normalisation.

    Raises:
        CheckpointError: the checkpoint cannot be read, is another method's, or lacks an encoder.
    """
    encoders, statistics = load_encoders(checkpoint)
    run, found = checkpoint_of(method), read_about(checkpoint)["config"]["method"]
    remedy = f"Give the checkpoint of {run} to evaluate {method}"
    if found != run:
        raise CheckpointError(checkpoint, f"it was pretrained by {found}", remedy)
    lacking = [name for name in images_of(method) if name not in encoders.modalities]
    if lacking:
        raise CheckpointError(checkpoint, f"it holds no {lacking[0]} encoder", remedy)
    return encoders.to(device()), statistics


def embed_stations(
    task: Task, method: str, checkpoint: Path | None, seeds: Sequence[int]
) -> Embeddings:
    """Embed the stations by the encoders of ``method``.

    ``random_init`` has the architecture and the normalisation of the checkpoint, and weights drawn
    anew from each seed; the other methods have one checkpoint for all seeds.

    Raises:
        Unavailable: there are no such patches or no checkpoint.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    modalities = images_of(method)
    checkpoint = require(task, method, checkpoint)
    start = time.perf_counter()
    encoders, statistics = load_network(checkpoint, method)
    inputs = load_inputs(task.store, task.table)
    if method == "random_init":
        config = Pretrain.model_validate(read_about(checkpoint)["config"])
        networks = {seed: random_encoders(config, seed).to(device()) for seed in seeds}
        values = {
            seed: embed(network, statistics, inputs, modalities)
            for seed, network in networks.items()
        }
    else:
        values = dict.fromkeys(seeds, embed(encoders, statistics, inputs, modalities))
    arrays = {seed: [value[name] for name in modalities] for seed, value in values.items()}
    return Embeddings(arrays, time.perf_counter() - start)
