"""A part of a map: its cells described and cut from the archive as sites are, and the estimator
asked there.

Maps of land use are read for a sheet of tiles at once: they reach 900 km around each cell, so that
a tile costs as much to read for as a country. A sum over what lies around rounds by the places that
are asked together, so sheets, like batches, are the same squares whatever the tiles are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from mmaq.base.files import replacing
from mmaq.base.threads import limited_threads
from mmaq.config.data import Landuse, Patches
from mmaq.contracts.context import CONTEXT
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import GEO, covariates_of, read_sites
from mmaq.estimators.base import Places
from mmaq.landuse.maps import has_data
from mmaq.map.distribution import chances
from mmaq.map.grid import BATCH, MapGrid, Square
from mmaq.patches.stage import patches
from mmaq.predict.at import describe_places
from mmaq.predict.stage import Loaded, answer, check_patches, check_surroundings, load
from mmaq.statistics.applicability import Applicability
from mmaq.vocabulary import POLLUTANTS, TYPES

OF_MAPS = ("altitude", "population_density", *GEO, *CONTEXT)
"""Columns of contract 2 that maps give a cell, beside the user's own."""


@dataclass(frozen=True)
class Asked:
    """What every tile of a map is made from.

    Attributes:
        grid: the cells.
        archive: contract 1; None of a published table, which has none.
        land: a raster without data where nothing is mapped; None where every cell is.
        l3: the level-3 mean; None where there is no Sentinel-5P.
        estimator: contract 6.
        siting: type of the station that a cell stands for.
        limits: concentrations whose exceedance is mapped, ug/m3.
        landuse, patches: how a site is described and cut.
        threads: of torch and of linear algebra.
        folder: where tiles lie, and before them the site tables of their cells.
    """

    grid: MapGrid
    archive: Path | None
    land: Path | None
    l3: Path | None
    estimator: Path
    siting: str
    limits: tuple[float, ...]
    landuse: Landuse
    patches: Patches
    threads: int
    folder: Path

    def cells(self, square: Square) -> pd.DataFrame:
        """The cells of a square that are mapped, as ``MapGrid.cells`` gives them.

        Raises:
            ProductError: the raster of the land is absent or cannot be read.
        """
        cells = self.grid.cells(square)
        if self.land is None:
            return cells
        lon, lat = cells["lon"].to_numpy(), cells["lat"].to_numpy()
        return cells[has_data(self.land, lon, lat)].reset_index(drop=True)

    def path(self, tile: Square) -> Path:
        """The file of a tile: float32 (bands, rows, columns), NaN where nothing is mapped."""
        return self.folder / f"{tile.row}_{tile.column}.npy"

    def table(self, tile: Square) -> Path:
        """The site table (contract 2) of a tile's cells, which goes when the tile is there."""
        return self.path(tile).with_suffix(".parquet")


def describe_sheet(asked: Asked, sheet: Square, tiles: Sequence[Square]) -> pd.Series:
    """Write the site tables of tiles of a sheet, each with a cell in the area.

    What a map lacks is counted and not logged: hundreds of sheets would say it one by one.

    Returns:
        How many cells of the sheet lack each column that maps give, and under "cells" how many
        there are.

    Raises:
        MmaqError: a map is missing or damaged, or the estimator was fitted to other surroundings.
    """
    cells = asked.cells(sheet)
    places = cells[["site_id", "lon", "lat"]].assign(
        **{name: float(name == asked.siting) for name in TYPES}
    )
    tables = {asked.table(tile): _within(cells, tile) for tile in tiles}
    with _silent("mmaq.landuse"):
        described = describe_places(
            archive=asked.archive, places=places, landuse=asked.landuse, tables=tables
        )
    lacking = described[[*OF_MAPS, *covariates_of(described)]].isna().sum()
    return pd.concat([pd.Series({"cells": len(cells)}), lacking])


def make_tile(asked: Asked, tile: Square) -> None:
    """Write a tile, whole or not at all, from the site table of its cells.

    Raises:
        MmaqError: an input is missing or damaged, or the estimator was fitted to patches of
            another size.
    """
    cells, table = asked.cells(tile), asked.table(tile)
    pollutant, tiers = _loaded(asked.estimator)
    known = read_sites(table)
    check_surroundings(tiers, table, known)
    places = known.drop(columns=list(POLLUTANTS))
    values = np.full((len(asked.limits) + 5, tile.rows, tile.columns), np.nan, np.float32)
    with TemporaryDirectory(dir=asked.folder, prefix=".cut") as folder:
        cut = Path(folder) / "patches"
        patches(archive=asked.archive, sites=table, l3=asked.l3, config=asked.patches, out=cut,
                workers=1)  # fmt: skip
        store = open_store(cut)
        check_patches(tiers, store, asked.estimator)
        with limited_threads(asked.threads):
            for batch in asked.grid.tiles(BATCH, tile):
                rows = _within(cells, batch)
                if len(rows):
                    here = Places(places.iloc[rows], store)
                    found = _ask(tiers, here, pollutant, asked.limits)
                    at = cells.iloc[rows]
                    values[:, at["row"] - tile.row, at["column"] - tile.column] = found
    with replacing(asked.path(tile)) as temporary:
        np.save(temporary, values)
    table.unlink()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """No warnings of a part of the package for a while."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@cache
def _loaded(estimator: Path) -> tuple[str, list[Loaded]]:
    return load(estimator)


def _within(cells: pd.DataFrame, part: Square) -> np.ndarray:
    """Positions of the cells of a part of the grid."""
    down, right = cells["row"] - part.row, cells["column"] - part.column
    inside = (down >= 0) & (down < part.rows) & (right >= 0) & (right < part.columns)
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
