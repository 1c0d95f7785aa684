"""What lies beside a map: its STAC item, a picture, a page, and how far it is from the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from mmaq.base.files import replacing
from mmaq.config.data import Period
from mmaq.contracts.archive import Product
from mmaq.contracts.estimator import Tier
from mmaq.contracts.sites import read_sites, stations
from mmaq.map.bands import Band
from mmaq.map.grid import MapGrid
from mmaq.map.item import write_item
from mmaq.map.page import TRUTH, Page, stride_of, write_page
from mmaq.map.picture import write_picture
from mmaq.map.truth import cell_means, compare


def show(
    raster: Path,
    area: str,
    grid: MapGrid,
    bands: Sequence[Band],
    tiers: Sequence[Tier],
    period: Period,
    about: Mapping[str, str],
    sites: Path,
    truth: Product | None,
) -> None:
    """Write all that belongs to a map beside it.

    Args:
        raster: the map.
        area: its name.
        grid, bands: its cells and bands.
        tiers: of its estimator.
        period: of the images.
        about: what the map says of itself.
        sites: contract 2.
        truth: the item of the true concentration of an area, where there is one.
    """
    names = [band.name for band in bands]
    comparison, true = None, None
    if truth is not None:
        true = cell_means(truth.asset("no2").path, grid)[0]
        if np.isfinite(true).any():
            comparison = compare(_read(raster, 1), names, true)
            with replacing(raster.with_name(f"{raster.stem}_truth.csv")) as temporary:
                comparison.to_csv(temporary, index=False, float_format="%.4f")
    stride = stride_of(grid.rows, grid.columns, len(bands) + len(TRUTH))
    values, shown = _read(raster, stride), list(bands)
    picture, page, item = (raster.with_suffix(each) for each in (".png", ".html", ".json"))
    beyond = values[names.index("dissimilarity")] > 1.0
    title = f"{names[0].upper()}, {area}, {period.start} to {period.end}"
    write_picture(picture, values[0], beyond, title, grid.resolution * stride)
    if comparison is not None and true is not None:
        coarse = true[::stride, ::stride]
        values = np.concatenate([values, [coarse, values[0] - coarse]])
        shown += TRUTH
    first = tiers[0]
    write_page(
        page,
        Page(
            grid, stride, shown, values, _stations(sites, names[0]),
            {number: tier.inputs or "nothing" for number, tier in enumerate(tiers, 1)},
            {
                "area": area, "pollutant": names[0].upper().replace("NO2", "NO₂"),
                "method": f"{first.method} ({first.protocol})",
                "period": f"{period.start} to {period.end}",
            },
            first.stations, _facts(about, grid), comparison,
        ),
    )  # fmt: skip
    write_item(item, raster, grid, bands, period, about, {"thumbnail": picture, "overview": page})


def _read(raster: Path, stride: int) -> np.ndarray:
    """Every ``stride``-th cell of all bands, float64 (bands, rows, columns)."""
    with rasterio.open(raster) as file:
        if stride == 1:
            return file.read().astype(float)
        rows = [file.read(window=((row, row + 1), (0, file.width)))[:, 0, ::stride]
                for row in range(0, file.height, stride)]  # fmt: skip
        return np.stack(rows, axis=1).astype(float)


def _stations(sites: Path, pollutant: str) -> pd.DataFrame:
    known = stations(read_sites(sites), pollutant)
    return known[["site_id", "lon", "lat"]].assign(measured=known[pollutant])


def _facts(about: Mapping[str, str], grid: MapGrid) -> list[tuple[str, str]]:
    words = {"estimator": "Estimator, SHA-256", "siting": "A cell stands for a station of type"}
    told = [(words.get(name, name.capitalize()), text) for name, text in about.items()]
    return [*told, ("Reference system", f"EPSG:{grid.epsg}, cells of {grid.resolution:g} m")]
