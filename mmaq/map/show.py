"""What lies beside a map: its STAC item and a picture, and a page with how far it is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from mmaq.base.files import replacing
from mmaq.config.data import Period
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.archive import GAIN_PROPERTY, Product
from mmaq.contracts.estimator import Tier
from mmaq.contracts.sites import read_sites, stations
from mmaq.map.bands import Band
from mmaq.map.grid import MapGrid
from mmaq.map.item import write_item
from mmaq.map.measured import at_stations, distances
from mmaq.map.page import TRUTH, Page, stride_of, write_page
from mmaq.map.picture import write_picture
from mmaq.map.truth import FIGURES, cell_means, compare


def depict(
    raster: Path,
    area: str,
    grid: MapGrid,
    bands: Sequence[Band],
    period: Period,
    about: Mapping[str, str],
    truth: Product | None,
) -> None:
    """Write a map's picture and STAC item beside it.

    Args:
        raster: the map.
        area: its name.
        grid, bands: its cells and bands.
        period: of the images.
        about: what the map says of itself.
        truth: the item of the true concentration of an area, where there is one.
    """
    names = [band.name for band in bands]
    stride = stride_of(grid.rows, grid.columns, len(bands))
    values, picture = read_map(raster, stride), raster.with_suffix(".png")
    beyond = values[names.index("dissimilarity")] > 1.0
    title = f"{names[0].upper()}, {area}\n{period.start} to {period.end}"
    true = _true_cells(truth, grid)
    true = None if true is None else true[::stride, ::stride]
    write_picture(picture, values[0], beyond, true, title, grid.resolution * stride)
    write_item(raster.with_suffix(".json"), raster, grid, bands, period, about, picture)


def explain(
    page: Path,
    raster: Path,
    area: str,
    grid: MapGrid,
    tiers: Sequence[Tier],
    period: Period,
    sites: Path,
    truth: Product | None,
    table: Path | None,
    exposed: Path | None,
    compared: Path | None,
    evaluate: Evaluate,
) -> None:
    """Write the page of a map, and how far it is from the truth.

    Args:
        page: the file to write.
        raster: the map.
        area: its name.
        grid: its cells.
        tiers: of its estimator.
        period: of the images.
        sites: contract 2.
        truth: the item of the true concentration of an area, where there is one.
        table: contract 5, where the estimator has a row in one.
        exposed: the table of the stage ``exposure``, where there is one.
        compared: where the comparison with the truth is written (CSV), without a row where that is
            not known; None of a country that is not simulated.
        evaluate: how the benchmark splits stations.
    """
    with rasterio.open(raster) as file:
        about = file.tags()
        bands = [
            Band(name, unit, file.tags(number)["about"])
            for number, (name, unit) in enumerate(
                zip(file.descriptions, file.units, strict=True), 1
            )
        ]  # fmt: skip
    names, first = [band.name for band in bands], tiers[0]
    stride = stride_of(grid.rows, grid.columns, len(bands) + len(TRUTH))
    values, comparison, measured = read_map(raster, stride), None, None
    true = _true_cells(truth, grid)
    if truth is not None and true is not None:
        gain = float(truth.properties.get(GAIN_PROPERTY, 0.0))
        comparison = compare(read_map(raster, 1), names, true, gain)
        coarse = true[::stride, ::stride]
        values, bands = np.concatenate([values, [coarse, values[0] - coarse]]), [*bands, *TRUTH]
    if compared is not None:
        unknown = pd.DataFrame(columns=["part", "cells", *FIGURES])
        with replacing(compared) as temporary:
            (unknown if comparison is None else comparison).to_csv(
                temporary, index=False, float_format="%.4f"
            )
    if table is not None:
        measured = at_stations(table, names[0], first, about["siting"])
    known = read_sites(sites)
    mapped = grid.degrees(*(stride * np.argwhere(np.isfinite(values[0])).T))
    write_page(
        page,
        Page(
            grid, stride, bands, values, _stations(known, names[0]),
            {number: tier.inputs or "nothing" for number, tier in enumerate(tiers, 1)},
            {
                "area": area, "pollutant": names[0].upper().replace("NO2", "NO₂"),
                "method": f"{first.method} ({first.protocol})",
                "period": f"{period.start} to {period.end}",
            },
            first.stations, _facts(about, grid), comparison, measured,
            None if exposed is None else pd.read_csv(exposed),
            distances(known, evaluate, mapped) if "knndm" in evaluate.splits else None,
        ),
    )  # fmt: skip


def _true_cells(truth: Product | None, grid: MapGrid) -> np.ndarray | None:
    """True means of the cells, (rows, columns) in ug/m3; None where no cell has one."""
    if truth is None:
        return None
    means = cell_means(truth.asset("no2").path, grid)[0]
    return means if np.isfinite(means).any() else None


def read_map(raster: Path, stride: int) -> np.ndarray:
    """Every ``stride``-th cell of all bands, float64 (bands, rows, columns)."""
    with rasterio.open(raster) as file:
        if stride == 1:
            return file.read().astype(float)
        rows = [file.read(window=((row, row + 1), (0, file.width)))[:, 0, ::stride]
                for row in range(0, file.height, stride)]  # fmt: skip
        return np.stack(rows, axis=1).astype(float)


def _stations(sites: pd.DataFrame, pollutant: str) -> pd.DataFrame:
    known = stations(sites, pollutant)
    return known[["site_id", "lon", "lat"]].assign(measured=known[pollutant])


def _facts(about: Mapping[str, str], grid: MapGrid) -> list[tuple[str, str]]:
    words = {
        "siting": "A cell stands for a station of type", "sources": "Sources",
        "estimator": "Estimator, SHA-256",
    }  # fmt: skip
    told = [(text, about[name]) for name, text in words.items()]
    return [*told, ("Reference system", f"EPSG:{grid.epsg}, cells of {grid.resolution:g} m")]
