"""What each method loses from random folds to spatial blocks."""

from __future__ import annotations

from mmaq.report.choose import among, keys_of, measured
from mmaq.report.figures.losses_to_blocks import losses, losses_to_blocks
from mmaq.report.gallery import NARROW, WIDE, Gallery
from mmaq.report.material import Material, Section
from mmaq.report.sections.ranking import FIRST


def section(material: Material, gallery: Gallery) -> Section | None:
    """The methods that the ranking shows first, by what they lose; the CSV has all."""
    rows = measured(material.table, "r2")
    table = losses(rows[~rows["method"].str.startswith("oracle")])
    if table.empty:
        return None
    best = keys_of(table.sort_values("random", ascending=False))[:FIRST]
    shown = among(table, best).reset_index(drop=True)
    plot = gallery.hang(
        "random_to_blocks", "R² of each method on random folds and on spatial blocks", table,
        losses_to_blocks(shown, WIDE), losses_to_blocks(shown, NARROW),
    )  # fmt: skip
    return Section("neighbours", "Neighbours", {"plot": plot, "shown": len(shown),
                                                "count": len(table)})  # fmt: skip
