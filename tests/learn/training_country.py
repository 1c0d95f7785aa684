"""A small made-up country: a store and a site table whose pixels know the target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmaq.config.learning import Encoders, Pretrain, Views
from mmaq.contracts.patches import write_store
from mmaq.contracts.sites import COLUMNS, GEO, write_sites
from mmaq.vocabulary import AREAS, BANDS, TYPES

SIDE = 16
"""Pixels of a Sentinel-2 patch: half the default, for speed."""

SMALL = Encoders(s2_input=SIDE)
EVERY_STEP = Views(crop_min=0.4, jitter=0.8, blur=0.3, drop_bands=0.3)
TINY = Pretrain(epochs=2, batch_size=8, projection=32, threads=1, encoders=SMALL, views=EVERY_STEP)


def make_sites(stations, unlabelled, rng):
    size = stations + unlabelled
    labelled = np.arange(size) < stations
    sites = pd.DataFrame(index=range(size), columns=list(COLUMNS), dtype=float)
    sites["site_id"] = [f"{'ST' if own else 'UN'}{k:05d}" for k, own in enumerate(labelled)]
    # A lattice of 0.02 degrees (1.3 km or more), so that no two patches overlap.
    place = rng.permutation(200 * 150)[:size]
    sites["lon"], sites["lat"] = 8 + 0.02 * (place % 200), 51 + 0.02 * (place // 200)
    sites["country"] = "DE"
    sites["altitude"] = rng.uniform(0, 800, size)
    sites["population_density"] = rng.lognormal(5, 1.5, size)
    for group in (AREAS, TYPES):
        sites[list(group)] = np.eye(3)[rng.integers(0, 3, size)]
    sites.loc[~labelled, list(TYPES)] = np.nan
    sites[list(GEO)] = np.nan
    hidden = rng.standard_normal(size)
    sites["no2"] = np.where(labelled, np.exp(3 + 0.4 * hidden), np.nan)
    return sites, hidden


def make_patches(folder, sites, hidden, rng, side=SIDE, absent=()):
    size = len(sites)
    shape = (size, len(BANDS), side, side)
    level = 1500 + 200 * hidden[:, None, None, None] * np.linspace(-1, 1, len(BANDS))[:, None, None]
    s2 = (level + rng.normal(0, 300, shape)).clip(1, 20000).round()
    s5p = 4e-5 + 1e-5 * (hidden[:, None, None] + rng.normal(0, 1, (size, 16, 16)))
    arrays = {
        "s2": s2,
        "s2_mask": rng.random((size, side, side)) > 0.05,
        "s5p": s5p,
        "s5p_mask": rng.random((size, 16, 16)) > 0.05,
    }
    index = pd.DataFrame({"site_id": sites["site_id"]})
    for name in ("s2", "s5p"):
        index[f"{name}_row"] = -1 if name in absent else np.arange(size)
        if name in absent:
            arrays[name], arrays[f"{name}_mask"] = arrays[name][:0], arrays[f"{name}_mask"][:0]
    index["s2_product"], index["s2_time"], index["s2_clear"] = "made-up", "2021-06-01", 0.95
    write_store(folder, index, arrays, {"s2": {}}, dict.fromkeys(absent, "no images given"))


def make_country(folder, stations, unlabelled, seed=0, **options):
    """Write ``patches`` and ``sites.parquet`` into ``folder``; give both paths."""
    rng = np.random.default_rng(seed)
    sites, hidden = make_sites(stations, unlabelled, rng)
    write_sites(sites, folder / "sites.parquet")
    make_patches(folder / "patches", sites, hidden, rng, **options)
    return folder / "patches", folder / "sites.parquet"
