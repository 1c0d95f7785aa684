"""The simulated country as a satellite: writes the raw archive and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmaq.simulate.run import simulate

__all__ = ["simulate"]


def __getattr__(name: str) -> object:
    """Import the stage when it is asked for: its sensors load the geospatial libraries."""
    if name == "simulate":
        from mmaq.simulate.run import simulate

        return simulate
    raise AttributeError(name)
