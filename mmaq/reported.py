"""Figures that others report, and some of our own on real stations; none is measured by a run.

The papers' figures are those of the README of the code released with MMAQ. Its MSE column belongs
to the fine-tuned models: with their R² it gives the variances of the targets,
MSE / (1 - R²), which differ from method to method, so the test sets were not one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """A figure of a paper: method and protocol as in the benchmark table, NO2 in µg/m³."""

    method: str
    protocol: str
    r2: float
    mse: float | None = None

    @property
    def target_variance(self) -> float | None:
        """Variance of the test targets that R² and MSE imply, (µg/m³)²."""
        return None if self.mse is None else self.mse / (1.0 - self.r2)


PAPER = (
    Reported("mmaq", "finetune", 0.7507, 32.601),
    Reported("mmaq", "linear", 0.5863),
    Reported("aqnet", "supervised", 0.6923, 39.524),
    Reported("decur", "finetune", 0.5753, 73.846),
    Reported("decur", "linear", 0.5038),
    Reported("barlow_twins", "finetune", 0.4281, 82.486),
    Reported("barlow_twins", "linear", 0.4136),
)


def paper_figure(method: str, protocol: str, metric: str) -> float | None:
    """A paper's R² ("r2") or MSE ("mse") for a row of the benchmark, where there is one."""
    for row in PAPER:
        if (row.method, row.protocol) == (method, protocol):
            return {"r2": row.r2, "mse": row.mse}.get(metric)
    return None


@dataclass(frozen=True)
class OnRealStations:
    """R² on the 2,674 stations of the published table, without any image.

    ``gbm``, ``gbm_geo`` and ``gbm_geo_kriging`` of ``results/published/benchmark.csv``
    (config/published.yaml), to two decimals; ``blocks`` are of 2 degrees.
    """

    features: str
    random: float
    blocks: float


REAL_TABLE = (
    OnRealStations("eight land-use features", 0.65, 0.60),
    OnRealStations("with OpenStreetMap features and coordinates", 0.74, 0.68),
    OnRealStations("with the inlet's place, surroundings and kriging", 0.78, 0.71),
)


def headline_gain() -> float:
    """The paper's headline: the share by which MMAQ's MSE is below AQNet's."""
    mse = {row.method: row.mse for row in PAPER if row.mse is not None}
    return 1.0 - mse["mmaq"] / mse["aqnet"]
