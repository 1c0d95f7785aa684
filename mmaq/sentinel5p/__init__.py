"""Sentinel-5P: level-2 orbits to a level-3 mean on a regular grid, and windows of it."""
