"""The common ground of plots with a method a row: names, columns of figures, legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmaq.report import names
from mmaq.report.choose import Key
from mmaq.report.palette import LIGHT
from mmaq.report.svg import PIXELS_PER_INCH, blank, place

MARKERS = {"random": "o", "blocks": "D", "knndm": "v", "country": "s", "official": "^"}

COLUMN = 46
"""Width of a column of figures, CSS pixels."""


class Form(NamedTuple):
    """Measures in CSS pixels. On a phone a method's name stands above its marks, not beside.

    ``row`` is the height of a row of up to two marks, ``step`` the way from one to the next, and
    ``middle`` how far beneath the row's middle that of the marks lies.
    """

    left: int
    row: int
    step: int
    middle: int
    stacked: bool


DESKTOP, PHONE = Form(250, 36, 11, 0, False), Form(6, 54, 13, 11, True)


class Rows(NamedTuple):
    """A figure with a row a method: 0 is the first row's middle, the axes' y grows downwards."""

    figure: Figure
    axes: Axes
    form: Form
    inner: float
    height: int

    def place(self, position: int, mark: int = 0, marks: int = 1) -> float:
        """Height of a mark among ``marks`` in the row at ``position``."""
        offset = (mark - (marks - 1) / 2) * self.form.step
        return position + (self.form.middle + offset) / self.height

    def write(self, column: int, position: float, words: str, **style: Any) -> None:
        """Right-aligned text in a column beside the plot."""
        # 4 px of air between the plot and the first column
        x = 1.0 + (4 + COLUMN * (column + 1)) / self.inner
        along = self.axes.get_yaxis_transform()
        self.axes.text(x, position, words, transform=along, ha="right", **style)


def rows_of(
    keys: Sequence[Key], width: int, columns: Sequence[str], top: int, marks: int = 1
) -> Rows:
    """An empty plot with the names of ``keys`` and the heads of its ``columns``.

    ``width`` is in CSS pixels and below 500 gives the form for a phone; ``top`` is what the legend
    needs; ``marks`` lie one beneath the other in a row.
    """
    form = PHONE if width < 500 else DESKTOP
    inner = width - form.left - COLUMN * len(columns) - 14
    height = form.row + form.step * max(marks - 2, 0)
    figure = blank(width, top + height * len(keys) + 50)
    axes = place(figure, form.left, top, inner, height * len(keys))
    axes.set(ylim=(len(keys) - 0.5, -0.5), yticks=[])
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    rows = Rows(figure, axes, form, inner, height)
    for position, key in enumerate(keys):
        if position % 2 == 1:
            axes.axhspan(position - 0.5, position + 0.5, color=LIGHT["panel"], zorder=0)
        _name(rows, position, key, len(columns))
    for column, words in enumerate(columns):
        rows.write(column, -0.5, words, va="bottom", color=LIGHT["muted"], fontsize="small")
    return rows


def _name(rows: Rows, position: int, key: Key, columns: int) -> None:
    """Method and protocol in the colour of its kind, the inputs small beneath (a phone: after)."""
    method, protocol, modalities = key
    colour, words = LIGHT[names.kind(method, protocol)], names.label(method, protocol)
    beneath = names.inputs(modalities)
    common: dict[str, Any] = {
        "xycoords": rows.axes.get_yaxis_transform(), "textcoords": "offset points",
        "annotation_clip": False,
    }  # fmt: skip
    write = rows.axes.annotate
    if rows.form.stacked:
        common |= {"ha": "left", "va": "top"}
        above, ground = position - 0.5, LIGHT["panel" if position % 2 else "paper"]
        box = {"facecolor": ground, "edgecolor": "none", "pad": 0.8}  # hides the line at zero
        write(words, (0, above), xytext=(2, -4), color=colour, bbox=box, **common)
        end = 3 + 0.75 * COLUMN * columns
        small: dict[str, Any] = {"color": LIGHT["muted"], "fontsize": "small"}
        write(beneath, (1, above), xytext=(end, -5), **(common | small | {"ha": "right"}))
        return
    common |= {"ha": "right", "color": colour}
    write(words, (0, position), xytext=(-9, 1 if beneath else -3), va="bottom", **common)
    common |= {"color": LIGHT["muted"], "fontsize": "small"}
    write(beneath, (0, position), xytext=(-9, -1), va="top", **common)


def split_keys(splits: Sequence[str]) -> list[Line2D]:
    """What the shapes mean: the first split is filled."""
    return [
        Line2D(
            [], [], linestyle="", marker=MARKERS[split], color=LIGHT["ink"], markersize=5.5,
            markerfacecolor=LIGHT["ink"] if order == 0 else LIGHT["paper"],
            label=names.SPLITS[split],
        )
        for order, split in enumerate(splits)
    ]  # fmt: skip


def kind_keys(keys: Sequence[Key]) -> list[Line2D]:
    """What the colours mean."""
    present = {names.kind(method, protocol) for method, protocol, _ in keys}
    return [
        Line2D([], [], color=LIGHT[kind], linewidth=4, label=words)
        for kind, words in names.KINDS.items()
        if kind in present
    ]


def legend(figure: Figure, handles: Sequence[Line2D], down: float, columns: int) -> None:
    """A legend ``down`` CSS pixels from the figure's upper edge."""
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    figure.legend(
        handles=list(handles), ncols=columns, bbox_to_anchor=(4 / width, 1 - down / height),
        loc="upper left", borderaxespad=0, handlelength=1.2, columnspacing=1.2, labelspacing=0.2,
    )  # fmt: skip
