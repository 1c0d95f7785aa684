"""The page of a map: one file that opens offline, zooms, and reads each cell."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from pyproj import Transformer

import mmaq
from mmaq.base.files import replacing
from mmaq.map.bands import Band
from mmaq.map.grid import MapGrid
from mmaq.map.measured import MAPPED
from mmaq.map.truth import FIGURES
from mmaq.report.distances import CELLS
from mmaq.report.palette import DARK, DIVERGING, LIGHT, SEQUENTIAL, css_variables

LARGEST = 14_000_000
"""Bytes of the cells in the page; a larger map is shown as an overview."""

NONE = 65535
"""Number of a cell without a value; the others are counted from 0 in equal steps."""

TRUTH = (
    Band("truth", "ug m-3", "True mean of the simulated country over the cell"),
    Band("error", "ug m-3", "Map minus truth: orange is mapped too high, blue too low"),
)

SPLITS = {
    "random": "random folds", "blocks": "blocks", "knndm": "distance-matched folds",
    "country": "other countries", "official": "hold-out of the released code",
}  # fmt: skip

LABELS = {
    "low": "lower end", "high": "upper end", "dissimilarity": "dissimilarity",
    "inputs": "inputs", "truth": "truth", "error": "error",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        grid: cells of the map; those shown are each ``stride``-th.
        stride: cells of the map for one that is shown.
        bands: of ``values``, the concentration first.
        values: (bands, rows, columns), NaN where nothing is mapped.
        stations: site_id, lon, lat and measured concentration.
        inputs: what each number of the band ``inputs`` stands for.
        about: names for the heading: area, pollutant, method, period.
        fitted: stations that the estimator was fitted to.
        facts: what the map is made of, name and text.
        comparison: with the truth, of ``mmaq.map.truth.compare``; None where that is unknown.
        measured: the row of the benchmark table, of ``mmaq.map.measured.at_stations``; None where
            there is no table.
        exposed: what its people breathe, of ``mmaq.map.exposure``; None where nobody knows.
        distances: to the nearest training station, of ``mmaq.map.measured.distances``; None where
            the benchmark has no folds that match them.
    """

    grid: MapGrid
    stride: int
    bands: Sequence[Band]
    values: np.ndarray
    stations: pd.DataFrame
    inputs: dict[int, str]
    about: dict[str, str]
    fitted: int
    facts: Sequence[tuple[str, str]]
    comparison: pd.DataFrame | None
    measured: pd.DataFrame | None
    exposed: pd.DataFrame | None = None
    distances: pd.DataFrame | None = None


def stride_of(rows: int, columns: int, bands: int) -> int:
    """Every how many cells are shown: base64 of two bytes each must not exceed LARGEST."""
    stride = 1
    while -(-rows // stride) * -(-columns // stride) * bands * 2 * 4 / 3 > LARGEST:
        stride += 1
    return stride


def write_page(path: Path, page: Page) -> None:
    """Write the page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mmaq.map"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    data, inside = _data(page)
    text = environment.get_template("map.html.j2").render(
        **page.about, stations=page.fitted, inside=inside, facts=page.facts, stride=page.stride,
        resolution=f"{page.grid.resolution * page.stride:g}", simulated=page.comparison is not None,
        bands=[{"label": label(band), "about": _shown(band.about), "unit": _shown(band.unit)}
               for band in page.bands],
        cells=_cells(page.comparison), measured=_measured(page.measured),
        exposed=_exposed(page.exposed), distances=_distances(page.distances), data=Markup(data),
        light=css_variables(LIGHT), dark=css_variables(DARK), version=mmaq.__version__,
    )  # fmt: skip
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def label(band: Band) -> str:
    """What a button says."""
    if band.name.startswith("p_above_"):
        return f"above {band.name.removeprefix('p_above_')} µg/m³"
    return LABELS.get(band.name, band.name.upper().replace("NO2", "NO₂"))


def _shown(text: str) -> str:
    return text.replace("ug m-3", "µg/m³")


def _cells(comparison: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Rows about cells: what of them, and the figures as text."""
    if comparison is None:
        return []
    words = {
        "all": "All {} cells", "inside": "{} inside the area of applicability",
        "outside": "{} outside it",
    }  # fmt: skip
    return [
        {"part": words[row["part"]].format(f"{row['cells']:,}"), "figures": _figures(row)}
        for row in comparison.to_dict("records")
    ]


def _measured(rows: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Rows about stations; none where no benchmark table has the estimator."""
    if rows is None:
        return []
    return [
        {"part": f"{row['group'].capitalize()} stations, {SPLITS[row['split']]}",
         "figures": _figures(row)}
        for row in rows.to_dict("records")
    ]  # fmt: skip


def _exposed(table: pd.DataFrame | None) -> dict[str, Any]:
    """Of the area and its districts: limits, whether the truth is known, and a row each."""
    if table is None:
        return {}
    limits = [name.split("_")[2] for name in table if name.count("_") == 2 and "share" in name]
    known = table["true_mean"].notna().any() if "true_mean" in table else False
    rows = []
    for row in table.to_dict("records"):
        means = [row[f"mean{end}"] for end in ("", "_low", "_high")]
        shares = [[100 * row[f"share_above_{limit}{end}"] for end in ("", "_low", "_high")]
                  for limit in limits]  # fmt: skip
        texts = [f"{row['people']:,.0f}", _within(means, 1)]
        texts += [f"{row['true_mean']:.1f}"] if known else []
        rows.append({"name": row["name"], "texts": texts + [_within(each, 0) for each in shares]})
    return {"limits": limits, "known": known, "rows": rows}


def _distances(table: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Rows: whose distances, and their median and the one that nine tenths are within, as text."""
    if table is None:
        return []
    words = {split: f"Test stations, {text}" for split, text in SPLITS.items()}
    words |= {CELLS: "Cells of the stations' countries", MAPPED: "Cells of this map"}
    return [
        {"part": words[split], "km": [f"{km:.1f}" for km in part["km"].quantile([0.5, 0.9])]}
        for split, part in table.groupby("split", sort=False)
    ]


def _within(values: Sequence[float], digits: int) -> str:
    """A figure with its interval; what nobody knows is n/a."""
    value, low, high = (f"{each:.{digits}f}" for each in values)
    if np.isnan(values[0]):
        return "n/a"
    return value if np.isnan(values[1]) else f"{value} ({low} to {high})"


def _figures(row: Mapping[Any, Any]) -> list[str]:
    digits = dict(zip(FIGURES, (2, 1, 1, 2, 2, 1), strict=True))
    rounded = {name: np.round(row[name], each) + 0.0 for name, each in digits.items()}  # no "-0.0"
    return [
        "n/a" if np.isnan(value) else f"{value:.{digits[name]}f}" for name, value in rounded.items()
    ]


def _data(page: Page) -> tuple[str, int]:
    """What the script reads, as JSON, and how many stations are in it."""
    grid, values = page.grid, page.values
    _, rows, columns = values.shape
    described, packed = [], []
    shared = _reach([each for band, each in zip(page.bands, values, strict=True)
                     if band.name in (page.bands[0].name, TRUTH[0].name)])  # fmt: skip
    for band, each in zip(page.bands, values, strict=True):
        known = each[np.isfinite(each)]
        first, last = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        step = (last - first) / (NONE - 1) or 1.0
        numbers = np.where(np.isnan(each), NONE, np.rint((each - first) / step))
        packed.append(numbers.astype("<u2"))
        low, high = _ends(band, shared, each)
        described.append(
            {"name": band.name, "label": label(band), "unit": band.unit,
             "about": _shown(band.about),
             "kind": _kind(band), "first": first, "step": step, "low": low, "high": high}
        )  # fmt: skip
    stations = _stations(page)
    lon, lat = _degrees(grid)
    side = grid.resolution * page.stride
    facts = {
        "rows": rows, "columns": columns, "metres": side, "bands": described,
        "stations": stations, "inputs": page.inputs, "lon": lon, "lat": lat,
        "colours": SEQUENTIAL, "diverging": DIVERGING,
        "values": base64.b64encode(zlib.compress(np.stack(packed).tobytes(), 9)).decode(),
    }  # fmt: skip
    # A "<" could end the script that holds it.
    return json.dumps(facts).replace("<", "\\u003c"), len(stations)


def _kind(band: Band) -> str:
    if band.name == "inputs":
        return "number"
    if band.name == "error":
        return "difference"
    if band.name.startswith("p_above_"):
        return "share"
    return "amount" if band.unit != "1" else "ratio"


def _reach(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """The range of all but a few extreme cells, which would take the colours from the others."""
    known = np.concatenate([each[np.isfinite(each)] for each in values])
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, (0.002, 0.998))
    return float(low), float(max(high, low + 1e-6))


def _ends(band: Band, shared: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    """Values at the ends of a band's colours: the map, the truth and the stations share theirs."""
    match _kind(band):
        case "share":
            return 0.0, 1.0
        case "ratio":
            return 0.0, 2.0
        case "difference":
            known = np.abs(values[np.isfinite(values)])
            reach = float(np.quantile(known, 0.99)) if len(known) else 1.0
            return -reach, reach
        case _:
            return _reach([values]) if band.name in ("low", "high") else shared


def _stations(page: Page) -> list[dict[str, Any]]:
    """Stations on the map: columns and rows, of those shown, from its upper left corner."""
    grid, table = page.grid, page.stations
    to_map = Transformer.from_crs(4326, grid.epsg, always_xy=True)
    x, y = to_map.transform(table["lon"].to_numpy(), table["lat"].to_numpy())
    column, row = x / grid.resolution - grid.left, grid.top - y / grid.resolution
    inside = (column >= 0) & (column < grid.columns) & (row >= 0) & (row < grid.rows)
    return [
        {"x": round(float(c) / page.stride, 2), "y": round(float(r) / page.stride, 2),
         "name": str(name), "measured": round(float(measured), 1)}
        for c, r, name, measured in zip(
            column[inside], row[inside], table["site_id"][inside], table["measured"][inside],
            strict=True,
        )
    ]  # fmt: skip


def _degrees(grid: MapGrid, points: int = 9) -> tuple[list[list[float]], list[list[float]]]:
    """Longitude and latitude at a few points, between which the page interpolates."""
    down, right = np.meshgrid(
        np.linspace(0, grid.rows, points), np.linspace(0, grid.columns, points), indexing="ij"
    )
    x = (grid.left + right.ravel()) * grid.resolution
    y = (grid.top - down.ravel()) * grid.resolution
    lon, lat = Transformer.from_crs(grid.epsg, 4326, always_xy=True).transform(x, y)
    return tuple(np.round(each, 6).reshape(points, points).tolist() for each in (lon, lat))  # type: ignore[return-value]
