"""The picture of a map: one band in colours, hatched where the estimator guesses."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mmaq.base.files import replacing
from mmaq.report.palette import LIGHT, SEQUENTIAL

CLASSES = 64
"""Shades; so many look like a continuous scale."""

COLOURS = mpl.colors.LinearSegmentedColormap.from_list("no2", SEQUENTIAL, CLASSES)


def write_picture(
    path: Path, values: np.ndarray, beyond: np.ndarray, title: str, metres: float
) -> None:
    """Write a PNG of (rows, columns) concentrations in ug/m3, first row north.

    Args:
        path: the file.
        values: concentrations, NaN where nothing is mapped.
        beyond: where the estimator guesses, (rows, columns) bool.
        title: what it shows.
        metres: side of a cell.
    """
    rows, columns = values.shape
    figure = Figure(figsize=(7.0, 0.6 + 6.0 * min(rows / columns, 2.0)), layout="constrained")
    axes = figure.subplots()
    extent = (0.0, columns * metres / 1000, 0.0, rows * metres / 1000)
    drawn = axes.imshow(values, cmap=COLOURS, extent=extent, interpolation="nearest")
    if beyond.any():
        with mpl.rc_context({"hatch.linewidth": 0.6}):
            axes.contourf(
                beyond.astype(float), levels=[0.5, 1.5], colors="none", hatches=["////"],
                extent=extent, origin="upper",
            )  # fmt: skip
    figure.colorbar(drawn, ax=axes, label="µg/m³", shrink=0.8)
    axes.set(title=title, xlabel="km", ylabel="km")
    axes.title.set_color(LIGHT["ink"])
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=140, metadata={"Software": None})
