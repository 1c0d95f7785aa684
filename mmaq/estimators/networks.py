"""Networks that a fold trains: fine-tuned encoders, and networks from random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from mmaq.base.errors import Unavailable
from mmaq.config.evaluation import Finetune as FinetuneConfig
from mmaq.config.evaluation import Supervised as SupervisedConfig
from mmaq.config.learning import Encoders as Sizes
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.encoders import Pretrained, fill, images_of, inputs_of, tensors_of
from mmaq.estimators.features import FEATURE_SETS
from mmaq.learn.checkpoint import unfilled
from mmaq.learn.data import Statistics
from mmaq.learn.devices import device
from mmaq.learn.fit import Scale
from mmaq.learn.models.encoders import Encoders
from mmaq.learn.networks import (
    NETWORKS,
    Network,
    Regressor,
    Trained,
    finetune,
    from_scratch,
    train_supervised,
)
from mmaq.statistics.ridge import Scaling

PREFIX = "network."
"""What a network's tensors are called in the file of an estimator."""


@dataclass(frozen=True, kw_only=True)
class FineTuned(Estimator):
    """Pretrained encoders, tuned on the training stations from the linear probe's solution.

    ``features`` is a name of ``FEATURE_SETS`` that the head reads too, or "" for images alone.
    """

    encoder: Pretrained
    config: FinetuneConfig
    features: str = ""
    plan: Literal["folds", "hold-out"] = "hold-out"

    @property
    def draft(self) -> FineTuned:
        """One that is tuned for half of the epochs: intervals by its errors are as good
        (docs/evaluation.md)."""
        epochs = max(1, self.config.epochs // 2)
        return replace(self, config=self.config.model_copy(update={"epochs": epochs}))

    def fit(self, train: Training, *, seed: int) -> FittedNetwork:
        """Tune a copy of the encoders."""
        embedder = self.encoder.embedder(train.places, seed)
        trained = finetune(
            embedder.network, embedder.statistics, inputs_of(train.places), train.target,
            self.encoder.modalities, self.config, seed, auxiliary(self.features, train.places),
        )  # fmt: skip
        return FittedNetwork(trained, "regressor", self.features)


@dataclass(frozen=True, kw_only=True)
class Supervised(Estimator):
    """A network trained from random weights on the training stations alone.

    With several targets it learns them all at once, on the stations that measure them all; its
    prediction of the first is what counts.
    """

    sizes: Sizes
    config: SupervisedConfig
    features: str = ""
    plan: Literal["folds", "hold-out"] = "hold-out"
    calibrated: bool = False

    @property
    def network(self) -> Network:
        """Encoders of a pretraining method, or the network of a paper."""
        if self.protocol == "supervised":
            return NETWORKS[self.method]
        return from_scratch(images_of(self.method))

    def fit(self, train: Training, *, seed: int) -> FittedNetwork:
        """Train all weights."""
        network = self.network
        train.places.require(network.modalities)
        if train.target.ndim > 1:
            train = train.take(np.flatnonzero(np.isfinite(train.target).all(axis=1)))
        if len(train) < 2:
            raise Unavailable("no two training stations measure all pollutants")
        inputs = inputs_of(train.places).to(device())
        trained = train_supervised(
            network, self.sizes, inputs, train.target, self.config, seed,
            auxiliary(self.features, train.places),
        )  # fmt: skip
        architecture = self.method if self.protocol == "supervised" else "regressor"
        return FittedNetwork(trained, architecture, self.features)


def auxiliary(features: str, places: Places) -> np.ndarray | None:
    """What the head reads besides images, (n, d) in the units of ``FEATURE_SETS``; or nothing."""
    return FEATURE_SETS[features](places) if features else None


@dataclass(frozen=True)
class FittedNetwork(Fitted):
    """A trained network; ``architecture`` is "regressor" or a key of ``NETWORKS``."""

    kind = "network"

    trained: Trained
    architecture: str
    features: str = ""

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        places.require(self.trained.modalities)
        inputs = inputs_of(places)
        held = np.logical_and.reduce([inputs.has(name) for name in self.trained.modalities])
        found = np.full(len(places), np.nan)
        if held.any():
            beside = auxiliary(self.features, places)
            values = self.trained.predict(inputs, np.flatnonzero(held), beside)
            found[held] = values if values.ndim == 1 else values[:, 0]
        return found

    def state(self) -> State:
        """Architecture, normalisation, scale and weights."""
        about: dict[str, Any] = {
            "architecture": self.architecture,
            "features": self.features,
            "targets": int(np.size(self.trained.scale.centre)),
            "modalities": list(self.trained.modalities),
            "sizes": self.trained.sizes.model_dump(mode="json"),
            "statistics": self.trained.statistics.to_dict(),
            "scale": self.trained.scale.to_dict(),
        }
        arrays = {**tensors_of(self.trained.model, PREFIX), "known": self.trained.known}
        if (scaling := self.trained.scaling) is not None:
            arrays |= {"scaling.mean": scaling.mean, "scaling.spread": scaling.spread}
        return about, arrays

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> FittedNetwork:
        """The inverse of :meth:`state`."""
        sizes, modalities = Sizes.model_validate(about["sizes"]), tuple(about["modalities"])
        scaling = None
        if about["features"]:
            scaling = Scaling(arrays["scaling.mean"], arrays["scaling.spread"])
        beside = 0 if scaling is None else len(scaling.mean)
        model = unfilled(
            lambda: _make(about["architecture"], sizes, modalities, about["targets"], beside)
        )
        fill(model, arrays, PREFIX)
        model = model.to(memory_format=torch.channels_last)  # as it was trained
        trained = Trained(
            model.to(device()).eval(), Statistics.from_dict(about["statistics"]), sizes, modalities,
            Scale.from_dict(about["scale"]), arrays["known"], scaling,
        )  # fmt: skip
        return cls(trained, about["architecture"], about["features"])


def _make(
    architecture: str, sizes: Sizes, modalities: tuple[str, ...], targets: int, beside: int
) -> nn.Module:
    if architecture == "regressor":
        return Regressor(Encoders(sizes, modalities), modalities, beside)
    return NETWORKS[architecture].make(sizes, targets, beside)
