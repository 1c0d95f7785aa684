"""Boosted trees: on the table, on maps, on statistics of pixels, on an encoder's embedding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.boosting import lightgbm
from mmaq.estimators.features import FEATURE_SETS, lacks_images, land_use
from mmaq.statistics.ridge import Scaling, join_scaling

if TYPE_CHECKING:
    from mmaq.estimators.encoders import Embedder, Pretrained

BOOSTING: dict[str, Any] = {
    "learning_rate": 0.05, "num_iterations": 200, "num_leaves": 15, "min_data_in_leaf": 10,
    "feature_fraction_bynode": 0.5,
}  # fmt: skip
"""The same for every data set, split and fold, and of up to ``MANY`` features: a slow rate, small
trees, half of the features at each node. Of the half-dozen plausible settings tried by
cross-validation on the real stations these are no more than 0.01 in R2 from the best; none was
tried on simulated ones."""

MANY = 40
FIFTH: dict[str, Any] = {"feature_fraction_bynode": 1.0, "feature_fraction": 0.2}
"""Of more than ``MANY`` features each tree is given a fifth: a third of the time, and R2 on random
folds and blocks of 0.903 and 0.873 for 0.903 and 0.876 (simulated country of seed 2)."""

RANDOM: dict[str, Any] = {"extra_trees": True, "learning_rate": 0.1}
"""Of more than ``MANY`` features a branch is the best of one random threshold a feature, at twice
the rate (Geurts, Ernst and Wehenkel 2006, Extremely randomized trees; LightGBM's ``extra_trees``):
better in two thirds of the time. Few features, coordinates among them, lose by it
(docs/evaluation.md)."""

COARSE: dict[str, Any] = {"max_bin": 63}
MEDIUM: dict[str, Any] = {"max_bin": 95}
"""In place of LightGBM's 255 bins a feature, which take twice as long: 63 for trees on few features
whose errors alone count, 95 for all trees on more than ``MANY``. Trees on few features predict with
all bins: with 95 those on the table lose 0.004 to 0.012 in R2 on the real stations, where those on
many lose nothing on simulated ones (docs/evaluation.md)."""

FIXED: dict[str, Any] = {
    # On a thousand stations threads gain little, and on a busy machine they wait for each other
    # at every node of every tree; the rest keeps the same trees on every run.
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    "data_random_seed": 1,  # a run's own would forbid it the bins of another
}  # fmt: skip
ENSEMBLE = 3
"""Runs of boosted trees, each with its own draws of features, whose predictions are averaged."""
COMPONENTS = 16
"""Principal components of an embedding that the trees see: trees cannot add up hundreds of
columns of which each says little."""


def grow(
    x: np.ndarray, y: np.ndarray, seed: int, settings: dict[str, Any], runs: int
) -> list[lightgbm.Booster]:
    """Fit boosted trees to (n, d) and (n,) several times; what is missing here is a branch."""
    return grow_on(in_bins(x, y, settings), seed, settings, runs)


def in_bins(x: np.ndarray, y: np.ndarray, settings: dict[str, Any]) -> lightgbm.Dataset:
    """Features, (n, d), in the bins among which trees look for a branch, and the target, (n,).

    To make them takes as long as several trees; ``subset`` of it has the same bins.
    """
    return lightgbm.Dataset(x, y, params={**settings, **FIXED}).construct()


def grow_on(
    data: lightgbm.Dataset, seed: int, settings: dict[str, Any], runs: int
) -> list[lightgbm.Booster]:
    """Fit boosted trees to what :func:`in_bins` made with the same settings, several times."""
    states = np.random.SeedSequence(seed).generate_state(runs)
    # LightGBM's seed is a signed integer of 32 bits.
    seeds = [int(state) & 0x7FFFFFFF for state in states]
    return [lightgbm.train({**settings, **FIXED, "seed": one}, data) for one in seeds]


NO_MEDIANS = np.array(np.nan)
"""Of trees whose file is older than the medians."""


def medians_of(x: np.ndarray) -> np.ndarray:
    """Median of each column of training features (n, d), (d,); NaN where a value is missing."""
    return np.asarray(np.median(x, axis=0))


def filled(x: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Features (m, d), with the training median in place of a value that only they lack.

    A tree has a branch for what is missing where training lacked it, too. Of any other feature
    LightGBM would take the missing value for 0.

    Args:
        x: of the places that are asked.
        medians: what :func:`medians_of` gives of the training features, (d,).
    """
    return np.where(np.isnan(x), medians, x)


def ask(grown: list[lightgbm.Booster], x: np.ndarray) -> np.ndarray:
    """The mean of several runs' predictions for (m, d) that are :func:`filled`, (m,)."""
    runs = [booster.predict(x, num_threads=1) for booster in grown]
    return np.asarray(np.mean(runs, axis=0))


def importance(grown: list[lightgbm.Booster]) -> np.ndarray:
    """How much each feature lowers the squared error, (d,), summed over all trees; the largest 1.

    All alike where no tree has a branch.
    """
    gain = np.sum([booster.feature_importance("gain") for booster in grown], axis=0)
    return gain / gain.max() if gain.any() else np.ones(len(gain))


def text_of(grown: list[lightgbm.Booster], name: str) -> dict[str, np.ndarray]:
    """The trees in LightGBM's text form, as bytes by name."""
    texts = [booster.model_to_string().encode() for booster in grown]
    return {f"{name}.{run}": np.frombuffer(text, np.uint8) for run, text in enumerate(texts)}


def from_text(arrays: dict[str, np.ndarray], name: str) -> list[lightgbm.Booster]:
    """The inverse of :func:`text_of`.

    Raises:
        LightGBMError, ValueError: it is no such text; LightGBM itself would crash on some.
    """
    runs = sorted(
        (key for key in arrays if key.startswith(f"{name}.")),
        key=lambda key: int(key.rpartition(".")[2]),
    )
    texts = [arrays[key].tobytes().decode("ascii") for key in runs]
    if not all(line.isprintable() for text in texts for line in text.split("\n")):
        raise ValueError("the trees are no text")
    return [lightgbm.Booster(model_str=text) for text in texts]


def as_wide(settings: dict[str, Any], x: np.ndarray) -> dict[str, Any]:
    """Settings for the features of (n, d), of which there may be many."""
    return {**settings, **FIFTH} if x.shape[1] > MANY else settings


def _grow(x: np.ndarray, y: np.ndarray, seed: int, draft: bool) -> list[lightgbm.Booster]:
    own = {**MEDIUM, **RANDOM} if x.shape[1] > MANY else COARSE if draft else {}
    return grow(x, y, seed, as_wide({**BOOSTING, **own}, x), 1 if draft else ENSEMBLE)


@dataclass(frozen=True, kw_only=True)
class Trees(Estimator):
    """Boosted trees on one of ``FEATURE_SETS``: the mean of several runs, or one coarse run."""

    features: str = "table"
    coarse: bool = False

    @property
    def draft(self) -> Trees:
        """One coarse run."""
        return replace(self, coarse=True)

    def fit(self, train: Training, *, seed: int) -> FittedTrees:
        """Grow the trees."""
        inputs = FEATURE_SETS[self.features](train.places)
        grown = _grow(inputs, train.target, seed, self.coarse)
        return FittedTrees(self.features, grown, medians_of(inputs))


@dataclass(frozen=True)
class FittedTrees(Fitted):
    """Grown trees, the name of the features that they read, and the medians of these, (d,)."""

    kind = "trees"

    features: str
    grown: list[lightgbm.Booster]
    medians: np.ndarray

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        found = ask(self.grown, filled(FEATURE_SETS[self.features](places), self.medians))
        return np.where(lacks_images([self.features], places), np.nan, found)

    def similarity(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """The features, (n, d), and how much each lowers the error."""
        return FEATURE_SETS[self.features](places), importance(self.grown)

    def state(self) -> State:
        """The trees as text, and the medians."""
        arrays = {**text_of(self.grown, "trees"), "medians": self.medians}
        return {"features": self.features}, arrays

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> FittedTrees:
        """The inverse of :meth:`state`."""
        medians = arrays.get("medians", NO_MEDIANS)
        return cls(about["features"], from_text(arrays, "trees"), medians)


@dataclass(frozen=True, kw_only=True)
class EmbeddingTrees(Estimator):
    """Boosted trees on principal components of an encoder's embedding and on the table.

    Modalities have equal variance before the rotation, which is fitted to the training stations.
    """

    encoder: Pretrained
    coarse: bool = False

    @property
    def draft(self) -> EmbeddingTrees:
        """One coarse run."""
        return replace(self, coarse=True)

    def fit(self, train: Training, *, seed: int) -> FittedEmbeddingTrees:
        """Rotate the embeddings and grow the trees."""
        embedder = self.encoder.embedder(train.places, seed)
        values = embedder.embed(train.places)
        scaling = join_scaling(values)
        features = scaling.apply(np.hstack(values))
        rotation = PCA(min(COMPONENTS, *features.shape), random_state=seed).fit(features)
        centre, components = rotation.mean_, rotation.components_
        inputs = np.hstack([(features - centre) @ components.T, land_use(train.places)])
        grown = _grow(inputs, train.target, seed, self.coarse)
        medians = medians_of(inputs)
        return FittedEmbeddingTrees(embedder, scaling, centre, components, grown, medians)


@dataclass(frozen=True)
class FittedEmbeddingTrees(Fitted):
    """Encoders, scaling, rotation, (d,) and (k, d), grown trees, and medians of what they see."""

    kind = "embedding_trees"

    embedder: Embedder
    scaling: Scaling
    centre: np.ndarray
    components: np.ndarray
    grown: list[lightgbm.Booster]
    medians: np.ndarray

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        inputs, held = self._inputs(places)
        return np.where(held, ask(self.grown, filled(inputs, self.medians)), np.nan)

    def similarity(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """Components of the embedding and land use, (n, d), and how much each lowers the error."""
        return self._inputs(places)[0], importance(self.grown)

    def _inputs(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """What the trees see, (n, d), and which places have all images, (n,)."""
        values = np.hstack(self.embedder.embed(places))
        rotated = (self.scaling.apply(values) - self.centre) @ self.components.T
        return np.hstack([rotated, land_use(places)]), np.isfinite(values).all(axis=1)

    def state(self) -> State:
        """Encoders, scaling, rotation, trees and medians."""
        about, arrays = self.embedder.state()
        own = {
            "scaling.mean": self.scaling.mean, "scaling.spread": self.scaling.spread,
            "centre": self.centre, "components": self.components, "medians": self.medians,
        }  # fmt: skip
        return about, {**arrays, **own, **text_of(self.grown, "trees")}

    @classmethod
    def from_state(
        cls, about: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> FittedEmbeddingTrees:
        """The inverse of :meth:`state`."""
        # late: it needs torch, which takes seconds to import, and trees on tables do not
        from mmaq.estimators.encoders import Embedder

        scaling = Scaling(arrays["scaling.mean"], arrays["scaling.spread"])
        return cls(
            Embedder.from_state(about, arrays), scaling, arrays["centre"], arrays["components"],
            from_text(arrays, "trees"), arrays.get("medians", NO_MEDIANS),
        )  # fmt: skip
