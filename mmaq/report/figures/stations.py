"""Maps of the stations: a value in classes at each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from mmaq.report.numbers import MISSING
from mmaq.report.palette import DIVERGING, LIGHT, SEQUENTIAL
from mmaq.report.svg import blank, place

WIDTH = 480

ERRORS = (-15.0, -7.5, -2.5, 2.5, 7.5, 15.0)

LEVELS = (10.0, 15.0, 20.0, 25.0, 30.0, 40.0)


def error_map(lon: np.ndarray, lat: np.ndarray, error: np.ndarray) -> Figure:
    """Error (predicted minus measured, µg/m³) at each station; arrays (n,)."""
    return _map(lon, lat, error, ERRORS, DIVERGING)


def level_map(lon: np.ndarray, lat: np.ndarray, no2: np.ndarray) -> Figure:
    """Measured NO2, µg/m³, at each station; arrays (n,)."""
    return _map(lon, lat, no2, LEVELS, SEQUENTIAL)


def _map(
    lon: np.ndarray, lat: np.ndarray, values: np.ndarray, edges: Sequence[float],
    colours: Sequence[str],
) -> Figure:  # fmt: skip
    """Points in a plate carrée map, true to scale at the middle latitude."""
    west, east, south, north = lon.min(), lon.max(), lat.min(), lat.max()
    margin = 0.03 * max(east - west, north - south, 0.1)
    west, east, south, north = west - margin, east + margin, south - margin, north + margin
    stretch = 1.0 / np.cos(np.radians((south + north) / 2))
    width = WIDTH - 62
    height = float(np.clip(width * (north - south) / (east - west) * stretch, 160, 560))
    figure = blank(WIDTH, height + 96)
    axes = place(figure, 48, 8, width, height)
    axes.set_aspect(stretch, adjustable="datalim")
    axes.set_facecolor(LIGHT["plate"])
    axes.grid(False)
    classes = np.digitize(values, edges)
    # the most telling classes lie on top: the middle one is drawn first
    middle = (len(colours) - 1) / 2 if colours is DIVERGING else 0
    for index in sorted(range(len(colours)), key=lambda index: abs(index - middle)):
        here = classes == index
        axes.plot(
            lon[here], lat[here], linestyle="", marker="o", markersize=4, color=colours[index],
            markeredgecolor=LIGHT["muted"], markeredgewidth=0.3, alpha=0.9,
        )  # fmt: skip
    axes.set(xlim=(west, east), ylim=(south, north))
    axes.xaxis.set_major_formatter(lambda value, _: _degrees(value, "E", "W"))
    axes.yaxis.set_major_formatter(lambda value, _: _degrees(value, "N", "S"))
    _key(figure, width, edges, colours)
    return figure


def _key(figure: Figure, width: float, edges: Sequence[float], colours: Sequence[str]) -> None:
    """A row of coloured boxes with the edges of the classes between them."""
    full = figure.get_size_inches()[1] * 96
    axes = place(figure, 48, full - 44, width, 12)
    axes.set(xlim=(0, len(colours)), ylim=(0, 1), yticks=[], xticks=range(1, len(colours)))
    axes.set_xticklabels([_plain(edge) for edge in edges])
    axes.set_xlabel("µg/m³", labelpad=1)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    for (start, end), colour in zip(pairwise(range(len(colours) + 1)), colours, strict=True):
        axes.axvspan(start, end, color=colour, linewidth=0)


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "\u2212") if np.isfinite(value) else MISSING


def _degrees(value: float, positive: str, negative: str) -> str:
    if value == 0:
        return "0°"
    return f"{abs(value):g}° {positive if value > 0 else negative}"
