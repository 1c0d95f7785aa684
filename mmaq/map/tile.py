"""One tile of a map: its cells cut from the archive as sites are, and the estimator asked there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from mmaq.base.files import replacing
from mmaq.config.data import Landuse, Patches
from mmaq.contracts.patches import PatchStore, open_store
from mmaq.contracts.sites import read_sites
from mmaq.estimators.base import Places
from mmaq.learn.devices import limited_threads
from mmaq.map.distribution import chances
from mmaq.map.grid import MapGrid, Square
from mmaq.predict.at import cut_places
from mmaq.predict.stage import Loaded, answer, load
from mmaq.statistics.applicability import Applicability
from mmaq.vocabulary import POLLUTANTS, TYPES


@dataclass(frozen=True)
class Asked:
    """What every tile of a map is made from.

    Attributes:
        grid: the cells.
        archive: contract 1.
        l3: the level-3 mean; None where there is no Sentinel-5P.
        estimator: contract 6.
        siting: type of the station that a cell stands for.
        limits: concentrations whose exceedance is mapped, ug/m3.
        landuse, patches: how a site is described and cut.
        threads: of torch and of linear algebra.
        folder: where tiles lie.
    """

    grid: MapGrid
    archive: Path
    l3: Path | None
    estimator: Path
    siting: str
    limits: tuple[float, ...]
    landuse: Landuse
    patches: Patches
    threads: int
    folder: Path

    def path(self, tile: Square) -> Path:
        """The file of a tile: float32 (bands, rows, columns), NaN where nothing is mapped."""
        return self.folder / f"{tile.row}_{tile.column}.npy"


def make_tile(asked: Asked, tile: Square) -> None:
    """Write a tile, whole or not at all.

    Raises:
        MmaqError: an input is missing or damaged.
    """
    cells = asked.grid.cells(tile)
    pollutant, tiers = _loaded(asked.estimator)
    values = np.full((len(asked.limits) + 5, tile.rows, tile.columns), np.nan, np.float32)
    if len(cells):
        with TemporaryDirectory(dir=asked.folder, prefix=".cut") as folder:
            places, store = _cut(asked, cells, Path(folder))
            with limited_threads(asked.threads):
                for batch in asked.grid.batches(tile):
                    rows = _within(cells, batch)
                    if len(rows):
                        here = Places(places.iloc[rows], store)
                        found = _ask(tiers, here, pollutant, asked.limits)
                        at = cells.iloc[rows]
                        values[:, at["row"] - tile.row, at["column"] - tile.column] = found
    with replacing(asked.path(tile)) as temporary:
        np.save(temporary, values)


@cache
def _loaded(estimator: Path) -> tuple[str, list[Loaded]]:
    return load(estimator)


def _cut(asked: Asked, cells: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, PatchStore]:
    """The cells as sites: what maps say of them, with their type, and their patches."""
    known = cells[["site_id", "lon", "lat"]].assign(
        **{name: float(name == asked.siting) for name in TYPES}
    )
    table, store = cut_places(
        archive=asked.archive, l3=asked.l3, places=known, landuse=asked.landuse,
        config=asked.patches, folder=folder,
    )  # fmt: skip
    return read_sites(table).drop(columns=list(POLLUTANTS)), open_store(store)


def _within(cells: pd.DataFrame, batch: Square) -> np.ndarray:
    """Positions of the cells of a batch."""
    down, right = cells["row"] - batch.row, cells["column"] - batch.column
    inside = (down >= 0) & (down < batch.rows) & (right >= 0) & (right < batch.columns)
    return np.flatnonzero(inside)


def _ask(
    tiers: list[Loaded], places: Places, pollutant: str, limits: tuple[float, ...]
) -> np.ndarray:
    """The bands of n places, (bands, n)."""
    places = Places(places.table.reset_index(drop=True), places.store)
    answers, which = answer(tiers, places, pollutant)
    found = np.full((len(limits) + 5, len(places)), np.nan)
    found[:3], found[3:-2] = answers, chances(answers[0], answers[2], limits)
    found[-1] = which + 1
    for position in range(len(tiers)):
        rows = np.flatnonzero(which == position)
        if len(rows):
            found[-2, rows] = _dissimilarity(tiers[position:], places.take(rows))
    return found


def _dissimilarity(tiers: list[Loaded], places: Places) -> np.ndarray:
    """Dissimilarity index of places over its threshold, (n,): above 1 an estimator guesses.

    It is that of the first tier that knows how much each of its inputs counts: a linear probe does
    not, and then the trees that answer where there is no image say how unlike the land is. NaN
    where no tier knows.
    """
    for fitted, _, tier in tiers:
        if tier.similarity:
            known = Applicability.from_state(tier.similarity)
            return known.dissimilarity(fitted.similarity(places)[0]) / known.threshold
    return np.full(len(places), np.nan)
