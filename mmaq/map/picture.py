"""The picture of a map: one band in colours, hatched where the estimator guesses.

Beside it is the truth, where the country is simulated.
"""

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
    panels = {title: values} | ({} if truth is None else {"Truth, as it was simulated": truth})
    shown = np.concatenate([each.ravel() for each in panels.values()])
    scale = mpl.colors.Normalize(np.nanmin(shown), np.nanmax(shown))
    height = 0.6 + 6.0 * min(rows / columns, 2.0)
    figure = Figure(figsize=(1.0 + 6.0 * len(panels), height), layout="constrained")
    extent = (0.0, columns * metres / 1000, 0.0, rows * metres / 1000)
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, each) in zip(every, panels.items(), strict=True):
        drawn = axes.imshow(each, cmap=COLOURS, norm=scale, extent=extent, interpolation="nearest")
        axes.set(title=name, xlabel="km")
        axes.title.set_color(LIGHT["ink"])
    every[0].set_ylabel("km")
    if beyond.any():
        with mpl.rc_context({"hatch.linewidth": 0.6}):
            every[0].contourf(
                beyond.astype(float), levels=[0.5, 1.5], colors="none", hatches=["////"],
                extent=extent, origin="upper",
            )  # fmt: skip
    figure.colorbar(drawn, ax=every, label="µg/m³", shrink=0.8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=140, metadata={"Software": None})
