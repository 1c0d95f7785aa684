"""MMAQ: ground-level NO2 from Sentinel-2, Sentinel-5P and land use."""

from __future__ import annotations

__version__ = "1.0.0"
