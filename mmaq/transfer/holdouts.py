"""Hold-outs: which scenes of a task train and which test, and what was predicted of the latter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.base.errors import Unavailable
from mmaq.config.transfer import Transfer
from mmaq.statistics.splits import Fold, scene_folds
from mmaq.transfer.labels import UNKNOWN
from mmaq.transfer.store import PlantStore
from mmaq.vocabulary import FUEL_CLASSES, TransferTask


@dataclass(frozen=True)
class Holdout:
    """The n scenes of a task, and the positions among them that train and that test.

    Attributes:
        index: rows of the store's index, in the order of the arrays.
        images: (n, 12, side, side) uint16, reflectance x 10000.
        masks: (n, side, side) uint8, 1 in the plume.
        split: no place is on both sides.
    """

    index: pd.DataFrame
    images: np.ndarray
    masks: np.ndarray
    split: Fold

    @property
    def fuel(self) -> np.ndarray:
        """Class of each scene, (n,)."""
        return self.index["fuel"].to_numpy()

    @property
    def places(self) -> np.ndarray:
        """Location of each scene, (n,) of text."""
        return self.index["location"].to_numpy(str)

    def tested(self, prediction: np.ndarray) -> Tested:
        """What was predicted of the test scenes, classes (m,) or pixels (m, 4), beside them."""
        scenes = self.index.iloc[self.split.test]
        if prediction.ndim == 1:
            names = np.array(FUEL_CLASSES)
            prediction = np.column_stack([names[scenes["fuel"]], names[prediction]])
        return Tested(scenes, prediction, len(self.split.train))


class Tested(NamedTuple):
    """Test scenes of a hold-out: rows of the index, columns of OUTCOMES, how many trained."""

    scenes: pd.DataFrame
    outcomes: np.ndarray
    trained: int


def take_holdout(store: PlantStore, task: TransferTask, config: Transfer, run: int) -> Holdout:
    """The hold-out of a run: fold ``run`` of the places tests, the others train.

    Raises:
        Unavailable: no scene has a label of the task, or there are too few places.
    """
    rows = task_rows(store, task)
    index = store.index.iloc[rows].reset_index(drop=True)
    places, fuel = index["location"].to_numpy(str), index["fuel"].to_numpy()
    folds = scene_folds(places, fuel, config.folds, config.seed)
    return Holdout(index, store.images[rows], store.masks[rows], folds[run])


def task_rows(store: PlantStore, task: TransferTask) -> np.ndarray:
    """Scenes that a task uses.

    The fuel: those whose fuel is known. The plume: those that were outlined, and of the ones
    without a plume at most as many as with one, as in the released code.

    Raises:
        Unavailable: there are none.
    """
    index = store.index
    if task == "fuel":
        rows = np.flatnonzero(index["fuel"] != UNKNOWN)
    else:
        plume = np.flatnonzero(index["has_plume"])
        clear = np.flatnonzero(index["outlined"] & ~index["has_plume"])
        few = np.random.default_rng(0).permutation(clear)[: len(plume)]
        rows = np.sort(np.concatenate([plume, few]))
    if not len(rows):
        raise Unavailable(f"no scene has a label of the task {task}")
    return rows
