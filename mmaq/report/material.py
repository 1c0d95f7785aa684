"""What all sections of a page are made from, and what a section is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmaq.contracts.patches import PatchStore


@dataclass(frozen=True)
class Material:
    """Everything that was read, and what the page may say of the data set.

    ``predictions``, ``comparisons``, ``losses`` and ``timings`` have no row where nothing was
    given, ``distances`` (``training_distances``) none where stations cannot be split; ``store`` is
    ``None`` where there are no images. Units are those of the contracts.
    """

    table: pd.DataFrame
    predictions: pd.DataFrame
    sites: pd.DataFrame
    comparisons: pd.DataFrame
    losses: pd.DataFrame
    timings: pd.DataFrame
    distances: pd.DataFrame
    store: PatchStore | None
    dataset: str
    simulated: bool


@dataclass(frozen=True)
class Section:
    """A part of the page: ``name`` is its id and its template, ``title`` stands in the menu."""

    name: str
    title: str
    content: Any
