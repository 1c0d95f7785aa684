"""The picture of a map: one band in colours, hatched where the estimator guesses.

Beside it is the truth, where the country is simulated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mmaq.base.files import replacing
from mmaq.report.palette import LIGHT, SEQUENTIAL

SIDE = {1: 4.2, 2: 2.7}
"""Inches of a panel, by how many there are: letters must still be read on a phone."""

LETTERS: dict[Any, float] = {"font.size": 11.0, "axes.titlesize": 11.0, "hatch.linewidth": 0.5}

CLASSES = 64
"""Shades; so many look like a continuous scale."""

COLOURS = mpl.colors.LinearSegmentedColormap.from_list("no2", SEQUENTIAL, CLASSES)


def write_picture(
    path: Path,
    values: np.ndarray,
    beyond: np.ndarray,
    truth: np.ndarray | None,
    title: str,
    metres: float,
) -> None:
    """Write a PNG of (rows, columns) concentrations in ug/m3, first row north.

    Args:
        path: the file.
        values: concentrations, NaN where nothing is mapped.
        beyond: where the estimator guesses, (rows, columns) bool.
        truth: true concentrations, (rows, columns), for a second panel with the same colours; None
            where nobody knows them.
        title: what it shows.
        metres: side of a cell.
    """
    rows, columns = values.shape
    panels = {title: values} | ({} if truth is None else {"The truth,\nas it was simulated": truth})
    shown = np.concatenate([each.ravel() for each in panels.values()])
    scale = mpl.colors.Normalize(np.nanmin(shown), np.nanmax(shown))
    extent = (0.0, columns * metres / 1000, 0.0, rows * metres / 1000)
    with mpl.rc_context(LETTERS):
        side = SIDE[len(panels)]
        size = 1.3 + side * len(panels), 0.9 + side * min(rows / columns, 2.0)
        figure = Figure(figsize=size, layout="constrained")
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (name, each) in zip(every, panels.items(), strict=True):
            drawn = axes.imshow(
                each, cmap=COLOURS, norm=scale, extent=extent, interpolation="nearest"
            )
            axes.set(title=name, xlabel="km")
            axes.title.set_color(LIGHT["ink"])
            axes.locator_params(nbins=5)
        every[0].set_ylabel("km")
        if beyond.any():
            every[0].contourf(
                beyond.astype(float), levels=[0.5, 1.5], colors="none", hatches=["//////"],
                extent=extent, origin="upper",
            )  # fmt: skip
        figure.colorbar(drawn, ax=every, label="µg/m³", shrink=0.8, pad=0.02)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=250, metadata={"Software": None})
