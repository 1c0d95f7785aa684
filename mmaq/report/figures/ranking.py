"""The main picture: R² of every method with its interval, on every split."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmaq.report import names
from mmaq.report.numbers import number
from mmaq.report.palette import LIGHT
from mmaq.report.svg import blank, place

MARKERS = {"random": "o", "blocks": "D", "country": "s", "official": "^"}
LOWEST = -0.25
"""R² below this is drawn at the edge with an arrow; the number beside it says how far."""

COLUMN = 46
"""Width of a column of figures, CSS pixels."""

Key = tuple[str, str, str]


class Form(NamedTuple):
    """Measures in CSS pixels. On a phone a method's name stands above its dots, not beside."""

    left: int
    row: int
    top: int
    stacked: bool


DESKTOP, PHONE = Form(250, 36, 66, False), Form(6, 54, 112, True)


def ranking(rows: pd.DataFrame, width: int) -> Figure:
    """Dot and interval of R² by method, best on the first split first.

    ``rows`` has one row a method and split, with columns method, protocol, modalities, split,
    value, low, high; ``width`` is in CSS pixels and below 500 gives the form for a phone.
    """
    form = PHONE if width < 500 else DESKTOP
    splits = [split for split in names.SPLITS if split in set(rows["split"])]
    keys = _order(rows, splits[0])
    inner = width - form.left - COLUMN * len(splits) - 14
    figure = blank(width, form.top + form.row * len(keys) + 50)
    axes = place(figure, form.left, form.top, inner, form.row * len(keys))
    axes.set(ylim=(len(keys) - 0.5, -0.5), yticks=[], xlabel="R² on test stations")
    axes.set_xlim(_lowest(rows) - 0.03, 1.0)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.axvline(0.0, color=LIGHT["muted"], linewidth=0.8)
    for position, key in enumerate(keys):
        if position % 2 == 1:
            axes.axhspan(position - 0.5, position + 0.5, color=LIGHT["panel"], zorder=0)
        _name(axes, position, key, form)
    for order, split in enumerate(splits):
        # 4 px of air between the plot and the first column
        edge = 1.0 + (4 + COLUMN * (order + 1)) / inner
        _text(axes, edge, -0.5, split, va="bottom", color=LIGHT["muted"], fontsize="small")
        offset = (order - (len(splits) - 1) / 2) * (0.24 if form.stacked else 0.3)
        centre = 0.2 if form.stacked else 0.0
        for row in rows[rows["split"] == split].itertuples():
            height = keys.index((row.method, row.protocol, row.modalities)) + centre
            _mark(axes, height + offset, row, filled=order == 0)
            _text(axes, edge, height, number(row.value, 2), va="center")
    _legend(figure, rows, splits, form)
    return figure


def _order(rows: pd.DataFrame, split: str) -> list[Key]:
    """Methods by R² on ``split``; those that lack it follow by their best elsewhere."""
    first = rows.assign(there=rows["split"] == split).sort_values(
        ["there", "value", "method", "protocol", "modalities"],
        ascending=[False, False, True, True, True],
    )
    keys = first[["method", "protocol", "modalities"]].drop_duplicates()
    return list(keys.itertuples(index=False, name=None))


def _lowest(rows: pd.DataFrame) -> float:
    return max(float(rows["low"].fillna(rows["value"]).min()), LOWEST) if len(rows) else 0.0


def _name(axes: Axes, position: int, key: Key, form: Form) -> None:
    """Method and protocol in ink, the inputs small beneath (on a phone, after it)."""
    method, protocol, modalities = key
    colour, words = LIGHT[names.kind(method, protocol)], names.label(method, protocol)
    beneath = names.inputs(modalities)
    common: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(), "textcoords": "offset points",
        "annotation_clip": False,
    }  # fmt: skip
    if form.stacked:
        common |= {"ha": "left", "va": "top"}
        above, ground = position - 0.5, LIGHT["panel" if position % 2 else "paper"]
        box = {"facecolor": ground, "edgecolor": "none", "pad": 0.8}  # hides the line at zero
        axes.annotate(words, (0, above), xytext=(2, -4), color=colour, bbox=box, **common)
        axes.annotate(
            beneath, (1, above), xytext=(3 + 1.5 * COLUMN, -5), color=LIGHT["muted"],
            fontsize="small", **(common | {"ha": "right"}),
        )  # fmt: skip
        return
    common |= {"ha": "right", "color": colour}
    axes.annotate(words, (0, position), xytext=(-9, 1 if beneath else -3), va="bottom", **common)
    common |= {"color": LIGHT["muted"], "fontsize": "small"}
    axes.annotate(beneath, (0, position), xytext=(-9, -1), va="top", **common)


def _text(axes: Axes, x: float, y: float, words: str, **style: Any) -> None:
    """Right-aligned text beside the plot: ``x`` in widths of the axes, ``y`` in rows."""
    axes.text(x, y, words, transform=axes.get_yaxis_transform(), ha="right", **style)


def _mark(axes: Axes, y: float, row: Any, filled: bool) -> None:
    colour, edge = LIGHT[names.kind(row.method, row.protocol)], axes.get_xlim()[0]
    if pd.notna(row.low) and row.high > edge:
        axes.plot([max(row.low, edge), row.high], [y, y], color=colour, linewidth=1.8, alpha=0.75)
    axes.plot(
        max(row.value, edge), y, marker=MARKERS[row.split] if row.value > edge else "<",
        markersize=5.5, color=colour, clip_on=False, markeredgewidth=1.4,
        markerfacecolor=colour if filled else LIGHT["paper"],
    )  # fmt: skip


def _legend(figure: Figure, rows: pd.DataFrame, splits: list[str], form: Form) -> None:
    shapes = [
        Line2D(
            [], [], linestyle="", marker=MARKERS[split], color=LIGHT["ink"], markersize=5.5,
            markerfacecolor=LIGHT["ink"] if order == 0 else LIGHT["paper"],
            label=names.SPLITS[split],
        )
        for order, split in enumerate(splits)
    ]  # fmt: skip
    present = {names.kind(*key) for key in zip(rows["method"], rows["protocol"], strict=True)}
    kinds = [
        Line2D([], [], color=LIGHT[kind], linewidth=4, label=words)
        for kind, words in names.KINDS.items()
        if kind in present
    ]
    common: dict[str, Any] = {
        "loc": "upper left", "borderaxespad": 0, "handlelength": 1.2, "columnspacing": 1.2,
        "labelspacing": 0.2,
    }  # fmt: skip
    width, height = figure.get_size_inches() * 96
    for handles, down, columns in (
        (shapes, 2, 2 if form.stacked else len(shapes)),
        (kinds, 22, 1 if form.stacked else len(kinds)),
    ):
        figure.legend(
            handles=handles, ncols=columns, bbox_to_anchor=(4 / width, 1 - down / height), **common
        )
