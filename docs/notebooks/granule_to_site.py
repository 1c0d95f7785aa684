# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a granule and an image to a site
#
# What does MMAQ learn from? This notebook follows one orbit of Sentinel-5P and one image of
# Sentinel-2 to a *site*: a row of a table, and the pixels around it. Nothing is downloaded: a land
# of 60 km is simulated, whose files have the layouts of the agencies.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.collections import PolyCollection

from mmaq import api
from mmaq.cli import app


def mmaq(line):
    """The command `mmaq LINE`, in this process."""
    app(line.split(), standalone_mode=False)


# %% [markdown]
# ## A raw archive
#
# A configuration holds what differs from the defaults: here a month, 60 stations, one orbit and one
# date of images. `mmaq simulate` writes the archive to `data/small/archive`.

# %%
Path("small.yaml").write_text(
    """name: small
period: {start: 2021-06-01, end: 2021-06-30}
simulate:
  {extent_km: 60, stations: 60, unlabelled: 0, scene_dates: 1, orbit_interval_days: 30, area_km: 0}
"""
)
mmaq("simulate --config small.yaml")
archive = Path("data/small/archive")
sorted(folder.name for folder in archive.iterdir() if folder.is_dir())

# %% [markdown]
# ## The granule
#
# A *granule* is the file of one orbit (level 2). Each measurement is the mean over a *footprint*
# on the ground, a quadrangle of some 3.5 km by 5.5 km, of the *column*: all NO2 between ground and
# stratosphere, in mol/m². Where clouds hide the ground, `qa_value` is low; the handbook says to use
# what lies above 0.75.

# %%
(granule,) = archive.glob("sentinel-5p-l2-no2/*/*.nc")
product = xr.open_dataset(granule, group="PRODUCT")
ground = xr.open_dataset(granule, group="PRODUCT/SUPPORT_DATA/GEOLOCATIONS")
column = product["nitrogendioxide_tropospheric_column"].values[0]
clear = product["qa_value"].values[0] > 0.75
lon, lat = ground["longitude_bounds"].values[0], ground["latitude_bounds"].values[0]
print(granule.name)
print(f"{column.size} footprints, {clear.mean():.0%} of them clear")

# %% [markdown]
# ## From footprints to a grid
#
# `grid_arrays` takes footprints of any instrument. A cell's value is the mean of the footprints
# that touch it, each weighted by the share of the cell that it covers.

# %%
bbox = (8.4, 53.0, 9.6, 53.7)  # west, south, east, north
grid = api.grid_arrays(lon[clear], lat[clear], column[clear], bbox=bbox, resolution=0.05)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True, sharey=True)
scale = {"cmap": "viridis", "clim": (0, float(1e6 * grid["mean"].max()))}
left.add_collection(
    PolyCollection(np.stack([lon, lat], axis=-1)[~clear], facecolor="lightgrey", edgecolor="white")
)
footprints = PolyCollection(np.stack([lon, lat], axis=-1)[clear], edgecolor="white", **scale)
footprints.set_array(1e6 * column[clear])
left.add_collection(footprints)
left.set(xlim=bbox[::2], ylim=bbox[1::2], title="Footprints; grey: cloudy", ylabel="latitude")
cells = right.pcolormesh(
    grid["longitude"], grid["latitude"], 1e6 * grid["mean"], cmap="viridis", clim=scale["clim"]
)
right.set(title="Mean on cells of 0.05°", xlabel="longitude")
_ = figure.colorbar(cells, ax=[left, right], label="NO2 column (µmol/m²)")

# %% [markdown]
# ## All stations of the land
#
# Three more commands make what training reads: the grid of the whole period, the table of
# sites, and the patches around them. The command `mmaq grid` computes what `grid_arrays` does.

# %%
mmaq("grid --config small.yaml")
mmaq("landuse --config small.yaml")
mmaq("patches --config small.yaml")

level3 = xr.open_dataset("data/small/grid/l3_mean.nc")["nitrogendioxide_tropospheric_column"]
same = level3.sel(longitude=grid["longitude"], latitude=grid["latitude"], method="nearest")
np.testing.assert_allclose(same.values, grid["mean"].values, rtol=1e-4)

# %%
sites = api.read_sites("data/small/sites.parquet")
store = api.open_store("data/small/patches")
print(f"{len(sites)} sites; patches: Sentinel-2 {store.s2.shape}, Sentinel-5P {store.s5p.shape}")

# %% [markdown]
# ## One site
#
# The station with the most NO2, among those that have both patches. This is all that an estimator
# knows of it: the image, the window of the column, and the row of the table.

# %%
rows = {name: store.rows(name, sites["site_id"]) for name in ("s2", "s5p")}
both = (rows["s2"] >= 0) & (rows["s5p"] >= 0)
place = sites["no2"].where(both).idxmax()
image, window = store.s2[rows["s2"][place]], store.s5p[rows["s5p"][place]]

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6))
colours = image[[3, 2, 1]].transpose(1, 2, 0) / 10_000  # B04, B03, B02: reflectance
left.imshow((colours / np.quantile(colours, 0.98)).clip(0, 1))
left.set(title="Sentinel-2, 10 m pixels")
shown = right.imshow(1e6 * window)
right.set(title="Sentinel-5P, cells of 0.05°")
_ = figure.colorbar(shown, ax=right, label="NO2 column (µmol/m²)")
for axes in (left, right):
    axes.set(xticks=[], yticks=[])

# %%
named = ["site_id", "lon", "lat", "altitude", "population_density", "urban", "traffic"]
sites.loc[place, [*named, "road_distance", "share_built", "no2"]].to_frame("value").round(2)

# %% [markdown]
# `no2` is the mean that the station measured, in µg/m³ of air at the ground: what is to be
# estimated. Pretraining needs none of it, so that it also learns from sites without a station.
#
# Next: [a new estimator](new_estimator.md) on such sites, and
# [the whole way by commands](../tutorial.md).
