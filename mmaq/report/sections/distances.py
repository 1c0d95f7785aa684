"""How far test stations are from training, where a map's cells are from stations."""

from __future__ import annotations

from scipy.stats import wasserstein_distance

from mmaq.report import names
from mmaq.report.distances import CELLS
from mmaq.report.figures.distances import distances, quantiles
from mmaq.report.gallery import NARROW, WIDE, Gallery
from mmaq.report.material import Material, Section
from mmaq.report.numbers import number


def section(material: Material, gallery: Gallery) -> Section | None:
    """None where the stations surround no cell."""
    km = {split: part["km"] for split, part in material.distances.groupby("split", sort=False)}
    if CELLS not in km:
        return None
    cells = km.pop(CELLS)
    lines = [
        {
            "words": names.SPLITS[split].capitalize(), "median": number(found.median(), 1),
            "far": number(found.quantile(0.9), 1),
            "apart": number(wasserstein_distance(found, cells), 1),
        }
        for split, found in km.items()
    ]  # fmt: skip
    lines.append({"words": "Cells of the countries", "median": number(cells.median(), 1),
                  "far": number(cells.quantile(0.9), 1), "apart": ""})  # fmt: skip
    words = {split: names.SPLITS[split] for split in km} | {CELLS: "cells"}
    table = quantiles(material.distances)
    plot = gallery.hang(
        "training_distances", "Distances from test to training stations by split, and from cells "
        "to stations", table, distances(table, words, WIDE), distances(table, words, NARROW),
    )  # fmt: skip
    return Section("distances", "Distances", {"plot": plot, "lines": lines})
