"""The prediction task: the stations that every method of a benchmark is measured on.

The truth of a simulated archive, which only the two ceilings of the table may read.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow

from mmaq.base.errors import ArchiveError, TableError, Unavailable
from mmaq.contracts.archive import TRUTH, has_collection, read_product
from mmaq.contracts.patches import PatchStore, open_store
from mmaq.contracts.sites import FEATURES, GEO, SITING, is_station, read_sites, stations
from mmaq.vocabulary import IMAGES

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


INPUT = "input_"

REMEDY = "Run `mmaq simulate` again"


def read_truth(archive: Path | None, site_id: np.ndarray) -> pd.DataFrame:
    """``no2_true`` (ug/m3) and the ``input_*`` columns of the given stations, in their order.

    Raises:
        Unavailable: the archive holds no truth, as that of any real data set.
        ArchiveError: the table cannot be read, lacks a column or does not know a station.
    """
    if archive is None or not has_collection(archive, TRUTH):
        raise Unavailable("the truth of these data is not known")
    asset = read_product(archive, TRUTH, "truth").asset("stations")
    asset.verify()
    try:
        table = pd.read_parquet(asset.path)
    except (arrow.ArrowInvalid, OSError) as fault:
        raise ArchiveError(asset.path, f"not a Parquet file ({fault})", REMEDY) from None
    inputs = [name for name in table if name.startswith(INPUT)]
    for name in ("site_id", "no2_true"):
        if name not in table:
            raise ArchiveError(asset.path, f"column {name!r} is missing", REMEDY)
    if not inputs:
        raise ArchiveError(asset.path, f"no column begins with {INPUT!r}", REMEDY)
    table = table.set_index("site_id")
    missing = [site for site in site_id if site not in table.index]
    if missing:
        raise ArchiveError(asset.path, f"station {missing[0]!r} is not in it", REMEDY)
    return table.loc[site_id, ["no2_true", *inputs]].reset_index(drop=True)
