"""Figures that others report, and some of our own on real stations; none is measured by a run.

The papers' figures are those of the README of the code released with MMAQ. Its MSE column belongs
to the fine-tuned models: with their R² it gives the variances of the targets,
MSE / (1 - R²), which differ from method to method, so the test sets were not one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """A figure of a paper: method, protocol and modalities as in the benchmark table, µg/m³."""

    method: str
    protocol: str
    modalities: str
    r2: float
    mse: float | None = None

    @property
    def target_variance(self) -> float | None:
        """Variance of the test targets that R² and MSE imply, (µg/m³)²."""
        return None if self.mse is None else self.mse / (1.0 - self.r2)


PAPER = (
    Reported("mmaq", "finetune", "s2+s5p", 0.7507, 32.601),
    Reported("mmaq", "linear", "s2+s5p", 0.5863),
    Reported("aqnet", "supervised", "s2+s5p+table", 0.6923, 39.524),
    Reported("decur", "finetune", "s2+s5p", 0.5753, 73.846),
    Reported("decur", "linear", "s2+s5p", 0.5038),
    Reported("barlow_twins", "finetune", "s2", 0.4281, 82.486),
    Reported("barlow_twins", "linear", "s2", 0.4136),
)


@dataclass(frozen=True)
class ReportedTransfer:
    """A figure of MMAQ on a task that it was not made for, as a share of 1.

    ``seed`` is what the README of the first release says, ``current`` what it says since; they
    differ where the authors swapped two cells (commit b965a48) and left no log that tells which
    is right. ``named`` is the README's word for the metric; ``metric`` is what the released code
    computes: its "mIoU" pools the pixels of all scenes and counts the foreground alone.
    """

    task: str
    protocol: str
    metric: str
    named: str
    seed: float
    current: float


TRANSFER = (
    ReportedTransfer("fuel", "frozen", "accuracy", "accuracy", 0.959, 0.884),
    ReportedTransfer("fuel", "finetune", "accuracy", "accuracy", 0.884, 0.959),
    ReportedTransfer("plume", "frozen", "foreground_iou", "mIoU", 0.618, 0.618),
    ReportedTransfer("plume", "finetune", "foreground_iou", "mIoU", 0.755, 0.755),
)


@dataclass(frozen=True)
class ReportedPollutant:
    """R² of one of the three outputs of AQNet: the mean of the runs in its repository's CSV."""

    task: str
    r2: float


AQNET_THREE_OUTPUTS = (
    ReportedPollutant("no2", 0.531),
    ReportedPollutant("o3", 0.356),
    ReportedPollutant("pm10", 0.287),
)


def paper_figure(
    task: str, method: str, protocol: str, modalities: str, metric: str
) -> float | None:
    """The paper's figure for a row of the benchmark over all stations, where there is one.

    Fuel classes have none: of the paper's two figures it is not known which is which.
    """
    if task == "no2":
        for row in PAPER:
            if (row.method, row.protocol, row.modalities) == (method, protocol, modalities):
                return {"r2": row.r2, "mse": row.mse}.get(metric)
    for figure in TRANSFER:
        known = figure.seed == figure.current and method == "mmaq"
        if known and (figure.task, figure.protocol, figure.metric) == (task, protocol, metric):
            return figure.current
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
    OnRealStations("with the inlet's place and kriging", 0.77, 0.69),
)


def headline_gain() -> float:
    """The paper's headline: the share by which MMAQ's MSE is below AQNet's."""
    mse = {row.method: row.mse for row in PAPER if row.mse is not None}
    return 1.0 - mse["mmaq"] / mse["aqnet"]
