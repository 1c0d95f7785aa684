"""Where the time went."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmaq.report.numbers import duration
from mmaq.report.palette import LIGHT
from mmaq.report.svg import blank, place


def times(timings: pd.DataFrame, width: int) -> Figure:
    """Horizontal bars of wall time by rule, with the largest memory beside each.

    ``timings`` has columns rule, seconds, memory_mb, jobs; longest first.
    """
    step, left, right = 30, 150, 128
    figure = blank(width, step * len(timings) + 52)
    axes = place(figure, left, 24, width - left - right, step * len(timings))
    places = range(len(timings))
    axes.barh(places, timings["seconds"], height=0.56, color=LIGHT["accent"])
    axes.set(ylim=(len(timings) - 0.5, -0.5), xlim=(0, timings["seconds"].max() * 1.02 or 1.0))
    axes.set_yticks(places, timings["rule"], color=LIGHT["ink"])
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4 if width > 500 else 1))
    axes.xaxis.set_major_formatter(lambda value, _: duration(value) if value else "0")
    for title, offset in (("time", 58), ("memory", 124)):
        axes.annotate(
            title, (1, 1), xytext=(offset * 0.75, 4), xycoords="axes fraction", ha="right",
            textcoords="offset points", color=LIGHT["muted"], fontsize="small",
        )  # fmt: skip
    for index, row in enumerate(timings.itertuples()):
        for text, offset in ((duration(row.seconds), 58), (_memory(row.memory_mb), 124)):
            axes.annotate(
                text, (1, index), xytext=(offset * 0.75, 0), xycoords=axes.get_yaxis_transform(),
                textcoords="offset points", ha="right", va="center",
                color=LIGHT["ink"] if offset == 58 else LIGHT["muted"],
            )  # fmt: skip
    return figure


def _memory(megabytes: float) -> str:
    if pd.isna(megabytes):
        return "\u2013"
    return f"{megabytes / 1024:.1f} GiB" if megabytes >= 1024 else f"{megabytes:.0f} MiB"
