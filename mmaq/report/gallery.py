"""Plots: each stands in the page, and lies beside it as SVG with its data as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from mmaq.report.svg import inline, raw, save, save_picture

WIDE, NARROW = 900, 366
"""Widths of a plot that has a form for the desktop and one for the phone, CSS pixels."""


@dataclass(frozen=True)
class Plot:
    """A plot for the page; ``narrow`` is its form for a phone where that differs."""

    wide: Markup
    narrow: Markup | None = None


class Gallery:
    """Folder of the plots' files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def hang(
        self, name: str, description: str, data: pd.DataFrame, figure: Figure,
        narrow: Figure | None = None, picture: bool = False,
    ) -> Plot:  # fmt: skip
        """Write ``<name>.svg`` and ``<name>.csv`` and give the plot for the page.

        Args:
            name: unique in the page; letters, digits, "_" and "-".
            description: what readers hear who cannot see the plot.
            data: what is drawn, a row a mark.
            figure: the plot as it is saved.
            narrow: the same for a phone.
            picture: whether to write ``<name>.png`` too.
        """
        text = raw(figure)
        save(text, self.folder / f"{name}.svg")
        if picture:
            save_picture(figure, self.folder / f"{name}.png")
        data.to_csv(self.folder / f"{name}.csv", index=False, float_format="%.6g")
        phone = None if narrow is None else inline(raw(narrow), f"{name}-narrow", description)
        return Plot(inline(text, name, description), phone)
