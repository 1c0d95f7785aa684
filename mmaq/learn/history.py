"""The figures of a run, a row a step, and the signs of collapse among them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from mmaq.base.errors import TrainingError
from mmaq.base.files import replacing
from mmaq.config.learning import Collapse

CAUSES = (
    "Lower pretrain.learning_rate, lengthen pretrain.warmup_share or widen pretrain.views; where "
    "the figures are meant to be so low, lower pretrain.collapse"
)

COUNTS = ("epoch", "step")
Row = dict[str, float]


class History:
    """Rows of figures; those of the latest steps may still be tensors on the device.

    Reading a figure waits for the device, so it is read when a checkpoint or the end of an epoch
    asks for it, and not at each step.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._waiting: list[tuple[Row, list[str], Tensor]] = []

    def add(self, place: Row, terms: Mapping[str, Tensor]) -> None:
        """Add a step: where it is in the run, and scalars, the loss among them."""
        names = ["loss", *(name for name in terms if name != "loss")]
        values = torch.stack([terms[name].detach().float() for name in names])
        self._waiting.append((place, names, values))

    def waiting(self) -> Tensor | None:
        """Terms of the rows to come, (rows, terms), to be joined over processes."""
        return torch.stack([row[2] for row in self._waiting]) if self._waiting else None

    def settle(self, values: Tensor) -> list[Row]:
        """Turn what waits into rows, with these values for the terms; gives the new rows."""
        new = [
            {**place, **dict(zip(names, row, strict=True))}
            for (place, names, _), row in zip(self._waiting, values.tolist(), strict=True)
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


def measure(embeddings: Mapping[str, np.ndarray]) -> dict[str, float]:
    """``rank_``, ``spread_`` and ``correlation_<modality>`` of embeddings by modality.

    Raises:
        TrainingError: an embedding is not finite.
    """
    figures = {}
    for name, values in embeddings.items():
        found = torch.from_numpy(values)
        if not torch.isfinite(found).all():
            fault = f"the run diverged: {name} embeddings are not finite"
            raise TrainingError("pretraining", fault, "Lower pretrain.learning_rate")
        figures[f"rank_{name}"] = effective_rank(found)
        figures[f"spread_{name}"] = spread(found)
        figures[f"correlation_{name}"] = correlation(found)
    return figures


def effective_rank(embeddings: Tensor) -> float:
    """Exponential of the entropy of the singular values of centred embeddings, (n, d).

    Roy and Vetterli (2007, The effective rank, EUSIPCO, 606-610); used on embeddings as RankMe by
    Garrido et al. (2023, arXiv:2210.02885). Between 1 (all
    samples on one line; also where there is no spread at all) and min(n - 1, d).
    """
    values = torch.linalg.svdvals((embeddings - embeddings.mean(dim=0)).double())
    total = values.sum()
    if total <= 0:
        return 1.0
    shares = values / total
    return float(torch.exp(-torch.special.xlogy(shares, shares).sum()))


def spread(embeddings: Tensor) -> float:
    """Standard deviation of each dimension of the embeddings' directions, mean, times sqrt(d).

    The measure of SimSiam (Chen and He 2021, section 4.1): 0 where all embeddings, (n, d), point
    the same way; near 1 where their directions are spread evenly. It does not depend on the
    embeddings' scale.
    """
    directions = functional.normalize(embeddings.double(), dim=1)
    return float(directions.std(dim=0, correction=0).mean() * directions.shape[1] ** 0.5)


def correlation(embeddings: Tensor) -> float:
    """Mean absolute correlation of two different dimensions of the embeddings, (n, d).

    Dimensions without any spread have no correlation and are left out; 0 where fewer than two are
    left.
    """
    values = embeddings.double()
    centred = values - values.mean(dim=0)
    size = centred.norm(dim=0)
    alive = size > 1e-6 * values.norm(dim=0).clamp(min=1e-300)
    scaled = centred[:, alive] / size[alive]
    count = scaled.shape[1]
    if count < 2:
        return 0.0
    return float(((scaled.T @ scaled).abs().sum() - count) / (count * (count - 1)))


def refuse_collapse(figures: Mapping[str, float], limits: Collapse, epoch: int) -> None:
    """Stop a run whose figures (see :func:`measure`) after ``epoch`` pass the limits.

    Raises:
        TrainingError: names the modality, the figure and what to change.
    """
    checks = (
        ("rank", "effective rank", limits.rank, "at least", lambda x: x < limits.rank),
        ("spread", "spread", limits.spread, "at least", lambda x: x < limits.spread),
        ("correlation", "mean correlation", limits.correlation, "at most",
         lambda x: x > limits.correlation),
    )  # fmt: skip
    for key, words, limit, side, passed in checks:
        for name, value in figures.items():
            if name.startswith(f"{key}_") and passed(value):
                modality = name.removeprefix(f"{key}_")
                raise TrainingError(
                    f"pretraining, epoch {epoch}",
                    f"the {modality} embeddings have collapsed: {words} {value:.3g}, {side} "
                    f"{limit:g} is asked for",
                    CAUSES,
                )
