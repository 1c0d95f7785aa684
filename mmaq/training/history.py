"""The figures of a run, a row a step: kept on the device until they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmaq.files import replacing

COUNTS = ("epoch", "step")
Row = dict[str, float]


class History:
    """Rows of figures; those of the latest steps may still be tensors on the device.

    Reading a figure waits for the device, so it is read when a checkpoint or the end of an epoch
    asks for it, and not at each step.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._waiting: list[tuple[Row, list[str], Tensor, Row]] = []

    def add(self, place: Row, terms: dict[str, Tensor], more: Row) -> None:
        """Add a step: where it is in the run, the loss and its terms, and further figures."""
        names = ["loss", *(name for name in terms if name != "loss")]
        values = torch.stack([terms[name].detach().float() for name in names])
        self._waiting.append((place, names, values, more))

    def waiting(self) -> Tensor | None:
        """Terms of the rows to come, (rows, terms), to be joined over processes."""
        return torch.stack([row[2] for row in self._waiting]) if self._waiting else None

    def settle(self, values: Tensor) -> list[Row]:
        """Turn what waits into rows, with these values for the terms; gives the new rows."""
        new = [
            {**place, **dict(zip(names, row, strict=True)), **more}
            for (place, names, _, more), row in zip(self._waiting, values.tolist(), strict=True)
        ]
        self._waiting = []
        self.rows += new
        return new

    def frame(self) -> pd.DataFrame:
        """A column for each figure, NaN where a row has none."""
        frame = pd.DataFrame(self.rows)
        return frame.astype({name: np.int64 for name in COUNTS if name in frame})

    def write(self, path: Path) -> None:
        """Write the rows as CSV, figures to six significant digits."""
        with replacing(path) as temporary:
            self.frame().to_csv(temporary, index=False, float_format="%.6g")

    def state(self) -> dict[str, Any]:
        """Column names and one tensor, for a checkpoint."""
        frame = self.frame()
        return {"columns": list(frame), "values": torch.from_numpy(frame.to_numpy(np.float64))}

    def load(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        frame = pd.DataFrame(state["values"].numpy(), columns=state["columns"])
        self.rows = [
            {name: value for name, value in row.items() if name == "loss" or not np.isnan(value)}
            for row in frame.to_dict(orient="records")
        ]
        self._waiting = []
