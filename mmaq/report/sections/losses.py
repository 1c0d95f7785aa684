"""Learning curves of the pretraining run."""

from __future__ import annotations

from mmaq.report.figures.curves import curves, panels
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section


def section(material: Material, gallery: Gallery) -> Section | None:
    """A panel for the loss, its terms, its weights and what watches for collapse."""
    place = [name for name in ("epoch", "step") if name in material.losses]
    plots = [
        gallery.hang(
            f"pretraining_{number}", f"{title} by epoch", material.losses[[*place, *columns]],
            curves(material.losses, title, columns),
        )
        for number, (title, columns) in enumerate(panels(material.losses), 1)
    ]  # fmt: skip
    return Section("losses", "Training", plots) if plots else None
