"""Measured over predicted, for the leading methods."""

from __future__ import annotations

import numpy as np

from mmaq.report import names
from mmaq.report.choose import KEY, Key, among, leading, once, present, splits_of, whole
from mmaq.report.figures.agreement import agreement
from mmaq.report.gallery import Gallery, Plot
from mmaq.report.material import Material, Section

PANELS = 3


def section(material: Material, gallery: Gallery) -> Section | None:
    """Panels by split, all with the same axes so that the eye can compare."""
    rows = whole(material.predictions)
    keys = leading(material.table, PANELS, present(rows))
    rows = among(rows, keys)
    if rows.empty:
        return None
    limit = _ten_up(rows["measured"].quantile(0.999))
    error = _ten_up((rows["prediction"] - rows["measured"]).abs().quantile(0.999))

    def panel(key: Key, split: str, number: int) -> Plot | None:
        points = once(rows, key, split)
        if points.empty:
            return None
        return gallery.hang(
            f"agreement_{split}_{number}",
            f"{names.full(key)}: measured NO2 over predicted, {split}",
            points[["site_id", *KEY, "measured", "prediction"]],
            agreement(points, key, limit, error),
        )  # fmt: skip

    panels = {
        split: [plot for number, key in enumerate(keys, 1) if (plot := panel(key, split, number))]
        for split in splits_of(rows)
    }
    return Section("agreement", "Errors", panels)


def _ten_up(value: float) -> float:
    """The next ten, for the end of an axis."""
    return float(np.ceil(value / 10) * 10) or 10.0
