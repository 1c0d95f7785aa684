"""The mean, and two ceilings that read the truth of a simulated archive: bounds of the table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mmaq.base.errors import ArchiveError, Unavailable
from mmaq.base.files import reading
from mmaq.contracts.archive import TRUTH, has_collection, read_product
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.boosting import lightgbm
from mmaq.estimators.features import coordinates, land_use_logarithmic
from mmaq.estimators.geostatistics import KnownFeatures, likeliest
from mmaq.estimators.kriging import Known, Stations, krige
from mmaq.estimators.trees import BOOSTING, ENSEMBLE, ask, grow

INPUT = "input_"
REMEDY = "Run `mmaq simulate` again"


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


@dataclass(frozen=True)
class KnownTruth(Fitted):
    """The true field. It has no file: no real place has it."""

    kind = "truth"

    archive: Path | None

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        known = read_truth(self.archive, places.table["site_id"].to_numpy())
        return known["no2_true"].to_numpy(float)

    def state(self) -> State:
        """Raises ``Unavailable``."""
        raise Unavailable("the truth is known of simulated sites alone and cannot be taken along")

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> KnownTruth:
        """Raises ``Unavailable``."""
        raise Unavailable("the truth is known of simulated sites alone")


@dataclass(frozen=True, kw_only=True)
class TrueInputs(Estimator):
    """What the best models here make of the true local fields that inputs can at best reveal.

    The mean of boosted trees and of kriging with covariates, both of the square root of the
    concentration, on the true fields, the land-use table and coordinates.
    """

    archive: Path | None = None
    modalities: str = "truth+table"
    calibrated: bool = False

    def fit(self, train: Training, *, seed: int) -> FromTrueInputs:
        """Fit both to the training stations."""
        values, root = _fields(self.archive, train.places), np.sqrt(train.target)
        known = KnownFeatures.of(values)
        stations = Stations(known.apply(values), coordinates(train.places))
        with threadpool_limits(1):
            field = krige(likeliest(stations, root, seed), stations, root)
            grown = grow(np.hstack([values, stations.places]), root, seed, BOOSTING, ENSEMBLE)
        return FromTrueInputs(self.archive, known, field, grown)


@dataclass(frozen=True)
class FromTrueInputs(Fitted):
    """Trees and kriging on the true fields. It has no file: no real place has these."""

    kind = "true_inputs"

    archive: Path | None
    known: KnownFeatures
    field: Known
    grown: list[lightgbm.Booster]

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        values, where = _fields(self.archive, places), coordinates(places)
        with threadpool_limits(1):
            trees = ask(self.grown, np.hstack([values, where]))
            field = self.field.mean(Stations(self.known.apply(values), where))
        return (np.maximum(trees, 0.0) ** 2 + np.maximum(field, 0.0) ** 2) / 2.0

    def state(self) -> State:
        """Raises ``Unavailable``."""
        raise Unavailable("the truth is known of simulated sites alone and cannot be taken along")

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> FromTrueInputs:
        """Raises ``Unavailable``."""
        raise Unavailable("the truth is known of simulated sites alone")


def _fields(archive: Path | None, places: Places) -> np.ndarray:
    """True fields, distances and traffic as logarithms and roots, beside the table: (n, k + 8)."""

    def make(whole: Places) -> np.ndarray:
        known = read_truth(archive, whole.table["site_id"].to_numpy()).filter(like=INPUT)
        for name in known:
            if "traffic" in name:
                known[name] = np.sqrt(known[name])
            elif "distance" in name or "population" in name:
                known[name] = np.log1p(known[name])
        return known.to_numpy(float)

    return np.hstack([places.block("truth", make), land_use_logarithmic(places)])


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
    with reading(asset.path, ArchiveError, "not a Parquet file", REMEDY):
        table = pd.read_parquet(asset.path)
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
