"""The prediction task: the stations that every method of a benchmark is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd

from mmaq.base.errors import LeakError, TableError, Unavailable
from mmaq.contracts.patches import PatchStore, open_store
from mmaq.contracts.sites import OFFICIAL, is_station, read_sites, stations
from mmaq.estimators.base import Places, Training
from mmaq.statistics.copies import find_copies
from mmaq.statistics.splits import Fold, Stations
from mmaq.vocabulary import BANDS, IMAGES, POLLUTANTS

MIN_STATIONS = 10
BAND = BANDS.index("B02")
"""At 10 m: two patches that are equal in it are one patch, and one band is read in no time."""


@dataclass(frozen=True)
class Task:
    """Stations that measure ``pollutant``, and their images, in the order of ``site_id``.

    ``table`` is contract 2 restricted to the common set: stations that have every modality that
    the store holds, so that the rows of the benchmark compare methods on the same stations. It has
    no rows where the site table knows nothing of the pollutant.
    """

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
    def places(self) -> Places:
        """What an estimator may know of the stations: everything but a label."""
        return Places(self.table.drop(columns=[*POLLUTANTS, OFFICIAL]), self.store)

    @property
    def copies(self) -> np.ndarray:
        """A number for each station, (n,), that copies of each other share."""
        rows, images = np.full(self.size, -1), None
        if self.store.absence("s2") is None:
            rows, images = self.store.rows("s2", self.site_id), self.store.s2[:, BAND]
        return find_copies(self.table[["lon", "lat"]].to_numpy(float), images, rows)

    def training(
        self, places: Places, fold: Fold, related: Stations, also: tuple[str, ...] = ()
    ) -> Training:
        """The training stations of a fold; ``also`` names pollutants to learn beside the own."""
        names = [self.pollutant, *(name for name in also if name != self.pollutant)]
        target = self.table[names].to_numpy(float) if len(names) > 1 else self.target
        return Training(places, target, related).take(fold.train)


def read_task(sites: str | PathLike[str], store: str | PathLike[str], pollutant: str) -> Task:
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
        return Task(table, patches, pollutant)
    for modality in IMAGES:
        if patches.absence(modality) is None:
            table = table[patches.rows(modality, table["site_id"].to_numpy()) >= 0]
    if len(table) < MIN_STATIONS:
        fault = f"{len(table)} stations have {pollutant} and every modality of {store}"
        raise TableError(sites, fault, f"Give at least {MIN_STATIONS} stations with patches")
    return Task(table.reset_index(drop=True), patches, pollutant)


def check_fold(task: Task, fold: Fold, copies: np.ndarray) -> None:
    """Check that no test station, and no copy of one, is among the training stations.

    Args:
        task: whose stations are split.
        fold: positions of the stations.
        copies: of ``Task.copies``, (n,).

    Raises:
        LeakError: names a test station and its like in training.
    """
    number_of = dict(zip(copies[fold.train], fold.train, strict=True))
    leaked = [station for station in fold.test if copies[station] in number_of]
    if not leaked:
        return
    both = np.intersect1d(fold.train, fold.test)
    if len(both):
        fault = f"test station {task.site_id[both[0]]!r} is in training"
        raise LeakError(task.pollutant, fault, "Give each fold stations of its own")
    copy = task.site_id[number_of[copies[leaked[0]]]]
    fault = f"test station {task.site_id[leaked[0]]!r} has its copy {copy!r} in training"
    raise LeakError(task.pollutant, f"{fault} ({len(leaked)} such)", "Leave copies out of training")
