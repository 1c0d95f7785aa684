"""MMAQ from Python: five functions that stay as they are, also when all behind them is rebuilt.

What is not here is internal, and may change in any version. Errors are
:class:`mmaq.base.errors.MmaqError`: one line with file, fault and remedy.

The site table (contract 2), a row a site; a station is a site with a measurement:

>>> from mmaq import api
>>> sites = api.read_sites("data/default/sites.parquet")
>>> stations = sites[sites["no2"].notna()]
>>> stations[["site_id", "lon", "lat", "no2"]].isna().any().any()
np.False_

The patch store (contract 3): memory maps, so that only what is asked is read. Sentinel-2 is
reflectance x 10,000, twelve bands; a mask is 1 where the pixel is clear:

>>> store = api.open_store("data/default/patches")
>>> row = store.rows("s2", sites["site_id"])[0]
>>> image, clear = store.s2[row], store.s2_mask[row]
>>> image.dtype, len(image), image[0].shape == clear.shape
(dtype('uint16'), 12, True)

Any footprints on a regular grid, by exact overlap; here one that covers half of the second cell:

>>> grid = api.grid_arrays(
...     longitude=[[5.0, 5.15, 5.15, 5.0]], latitude=[[50.0, 50.0, 50.1, 50.1]], values=[3.0],
...     bbox=(5.0, 50.0, 5.3, 50.1), resolution=0.1,
... )
>>> grid["mean"].values.tolist(), grid["weight"].values.round(3).tolist()
([[3.0, 3.0, nan]], [[1.0, 0.5, 0.0]])

The benchmark table (contract 5), a figure a row:

>>> table = api.read_benchmark("results/benchmark.csv")
>>> r2 = table[(table.metric == "r2") & (table.group == "all") & (table.label_fraction == 1)]
>>> r2.pivot_table(index="method", columns="split", values="value").columns.tolist()
['blocks', 'random']

An estimator that `mmaq fit` wrote (contract 6), asked at sites, with 90 % intervals in µg/m³:

>>> estimator = api.load_estimator("results/estimators/ridge_reference.safetensors")
>>> estimator.pollutant, estimator.inputs
('no2', ('table+type', 'table'))
>>> answer = estimator.predict("data/default/sites.parquet", "data/default/patches")
>>> answer.columns.tolist()
['site_id', 'lon', 'lat', 'no2', 'low', 'high', 'inputs']
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import read_benchmark
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.predict.stage import Loaded, load, table_at
from mmaq.sentinel5p.by_hand import grid_arrays

__all__ = ["FittedEstimator", "grid_arrays", "load_estimator", "open_store", "read_benchmark",
           "read_sites"]  # fmt: skip


@dataclass(frozen=True)
class FittedEstimator:
    """An estimator that has been read from its file.

    Attributes:
        path: the file.
        pollutant: what it predicts.
    """

    path: Path
    pollutant: str
    _tiers: tuple[Loaded, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """What predictions may rest on, the first choice first; a site gets the first it has."""
        return tuple(each.tier.inputs for each in self._tiers)

    def predict(self, sites: str | os.PathLike[str], store: str | os.PathLike[str]) -> pd.DataFrame:
        """Concentrations at every site of a table, with 90 % intervals.

        Args:
            sites: a site table (contract 2).
            store: a patch store (contract 3) with the patches of these sites.

        Returns:
            ``site_id``, ``lon`` and ``lat`` in degrees, the pollutant, ``low`` and ``high`` in
            ug/m3 (NaN where nothing is known), and ``inputs``, what each prediction rests on.

        Raises:
            TableError: the table is broken, or its surroundings are of another kind than those
                of the fit.
            StoreError: the store is missing or damaged.
            CheckpointError: what it learned does not fit the sites.
        """
        return table_at(
            list(self._tiers), self.pollutant, sites=Path(sites), store=Path(store),
            estimator=self.path, chosen=None, threads=Evaluate().threads,
        )  # fmt: skip


def load_estimator(path: str | os.PathLike[str]) -> FittedEstimator:
    """Read an estimator that `mmaq fit` wrote; no code of the file is run.

    Raises:
        CheckpointError: the file is absent, damaged or not an estimator of this version.
    """
    pollutant, tiers = load(Path(path))
    return FittedEstimator(Path(path), pollutant, tuple(tiers))
