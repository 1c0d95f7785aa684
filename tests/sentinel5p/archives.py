"""Archives of small granules, and the comparison of two means."""

from __future__ import annotations

from datetime import date, datetime, timezone

import numpy as np

from mmaq.contracts.archive import SENTINEL5P, Asset, Product, write_collection
from tests.sentinel5p.granules import product_name, swath, write_granule

YEAR = (date(2021, 1, 1), date(2021, 12, 31))


def make_granules(folder, days=(1, 2, 3, 4), versions=("020400",)):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    paths = []
    for number, day in enumerate(days):
        lon, lat = swath(west=4.0 + 0.07 * number, south=50.2 + 0.03 * number)
        value = rng.uniform(1e-5, 2e-4, lon.shape[:2])
        name = product_name(day, versions[number % len(versions)])
        qa = rng.integers(60, 100, value.shape)
        path = folder / f"{name}.nc"
        paths.append(write_granule(path, value, lon, lat, qa, value / 10, name))
    return paths


def catalogue(root, paths):
    products = [
        Product(path.stem, SENTINEL5P, datetime.strptime(path.stem[20:28], "%Y%m%d").replace(
            hour=11, tzinfo=timezone.utc), (4, 50, 6, 51), {"data": Asset(path)})
        for path in paths
    ]  # fmt: skip
    write_collection(root, SENTINEL5P, "test", products)
    return root


def same(one, other):
    for name in ("mean", "standard_error", "weight", "count"):
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, rtol=1e-12, equal_nan=True)
