"""Methods as series of one plot: each has a colour, a marker, a dash and a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmaq.report import names
from mmaq.report.choose import Key
from mmaq.report.palette import LIGHT
from mmaq.report.svg import PIXELS_PER_INCH

COLOURS = tuple(LIGHT[f"series{index}"] for index in range(1, 7))

MARKERS = ("o", "D", "s", "^", "v", "P")

DASHES: tuple[Any, ...] = (
    "-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)), (0, (9, 2)),
)  # fmt: skip

LIMIT = len(COLOURS)
"""More series than this cannot be distinguished."""

LINE = 17
"""Height of a line of the legend, CSS pixels."""


def style(index: int) -> dict[str, Any]:
    """How series ``index`` is drawn; its marker is filled or open in turn."""
    colour = COLOURS[index]
    return {
        "color": colour, "marker": MARKERS[index], "linestyle": DASHES[index], "markersize": 5.5,
        "markerfacecolor": LIGHT["paper"] if index % 2 else colour, "markeredgewidth": 1.4,
    }  # fmt: skip


def legend(figure: Figure, keys: Sequence[Key], lines: bool) -> None:
    """Names of the series at the foot of the figure, one a line."""
    handles = [
        Line2D([], [], label=names.full(key), linewidth=1.8, **style(index))
        for index, key in enumerate(keys)
    ]
    if not lines:
        for handle in handles:
            handle.set_linestyle("")
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(8 / width, 4 / height),
        borderaxespad=0, handlelength=3.2 if lines else 1.2, labelspacing=0.25,
    )  # fmt: skip
