"""Frozen encoders: which modalities each method uses, and the embeddings of places."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmaq.base.errors import CheckpointError, Unavailable
from mmaq.config.learning import Encoders as Sizes
from mmaq.config.learning import Pretrain
from mmaq.config.parts import checkpoint_of
from mmaq.contracts.checkpoint import read_about, read_tensors
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import FEATURES
from mmaq.estimators.base import Places
from mmaq.learn.checkpoint import build_encoders, random_encoders, unfilled
from mmaq.learn.data import Inputs, Statistics, load_inputs
from mmaq.learn.devices import device
from mmaq.learn.embed import calibrate_norms, embed
from mmaq.learn.models.encoders import Encoders
from mmaq.vocabulary import IMAGES, TRAINED

PREFIX = "encoder."
"""What an encoder's tensors are called in the file of an estimator."""


def images_of(method: str) -> tuple[str, ...]:
    """The modalities that ``method`` is evaluated with: the images of those that it trains.

    The paper's probes and fine-tuning do not use the table encoder, and its MMAQ- reads
    Sentinel-2 alone.
    """
    if method == "mmaq_s2":
        return ("s2",)
    return tuple(name for name in TRAINED[checkpoint_of(method)] if name in IMAGES)


def load_network(checkpoint: Path, method: str) -> tuple[Encoders, Statistics]:
    """The pretrained encoders, on the GPU where there is one, and their normalisation.

    Raises:
        CheckpointError: the checkpoint cannot be read, is another method's, or lacks an encoder.
    """
    about, tensors = read_tensors(checkpoint)
    encoders, statistics = build_encoders(about, tensors, checkpoint)
    run, found = checkpoint_of(method), about["config"]["method"]
    remedy = f"Give the checkpoint of {run} to evaluate {method}"
    if found != run:
        raise CheckpointError(checkpoint, f"it was pretrained by {found}", remedy)
    lacking = [name for name in images_of(method) if name not in encoders.modalities]
    if lacking:
        raise CheckpointError(checkpoint, f"it holds no {lacking[0]} encoder", remedy)
    return encoders.to(device()), statistics


def inputs_of(places: Places) -> Inputs:
    """What networks read of places, on the host."""
    return load_inputs(places.store, places.table)


@dataclass(frozen=True)
class Embedder:
    """Encoders with their normalisation; ``modalities`` are those that are embedded."""

    network: Encoders
    statistics: Statistics
    modalities: tuple[str, ...]
    digest: str
    """Of the weights: places that were embedded by the same ones are not embedded again."""

    @classmethod
    def of(cls, network: Encoders, statistics: Statistics, modalities: tuple[str, ...]) -> Embedder:
        """Take encoders as they are."""
        return cls(network, statistics, modalities, _digest(network.state_dict(), statistics))

    def embed(self, places: Places) -> list[np.ndarray]:
        """Embeddings by modality, (n, width) float32 each; NaN where a place has no patch.

        Raises:
            Unavailable: the store holds no such patches.
        """
        places.require(self.modalities)

        def make(whole: Places) -> np.ndarray:
            found = embed(self.network, self.statistics, inputs_of(whole), self.modalities)
            return np.hstack([found[name] for name in self.modalities])

        joined = places.block(f"embedding:{self.digest}:{'+'.join(self.modalities)}", make)
        widths = [self.network.widths[name] for name in self.modalities]
        return np.split(joined, np.cumsum(widths)[:-1], axis=1)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Configuration and weights."""
        about = {
            "modalities": list(self.modalities),
            "encoders": list(self.network.modalities),
            "sizes": self.network.config.model_dump(mode="json"),
            "statistics": self.statistics.to_dict(),
        }
        return about, tensors_of(self.network, PREFIX)

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Embedder:
        """The inverse of :meth:`state`."""
        sizes = Sizes.model_validate(about["sizes"])
        network = unfilled(lambda: Encoders(sizes, about["encoders"]))
        fill(network, arrays, PREFIX)
        statistics = Statistics.from_dict(about["statistics"])
        return cls.of(network.to(device()).eval(), statistics, tuple(about["modalities"]))


@dataclass(frozen=True)
class Pretrained:
    """The encoders of ``method`` in a checkpoint (contract 4); None where none was pretrained."""

    method: str
    checkpoint: Path | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """The images that the method is evaluated with."""
        return images_of(self.method)

    def embedder(self, places: Places, seed: int) -> Embedder:
        """Encoders ready to embed ``places``.

        ``random_init`` has the architecture and the normalisation of the checkpoint, weights drawn
        from the seed, and batch norm calibrated on those sites of the checkpoint's pretraining
        that the store holds; the other methods have one checkpoint for all seeds.

        Raises:
            Unavailable: the places have no such patches, or there is no checkpoint.
            CheckpointError: the checkpoint cannot be read, or is another method's.
        """
        places.require(self.modalities)
        if self.checkpoint is None:
            raise Unavailable("no encoders were pretrained")
        changed = self.checkpoint.stat().st_mtime_ns
        if self.method == "random_init":
            return _untrained(self.checkpoint, changed, seed, places.store.folder)
        return _embedder(self.checkpoint, changed, self.method)


@lru_cache(maxsize=8)
def _embedder(checkpoint: Path, _changed: int, method: str) -> Embedder:
    """An embedder that the folds of a job share."""
    return Embedder.of(*load_network(checkpoint, method), images_of(method))


@lru_cache(maxsize=8)
def _untrained(checkpoint: Path, _changed: int, seed: int, store: Path) -> Embedder:
    """The embedder of ``random_init``, which the folds of a job share."""
    _, statistics = load_network(checkpoint, "random_init")
    about, opened, images = read_about(checkpoint), open_store(store), images_of("random_init")
    encoders = random_encoders(Pretrain.model_validate(about["config"]), seed).to(device())
    seen = pd.DataFrame({"site_id": about["site_ids"]})
    seen = seen[seen["site_id"].isin(opened.index["site_id"])]
    if len(seen):
        inputs = load_inputs(opened, seen.reindex(columns=["site_id", *FEATURES]))
        calibrate_norms(encoders, statistics, inputs, images)
    return Embedder.of(encoders, statistics, images)


def tensors_of(network: torch.nn.Module, prefix: str) -> dict[str, np.ndarray]:
    """A network's weights and buffers as arrays."""
    return {f"{prefix}{name}": value.cpu().numpy() for name, value in network.state_dict().items()}


def fill(network: torch.nn.Module, arrays: dict[str, np.ndarray], prefix: str) -> None:
    """Set a network's weights and buffers; raises ``KeyError`` or ``RuntimeError``."""
    values = {
        name.removeprefix(prefix): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    network.load_state_dict(values)


def _digest(tensors: dict[str, Tensor], statistics: Statistics) -> str:
    found = hashlib.sha256(repr(statistics).encode())
    for name, value in sorted(tensors.items()):
        found.update(name.encode())
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
