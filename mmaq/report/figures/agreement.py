"""Measured against predicted, and the error under it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mmaq.report import names
from mmaq.report.choose import Key
from mmaq.report.numbers import count, number
from mmaq.report.palette import LIGHT
from mmaq.report.svg import blank, place

WIDTH, SIDE = 340, 268


def agreement(points: pd.DataFrame, key: Key, limit: float, error: float) -> Figure:
    """Measured NO2 over predicted, with the error (predicted minus measured) beneath.

    ``points`` has columns measured and prediction in µg/m³, a station once; ``limit`` ends both
    axes and ``error`` the lower one, the same for all panels of a page so that the eye can compare.
    """
    figure = blank(WIDTH, SIDE + 190)
    above = place(figure, 52, 34, SIDE, SIDE)
    beneath = place(figure, 52, SIDE + 48, SIDE, 96)
    method, protocol, _ = key
    colour = LIGHT[names.kind(method, protocol)]
    style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 2.6, "alpha": 0.4,
                             "color": colour, "markeredgewidth": 0}  # fmt: skip
    measured, predicted = points["measured"].to_numpy(), points["prediction"].to_numpy()
    above.plot(predicted, measured, **style)
    above.plot([0, limit], [0, limit], color=LIGHT["muted"], linewidth=0.9)
    above.set(xlim=(0, limit), ylim=(0, limit), ylabel="measured, µg/m³")
    above.tick_params(labelbottom=False)
    beneath.plot(predicted, predicted - measured, **style)
    beneath.axhline(0.0, color=LIGHT["muted"], linewidth=0.9)
    beneath.set(xlim=(0, limit), ylim=(-error, error), xlabel="predicted, µg/m³", ylabel="error")
    above.annotate(
        names.label(method, protocol), (0, 1), xytext=(0, 8), xycoords="axes fraction",
        textcoords="offset points", fontweight="bold", color=colour,
    )  # fmt: skip
    above.annotate(
        f"R² {number(r2(measured, predicted), 2)}\n{count(len(points))} stations", (0.03, 0.97),
        xycoords="axes fraction", va="top", color=LIGHT["muted"],
    )  # fmt: skip
    return figure


def r2(measured: np.ndarray, predicted: np.ndarray) -> float:
    """Coefficient of determination; NaN where the measurements do not vary."""
    spread = np.sum((measured - measured.mean()) ** 2)
    return float(1.0 - np.sum((measured - predicted) ** 2) / spread) if spread > 0 else float("nan")
