"""What the words of the page mean."""

from __future__ import annotations

from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section


def section(material: Material, gallery: Gallery) -> Section:
    """Always there; says only of the metrics and methods that the table has."""
    content = {name: set(material.table[name]) for name in ("metric", "method", "protocol")}
    return Section("definitions", "Definitions", content)
