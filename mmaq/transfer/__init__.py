"""Transfer of pretrained encoders to scenes of power plants: their fuel, and their plume."""

from __future__ import annotations

from importlib import import_module
from typing import Any

STAGES = {"prepare_plants": "prepare", "evaluate_transfer": "stage"}
__all__ = ["evaluate_transfer", "prepare_plants"]


def __getattr__(name: str) -> Any:
    # Lazily, because reading GeoTIFF needs rasterio, and training must not.
    if name not in STAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{STAGES[name]}"), name)
