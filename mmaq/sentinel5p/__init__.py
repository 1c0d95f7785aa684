"""Sentinel-5P: level-2 orbits to a level-3 mean on a regular grid, and windows of it."""

from mmaq.sentinel5p.by_hand import grid_arrays, grid_files
from mmaq.sentinel5p.level3 import Level3, read_level3
from mmaq.sentinel5p.parts import grid_part, merge_parts
from mmaq.sentinel5p.windows import cut_windows

__all__ = [
    "Level3", "cut_windows", "grid_arrays", "grid_files", "grid_part", "merge_parts", "read_level3",
]  # fmt: skip
