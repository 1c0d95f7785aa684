"""The mean, and two ceilings that read the truth of a simulated archive: bounds of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
from sklearn.ensemble import ExtraTreesRegressor

from mmaq.base.errors import ArchiveError, Unavailable
from mmaq.contracts.archive import TRUTH, has_collection, read_product
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training

INPUT = "input_"
REMEDY = "Run `mmaq simulate` again"
FOREST: dict[str, Any] = {"n_estimators": 200, "min_samples_leaf": 2, "max_features": 0.5}


@dataclass(frozen=True)
class Mean(Estimator):
    """The mean of the training stations."""

    def fit(self, train: Training, *, seed: int) -> Constant:
        """Take the mean."""
        return Constant(float(train.target.mean()))


@dataclass(frozen=True)
class Constant(Fitted):
    """One concentration everywhere, ug/m3."""

    kind = "constant"

    value: float

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        return np.full(len(places), self.value)

    def state(self) -> State:
        """The value."""
        return {"value": self.value}, {}

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Constant:
        """The inverse of :meth:`state`."""
        return cls(about["value"])


@dataclass(frozen=True, kw_only=True)
class Truth(Estimator):
    """The true field at the station: what is left is the noise of the measurement."""

    archive: Path | None = None
    modalities: str = "truth"

    def fit(self, train: Training, *, seed: int) -> KnownTruth:
        """Nothing is fitted."""
        return KnownTruth(self.archive)


@dataclass(frozen=True, kw_only=True)
class TrueInputs(Estimator):
    """A forest on the true local fields that the inputs can at best reveal."""

    archive: Path | None = None
    modalities: str = "truth"

    def fit(self, train: Training, *, seed: int) -> KnownTruth:
        """Fit the forest to the fields at the training stations."""
        inputs = _fields(self.archive, train.places)
        forest = ExtraTreesRegressor(**FOREST, random_state=seed).fit(inputs, train.target)
        return KnownTruth(self.archive, forest)


@dataclass(frozen=True)
class KnownTruth(Fitted):
    """The truth, or what a forest makes of its fields. It has no file: no real place has these."""

    kind = "truth"

    archive: Path | None
    forest: ExtraTreesRegressor | None = field(default=None, repr=False)

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        if self.forest is not None:
            return np.asarray(self.forest.predict(_fields(self.archive, places)))
        known = read_truth(self.archive, places.table["site_id"].to_numpy())
        return known["no2_true"].to_numpy(float)

    def state(self) -> State:
        """Raises ``Unavailable``."""
        raise Unavailable("the truth is known of simulated sites alone and cannot be taken along")

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> KnownTruth:
        """Raises ``Unavailable``."""
        raise Unavailable("the truth is known of simulated sites alone")


def _fields(archive: Path | None, places: Places) -> np.ndarray:
    def make(whole: Places) -> np.ndarray:
        known = read_truth(archive, whole.table["site_id"].to_numpy())
        return known.filter(like=INPUT).to_numpy(float)

    return places.block("truth", make)


def read_truth(archive: Path | None, site_id: np.ndarray) -> pd.DataFrame:
    """``no2_true`` (ug/m3) and the ``input_*`` columns of the given stations, in their order.

    Raises:
        Unavailable: the archive holds no truth, as that of any real data set.
        ArchiveError: the table cannot be read, lacks a column or does not know a station.
    """
    if archive is None or not has_collection(archive, TRUTH):
        raise Unavailable("the truth of these data is not known")
    asset = read_product(archive, TRUTH, "truth").asset("stations")
    asset.verify()
    try:
        table = pd.read_parquet(asset.path)
    except (arrow.ArrowInvalid, OSError) as fault:
        raise ArchiveError(asset.path, f"not a Parquet file ({fault})", REMEDY) from None
    inputs = [name for name in table if str(name).startswith(INPUT)]
    for name in ("site_id", "no2_true"):
        if name not in table:
            raise ArchiveError(asset.path, f"column {name!r} is missing", REMEDY)
    if not inputs:
        raise ArchiveError(asset.path, f"no column begins with {INPUT!r}", REMEDY)
    table = table.set_index("site_id")
    missing = [site for site in site_id if site not in table.index]
    if missing:
        raise ArchiveError(asset.path, f"station {missing[0]!r} is not in it", REMEDY)
    return table.loc[site_id, ["no2_true", *inputs]].reset_index(drop=True)
