"""One line of the benchmark: a method under a protocol, and how it predicts a fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmaq.statistics.splits import Fold

Predict = Callable[[Fold, int], np.ndarray]
"""Fit on a fold's training stations with a seed, and predict its test stations in ug/m3."""


@dataclass(frozen=True)
class Entry:
    """``method``, ``protocol`` and ``modalities`` as in the benchmark table.

    ``prepare`` reads what the method needs and gives its ``Predict``; it raises ``Unavailable``
    where these data lack something, and then the row is skipped with that reason.
    ``shared_seconds`` was spent before on what the entry shares with others, as embeddings are.
    ``label_fraction`` is the share of the training stations' labels that ``Predict`` uses.
    ``calibrated`` entries are fitted a second time, for the intervals of their predictions.
    """

    method: str
    protocol: str
    modalities: str
    prepare: Callable[[], Predict]
    shared_seconds: float = 0.0
    label_fraction: float = 1.0
    calibrated: bool = False
