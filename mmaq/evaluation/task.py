"""The prediction task: the stations that every method of a benchmark is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd

from mmaq.errors import TableError
from mmaq.evaluation.unavailable import Unavailable
from mmaq.patches.store import PatchStore, open_store
from mmaq.sites import FEATURES, GEO, SITING, is_station, read_sites, stations

IMAGES = ("s2", "s5p")
MIN_STATIONS = 10


@dataclass(frozen=True)
class Task:
    """Stations that measure ``pollutant``, and their images, in the order of ``site_id``.

    ``table`` is contract 2 restricted to the common set: stations that have every modality that
    the store holds, so that the rows of the benchmark compare methods on the same stations. It has
    no rows where the site table knows nothing of the pollutant.
    """

    dataset: str
    table: pd.DataFrame
    store: PatchStore
    pollutant: str

    @property
    def size(self) -> int:
        """Number of stations, n."""
        return len(self.table)

    @property
    def site_id(self) -> np.ndarray:
        """Identifiers, (n,)."""
        return self.table["site_id"].to_numpy()

    @property
    def target(self) -> np.ndarray:
        """Measured concentration of the pollutant, (n,) in ug/m3.

        Raises:
            Unavailable: no station measures the pollutant.
        """
        if not self.size:
            raise Unavailable(f"the site table holds no {self.pollutant}")
        return self.table[self.pollutant].to_numpy(float)

    @property
    def features(self) -> np.ndarray:
        """The eight land-use features, (n, 8); missing values are NaN."""
        return self.table[list(FEATURES)].to_numpy(float)

    @property
    def geography(self) -> np.ndarray:
        """Map features that the source has, then longitude and latitude, (n, k)."""
        present = [name for name in GEO if self.table[name].notna().any()]
        return self.table[[*present, "lon", "lat"]].to_numpy(float)

    @property
    def siting(self) -> np.ndarray:
        """How the inlet is placed, (n, 3) in m; missing values are NaN."""
        return self.table[list(SITING)].to_numpy(float)

    @property
    def places(self) -> np.ndarray:
        """Longitude and latitude, (n, 2) in degrees."""
        return self.table[["lon", "lat"]].to_numpy(float)

    def rows(self, modality: str) -> np.ndarray:
        """Row of each station in the store's arrays of ``modality``, (n,).

        Raises:
            Unavailable: the store holds no such patches.
        """
        reason = self.store.absence(modality)
        if reason is not None:
            raise Unavailable(f"no {modality} patches: {reason}")
        return self.store.rows(modality, self.site_id)


def read_task(
    sites: str | PathLike[str], store: str | PathLike[str], dataset: str, pollutant: str
) -> Task:
    """Read the site table and the patch store, and keep the common set of stations.

    Raises:
        TableError: the table is broken, has no station, or fewer than ten remain of those that
            measure the pollutant.
        StoreError: the store is missing or damaged.
    """
    patches = open_store(store)
    known = read_sites(sites)
    table = stations(known, pollutant).sort_values("site_id", ignore_index=True)
    if table.empty and is_station(known).any():
        return Task(dataset, table, patches, pollutant)
    for modality in IMAGES:
        if patches.absence(modality) is None:
            table = table[patches.rows(modality, table["site_id"].to_numpy()) >= 0]
    if len(table) < MIN_STATIONS:
        fault = f"{len(table)} stations have {pollutant} and every modality of {store}"
        raise TableError(sites, fault, f"Give at least {MIN_STATIONS} stations with patches")
    return Task(dataset, table.reset_index(drop=True), patches, pollutant)
