"""Linear models and neighbours: on the land-use table, and on embeddings of frozen encoders.

Features are blocks, one a modality, all with equal variance in total. Whatever is estimated, the
standardisation included, comes from the training stations. The table encoder is not probed: the
paper does not use it downstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.features import FEATURE_SETS, lacks_images
from mmaq.statistics.ridge import Scaling, Solution, join_scaling, solve_ridge
from mmaq.statistics.splits import labelled

if TYPE_CHECKING:
    from mmaq.estimators.encoders import Embedder, Pretrained

NEIGHBOURS = (3, 5, 10, 20, 40, 80)
"""Candidates for the number of neighbours."""

TABLE = ("table_log",)
"""The features of the table that linear models read."""


@dataclass(frozen=True)
class Blocks:
    """What a linear model reads: embeddings, features of the table, or both.

    Attributes:
        embedder: of the images; None for none.
        images: the modalities whose embeddings count; all of the embedder's where None.
        apart: whether each image is a block of its own, or all of them one.
        features: names of ``FEATURE_SETS``, a block each.
    """

    embedder: Embedder | None = None
    images: tuple[str, ...] | None = None
    apart: bool = False
    features: tuple[str, ...] = ()

    def read(self, places: Places) -> list[np.ndarray]:
        """The blocks, (n, width) each; a row is NaN where a place lacks an image."""
        blocks: list[np.ndarray] = []
        if self.embedder is not None:
            parts = self.embedder.embed(places)
            if self.images is not None:
                parts = [parts[self.embedder.modalities.index(name)] for name in self.images]
            blocks = parts if self.apart else [np.hstack(parts)]
        return blocks + [FEATURE_SETS[name](places) for name in self.features]

    def state(self) -> State:
        """What to read, and the encoders to read it with."""
        about = {"images": self.images, "apart": self.apart, "features": list(self.features)}
        if self.embedder is None:
            return about, {}
        encoders, arrays = self.embedder.state()
        return {**about, "embedder": encoders}, arrays

    @classmethod
    def from_state(cls, about: dict, arrays: dict[str, np.ndarray]) -> Blocks:
        """The inverse of :meth:`state`."""
        images = None if about["images"] is None else tuple(about["images"])
        embedder = None
        if "embedder" in about:
            # late: it needs torch, which takes seconds to import, and the table does not
            from mmaq.estimators.encoders import Embedder

            embedder = Embedder.from_state(about["embedder"], arrays)
        return cls(embedder, images, about["apart"], tuple(about["features"]))


@dataclass(frozen=True, kw_only=True)
class Probe(Estimator):
    """A head on the blocks of one encoder or of the table.

    With a share of the labels the standardisation still rests on all training stations: it needs
    no labels, and ten stations would make wild figures of what hardly varies among them.
    """

    encoder: Pretrained | None = None
    image: str | None = None
    """The only image that is read; None for all that the method is evaluated with."""
    features: tuple[str, ...] = ()
    apart: bool = False

    def read(self, train: Training, seed: int) -> tuple[Blocks, Scaling, np.ndarray]:
        """The blocks, their scaling by the training stations, and the scaled features."""
        embedder = None if self.encoder is None else self.encoder.embedder(train.places, seed)
        images = None if self.image is None else (self.image,)
        blocks = Blocks(embedder, images, self.apart, self.features)
        values = blocks.read(train.places)
        scaling = join_scaling(values)
        return blocks, scaling, scaling.apply(np.hstack(values))


@dataclass(frozen=True)
class Reader:
    """The scaled features of places, for a head that was fitted to such features."""

    blocks: Blocks
    scaling: Scaling

    def read(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, d), 0 where missing, and which places have every image, (n,) bool."""
        values = self.blocks.read(places)
        held = ~lacks_images(self.blocks.features, places)
        if self.blocks.embedder is not None:
            count = len(values) - len(self.blocks.features)
            known = [np.isfinite(part).all(axis=1) for part in values[:count]]
            held &= np.logical_and.reduce(known)
        return self.scaling.apply(np.hstack(values)), held

    def state(self) -> State:
        """Blocks and scaling."""
        about, arrays = self.blocks.state()
        scaling = {"scaling.mean": self.scaling.mean, "scaling.spread": self.scaling.spread}
        return about, {**arrays, **scaling}

    @classmethod
    def from_state(cls, about: dict, arrays: dict[str, np.ndarray]) -> Reader:
        """The inverse of :meth:`state`."""
        scaling = Scaling(arrays["scaling.mean"], arrays["scaling.spread"])
        return cls(Blocks.from_state(about, arrays), scaling)


class Ridge(Probe):
    """Ridge regression: the exact solution of a linear head, its penalty by leave-one-out error."""

    def fit(self, train: Training, *, seed: int) -> LinearHead:
        """Fit to the stations that keep their labels."""
        blocks, scaling, features = self.read(train, seed)
        kept = labelled(len(train), self.label_fraction, seed)
        centre = features[kept].mean(axis=0)
        found = solve_ridge(features[kept] - centre, train.target[kept])
        return LinearHead(Reader(blocks, scaling), centre, found.weights, found.intercept, found)

    def out_of_fold(self, fitted: Fitted, train: Training, *, seed: int) -> np.ndarray:
        """Each inner fold from the others, under the scaling and the penalty of all of them.

        With a share of the labels each is fitted anew.
        """
        if self.label_fraction < 1.0:
            return super().out_of_fold(fitted, train, seed=seed)
        assert isinstance(fitted, LinearHead)
        assert fitted.solution is not None  # it was fitted here, not read from a file
        _, held = fitted.reader.read(train.places)
        return np.where(held, fitted.solution.out_of_fold(train.inner(seed)), np.nan)


@dataclass(frozen=True)
class LinearHead(Fitted):
    """``intercept + (x - centre) @ weights``: (d,) each, in ug/m3.

    ``solution`` is that of its training stations; its file has none.
    """

    kind = "linear"

    reader: Reader
    centre: np.ndarray
    weights: np.ndarray
    intercept: float
    solution: Solution | None = None

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        features, held = self.reader.read(places)
        return np.where(held, (features - self.centre) @ self.weights + self.intercept, np.nan)

    def state(self) -> State:
        """Reader and coefficients."""
        about, arrays = self.reader.state()
        own = {"centre": self.centre, "weights": self.weights}
        return {**about, "intercept": self.intercept}, {**arrays, **own}

    @classmethod
    def from_state(cls, about: dict, arrays: dict[str, np.ndarray]) -> LinearHead:
        """The inverse of :meth:`state`."""
        reader = Reader.from_state(about, arrays)
        return cls(reader, arrays["centre"], arrays["weights"], about["intercept"])


class Neighbours(Probe):
    """The mean of the nearest training stations by cosine similarity of standardised embeddings.

    How many is chosen by leave-one-out error inside the training part. On vectors of length one
    the nearest by distance are the nearest by cosine.
    """

    def fit(self, train: Training, *, seed: int) -> NeighboursHead:
        """Keep the stations, and how many of them to average."""
        blocks, scaling, features = self.read(train, seed)
        features, known = normalize(features), train.target
        most = min(max(NEIGHBOURS), len(train) - 1)
        index = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(features)
        # Without an argument no station is its own neighbour.
        inside = known[index.kneighbors(return_distance=False)]
        errors = {
            count: float(np.square(inside[:, :count].mean(axis=1) - known).mean())
            for count in NEIGHBOURS
            if count <= most
        } or {most: 0.0}  # fmt: skip
        best = min(errors, key=lambda count: errors[count])
        return NeighboursHead(Reader(blocks, scaling), features, known, best)


@dataclass(frozen=True)
class NeighboursHead(Fitted):
    """Normalised features of the training stations, (n, d), their target, (n,), and how many."""

    kind = "neighbours"

    reader: Reader
    features: np.ndarray
    target: np.ndarray
    count: int

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        features, held = self.reader.read(places)
        index = NearestNeighbors(n_neighbors=self.count, algorithm="brute").fit(self.features)
        nearest = index.kneighbors(normalize(features), return_distance=False)
        return np.where(held, self.target[nearest].mean(axis=1), np.nan)

    def state(self) -> State:
        """Reader and stations."""
        about, arrays = self.reader.state()
        own = {"features": self.features, "target": self.target}
        return {**about, "count": self.count}, {**arrays, **own}

    @classmethod
    def from_state(cls, about: dict, arrays: dict[str, np.ndarray]) -> NeighboursHead:
        """The inverse of :meth:`state`."""
        reader = Reader.from_state(about, arrays)
        return cls(reader, arrays["features"], arrays["target"], about["count"])
