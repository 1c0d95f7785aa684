"""Made-up stations for the evaluation: a table, patches that know part of the target, a truth."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pandas as pd

from mmaq.config.learning import Encoders
from mmaq.contracts.archive import TRUTH, Asset, Product, write_collection
from mmaq.contracts.patches import write_store
from mmaq.contracts.sites import COLUMNS, GEO, spatial_block, write_sites
from mmaq.vocabulary import AREAS, BANDS, TYPES

SIDE, CELLS = 8, 6
TINY = Encoders(s2_input=SIDE, s5p_input=CELLS, table_width=16)


def make_table(size, rng, noise=2.0):
    """Stations whose NO2 rests on type, population, road distance, longitude, a hidden field."""
    table = pd.DataFrame(index=range(size), columns=list(COLUMNS), dtype=float)
    table["site_id"] = [f"ST{number:04d}" for number in rng.permutation(size)]
    table["lon"], table["lat"] = rng.uniform(0.0, 12.0, size), rng.uniform(46.0, 54.0, size)
    table["country"] = np.where(table["lon"] < 4, "FR", np.where(table["lon"] < 9, "DE", "PL"))
    table["altitude"] = rng.uniform(0, 800, size)
    table["population_density"] = rng.lognormal(5, 1.5, size)
    area, kind = rng.integers(0, 3, size), rng.integers(0, 3, size)
    table[list(AREAS)], table[list(TYPES)] = np.eye(3)[area], np.eye(3)[kind]
    table[list(GEO)] = np.nan
    table["population_potential_2km"] = np.log1p(10 * table["population_density"])
    table["road_distance"] = rng.exponential(300, size)
    hidden = rng.standard_normal(size)
    truth = (
        20
        + 6 * (kind == 0)
        + 2 * np.log(table["population_density"] / 150)
        + 4 * np.exp(-table["road_distance"] / 200)
        + 0.5 * (table["lon"] - 6)
        + 4 * hidden
    ).clip(lower=1)
    table["no2"] = (truth + rng.normal(0, noise, size)).clip(lower=0)
    table["block"] = spatial_block(table["lon"], table["lat"], 2.0)
    return table, hidden, truth


def make_store(folder, table, hidden, rng, absent=(), without=()):
    """Patches whose red and near-infrared, and whose column, carry the hidden field.

    ``absent`` modalities are in no patch; the first stations of the table lack those of
    ``without``, a mapping from modality to a number of stations.
    """
    size = len(table)
    s2 = rng.normal(2000, 100, (size, len(BANDS), SIDE, SIDE))
    s2[:, BANDS.index("B04")] += 300 * hidden[:, None, None]
    s5p = 5e-5 + 1e-5 * (hidden[:, None, None] + rng.normal(0, 1, (size, CELLS, CELLS)))
    arrays = {
        "s2": s2.clip(1, 20000),
        "s2_mask": rng.random((size, SIDE, SIDE)) > 0.1,
        "s5p": s5p,
        "s5p_mask": rng.random((size, CELLS, CELLS)) > 0.1,
    }
    index = pd.DataFrame({"site_id": table["site_id"]})
    for name in ("s2", "s5p"):
        missing = size if name in absent else dict(without).get(name, 0)
        index[f"{name}_row"] = np.r_[np.full(missing, -1), np.arange(size - missing)]
        for array in (name, f"{name}_mask"):
            arrays[array] = arrays[array][missing:]
    index["s2_product"], index["s2_time"], index["s2_clear"] = "made-up", "2021-06-01", 0.9
    write_store(folder, index, arrays, {}, dict.fromkeys(absent, "no images are given"))


def make_archive(folder, table, hidden, truth, rng):
    """An archive that holds nothing but the truth."""
    path = folder / TRUTH / "truth" / "stations.parquet"
    path.parent.mkdir(parents=True)
    values = pd.DataFrame({"site_id": table["site_id"], "no2_true": truth, "noise_sd": 2.0})
    values["input_hidden"], values["input_lon"] = hidden, table["lon"]
    values["input_road"] = table["road_distance"]
    values["input_traffic"] = table["traffic"]
    values["input_population"] = np.log(table["population_density"])
    values.sample(frac=1, random_state=1).to_parquet(path, index=False)
    when = datetime(2021, 1, 1, tzinfo=timezone.utc)
    asset = {"stations": Asset(path)}
    product = Product("truth", TRUTH, when, (0.0, 46.0, 12.0, 54.0), asset)
    write_collection(folder, TRUTH, "made-up truth", [product])
    return folder


def make_data(folder, size=200, seed=0, shuffled=False, **options):
    """Write ``sites.parquet``, ``patches`` and ``archive`` into ``folder``; give the paths."""
    rng = np.random.default_rng(seed)
    table, hidden, truth = make_table(size, rng)
    if shuffled:
        table["no2"] = rng.permutation(table["no2"].to_numpy())
    write_sites(table, folder / "sites.parquet")
    make_store(folder / "patches", table, hidden, rng, **options)
    make_archive(folder / "archive", table, hidden, truth, rng)
    return folder / "sites.parquet", folder / "patches", folder / "archive"
