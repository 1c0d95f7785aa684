"""Matplotlib figures as SVG: the same bytes every time, and at home in the page.

A figure's size is given in CSS pixels. Inside the page it takes the page's fonts and, through
CSS variables, its light or dark colours; as a file it keeps the light ones.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmaq.base.files import replacing
from mmaq.report.palette import LIGHT

POINTS_PER_PIXEL = 0.75

PIXELS_PER_INCH = 96.0

STYLE = {
    "svg.hashsalt": "mmaq", "svg.fonttype": "none", "font.family": "DejaVu Sans",
    "font.size": 12 * POINTS_PER_PIXEL, "axes.labelsize": 12 * POINTS_PER_PIXEL,
    "axes.titlesize": 13 * POINTS_PER_PIXEL, "xtick.labelsize": 11 * POINTS_PER_PIXEL,
    "ytick.labelsize": 11 * POINTS_PER_PIXEL, "legend.fontsize": 11 * POINTS_PER_PIXEL,
    "text.color": LIGHT["ink"], "axes.labelcolor": LIGHT["muted"], "axes.edgecolor": LIGHT["line"],
    "xtick.color": LIGHT["line"], "ytick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["muted"], "ytick.labelcolor": LIGHT["muted"],
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": "none",
    "axes.grid": True, "grid.color": LIGHT["grid"], "grid.linewidth": 0.8, "axes.axisbelow": True,
    "axes.unicode_minus": True, "legend.frameon": False, "figure.facecolor": "none",
    "xtick.major.size": 3, "ytick.major.size": 3,
}  # fmt: skip

TAG = re.compile(r"<[^>]+>")
NUMBER = re.compile(r"-?\d+\.\d{3,}")
"""A coordinate with more digits than a screen shows."""


@contextmanager
def drawing() -> Iterator[None]:
    """The report's drawing style, whatever the user's own matplotlib settings are."""
    with matplotlib.style.context(["default", STYLE], after_reset=True):
        yield


def blank(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` CSS pixels."""
    return Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes whose box is given in CSS pixels from the figure's upper left corner."""
    full_width, full_height = figure.get_size_inches() * PIXELS_PER_INCH
    bottom = full_height - top - height
    return figure.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )


def raw(figure: Figure) -> str:
    """``figure`` as the text of an SVG file, on a plain light ground."""
    buffer = io.StringIO()
    # matplotlib writes the date and its own version unless told not to
    nothing = {"Date": None, "Creator": None}
    figure.savefig(buffer, format="svg", metadata=nothing, facecolor=LIGHT["paper"])
    return buffer.getvalue()


def inline(text: str, name: str, description: str) -> Markup:
    """The ``raw`` text of a figure as an ``<svg>`` element; ``name`` makes its ids unique."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    width = float(box[1].split()[2]) / POINTS_PER_PIXEL
    head = (
        f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{name}-title" class="chart" '
        f'style="max-width: {width:.0f}px">\n'
        f'<title id="{name}-title">{escape(description)}</title>'
    )
    text = re.sub(r"<svg[^>]*>", lambda _: head, text, count=1)
    text = re.sub(r'\bid="(?!\S*-title")', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    text = TAG.sub(lambda tag: NUMBER.sub(_rounded, tag[0]), text)  # labels keep their digits
    for role, colour in LIGHT.items():
        text = text.replace(colour, f"var(--{role})")
    text = text.replace("'DejaVu Sans'", "var(--sans)")
    return Markup(_hoist_marker_styles(text).strip())


def save(text: str, path: Path) -> None:
    """Write the ``raw`` text of a figure as an SVG file."""
    with replacing(path) as temporary:
        text = text.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
        temporary.write_text(text, encoding="utf-8")


def save_picture(figure: Figure, path: Path) -> None:
    """Write ``figure`` as a PNG file of two pixels a CSS pixel."""
    with replacing(path) as temporary:
        figure.savefig(
            temporary, dpi=2 * PIXELS_PER_INCH, facecolor=LIGHT["paper"],
            metadata={"Software": None},
        )  # fmt: skip


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}"


def _hoist_marker_styles(text: str) -> str:
    """Say a series' marker style once, not at each of a thousand points."""
    points = re.compile(r'(?:<use href="[^"]*" x="[^"]*" y="[^"]*" style="([^"]*)"/>\s*){2,}')

    def once(match: re.Match[str]) -> str:
        uses = re.findall(r'<use (href="[^"]*" x="[^"]*" y="[^"]*") style="([^"]*)"/>', match[0])
        if len({style for _, style in uses}) > 1:
            return match[0]
        body = "".join(f"<use {place}/>" for place, _ in uses)
        return f'<g style="{uses[0][1]}">{body}</g>\n'

    return points.sub(once, text)
