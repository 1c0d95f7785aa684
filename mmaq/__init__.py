"""MMAQ: ground-level NO2 from Sentinel-2, Sentinel-5P and land use."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

__version__ = "1.0.0"

OF_OTHERS = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "GDAL_DRIVER_PATH")
"""What QGIS, PostGIS and others set for all programs, though it is of their own GDAL and PROJ."""


def _forget_other_installations() -> None:
    """Let wheels of rasterio use the data that they hold; those of another version are no use.

    It comes before rasterio is imported, which would take what the environment names. A rasterio of
    conda or of the system holds no data of its own, and what is set then is for it.
    """
    found = importlib.util.find_spec("rasterio")
    if found and found.origin and (Path(found.origin).parent / "proj_data").is_dir():
        for name in OF_OTHERS:
            os.environ.pop(name, None)


_forget_other_installations()
