"""Contract 5, test predictions: every station that a fold tests, by every method (Parquet)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow

from mmaq.base.errors import TableError


def read_predictions(path: Path) -> pd.DataFrame:
    """Read test predictions, in the columns of ``PREDICTIONS``.

    Raises:
        TableError: the file is absent or not a table of predictions.
    """
    remedy = "Run `mmaq evaluate` again"
    try:
        return pd.read_parquet(path, columns=list(PREDICTIONS))
    except FileNotFoundError:
        raise TableError(path, "the file of predictions does not exist", remedy) from None
    except (arrow.ArrowInvalid, OSError) as fault:
        raise TableError(path, f"not a table of predictions ({fault})", remedy) from None


PREDICTIONS = {
    "task": str, "method": str, "protocol": str, "modalities": str, "label_fraction": np.float64,
    "split": str, "seed": np.int64, "fold": np.int64, "site_id": str, "measured": np.float64,
    "prediction": np.float64, "radius": np.float64,
}  # fmt: skip
"""Columns: every test prediction of every seed, in ug/m3. ``radius`` is half the width of the 90 %
interval, NaN where none was calibrated."""


def join_predictions(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of predictions in the order of ``parts``, with its types even when it is empty."""
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in PREDICTIONS.items()})
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else empty
    return table[list(PREDICTIONS)].astype(PREDICTIONS)
