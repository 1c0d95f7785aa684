"""Plausible inputs of the report, made up: no figure here is a result of anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmaq.benchmark import Row, write_benchmark
from mmaq.report import write_report
from mmaq.sites import COLUMNS, FEATURES, GEO, write_sites

N_STATIONS, N_UNLABELLED = 120, 30
QUALITY = {
    ("mean", "reference", ""): 0.0, ("ridge", "reference", "table"): 0.44,
    ("gbm", "reference", "table"): 0.52, ("gbm_geo", "reference", "table+geo"): 0.57,
    ("gbm_pixels", "reference", "s2+s5p+table"): 0.61,
    ("oracle_inputs", "reference", ""): 0.79, ("oracle", "reference", ""): 0.95,
    ("random_init", "linear", "s2+s5p"): 0.31, ("random_init", "fused", "s2+s5p+table"): 0.49,
    ("mmaq", "linear", "s2+s5p"): 0.42, ("mmaq", "fused", "s2+s5p+table"): 0.58,
    ("mmaq", "finetune", "s2+s5p"): 0.55, ("mmaq_s2", "linear", "s2"): 0.29,
    ("mmaq_s2", "finetune", "s2"): 0.4,
}  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """Arguments of ``write_report``."""

    benchmark: Path
    predictions: list[Path]
    sites: Path
    losses: Path | None
    timings: list[Path]
    dataset: str = "default"
    simulated: bool = True

    def write(self, out: Path) -> str:
        write_report(
            self.benchmark, self.predictions, self.sites, self.losses, self.timings,
            self.dataset, self.simulated, out,
        )  # fmt: skip
        return out.read_text()

    def but(self, **changes: object) -> Inputs:
        return replace(self, **changes)


def make_sites(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = N_STATIONS + N_UNLABELLED
    sites = pd.DataFrame({"site_id": [f"S{index:04d}" for index in range(n)]})
    sites["lon"], sites["lat"] = rng.uniform(4.6, 13.5, n), rng.uniform(50.5, 56, n)
    sites["country"] = "DE"
    for name in (*FEATURES, *GEO):
        sites[name] = 0.0
    sites["rural"] = sites["background"] = 1.0
    sites["no2"] = np.where(
        np.arange(n) < N_STATIONS, np.clip(rng.gamma(3.3, 6.4, n), 1, 90), np.nan
    )
    sites["block"] = "2_25"
    return sites


def make_predictions(sites: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    known = sites[sites["no2"].notna()]
    mean, spread = known["no2"].mean(), known["no2"].std()
    parts = []
    for (method, protocol, _), quality in QUALITY.items():
        for split, loss in (("random", 0.0), ("blocks", 0.08)):
            share = max(quality - loss, 0.0)
            for run in range(3):
                signal = share * (known["no2"] - mean) + rng.normal(
                    0, spread * np.sqrt(share * (1 - share)), len(known)
                )
                parts.append(
                    pd.DataFrame(
                        {
                            "method": method,
                            "protocol": protocol,
                            "split": split,
                            "seed": run,
                            "fold": rng.integers(0, 5, len(known)),
                            "site_id": known["site_id"],
                            "no2": known["no2"],
                            "prediction": mean + signal,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def make_rows(predictions: pd.DataFrame) -> list[Row]:
    rows = []
    for (method, protocol, modalities), part in zip(
        QUALITY, [predictions.query("method == @k[0] and protocol == @k[1]") for k in QUALITY],
        strict=True,
    ):  # fmt: skip
        for split, here in part.groupby("split", sort=False):
            error = here["prediction"] - here["no2"]
            mse = float((error**2).mean())
            r2 = 1 - mse / float(here["no2"].var(ddof=0))
            values = {"r2": r2, "mse": mse, "rmse": mse**0.5, "mae": float(error.abs().mean()),
                      "bias": float(error.mean())}  # fmt: skip
            for metric, value in values.items():
                width = 0.05 if metric == "r2" else 0.06 * abs(value) + 0.1
                rows.append(
                    Row(
                        "default", "no2", method, modalities, protocol, str(split), metric,
                        value=value, low=value - width, high=value + width, runs=3, n_train=812,
                        n_test=203, seconds=3.7 + 100 * len(modalities),
                        reported=0.5863 if (method, protocol) == ("mmaq", "linear") else None,
                    )
                )  # fmt: skip
    for split in ("random", "blocks"):
        rows.append(
            Row(
                "default", "no2", "gbm_embedding", "s2+table", "reference", split, "r2",
                status="skipped", reason="the store holds no <embedding> & nothing like it",
            )
        )  # fmt: skip
    return rows


def make_losses() -> pd.DataFrame:
    step = np.arange(60)
    decay = np.exp(-step / 20)
    return pd.DataFrame(
        {
            "epoch": step // 5, "step": step, "loss": 90 * decay + 12,
            "intra_s2": 70 * decay + 8, "intra_s5p": 55 * decay + 11, "intra_table": 20 * decay + 3,
            "inter": 180 * decay + 40, "sigma_s2": 0.8 + 0.01 * step,
            "sigma_s5p": 0.8 + 0.02 * step,
            "sigma_table": 0.8 - 0.005 * step, "sigma_inter": 1 + 0.03 * step,
            "rank_s2": np.where(step % 5 == 4, 20.0 + step, np.nan), "lr": 0.1 * decay,
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A whole set of inputs on disk, which no test changes."""
    return make_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def output(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the page and its picture, made from ``inputs``."""
    folder = tmp_path_factory.mktemp("output")
    inputs.write(folder / "report.html")
    return folder


@pytest.fixture(scope="session")
def page(output: Path) -> str:
    """The page made from ``inputs``."""
    return (output / "report.html").read_text()


def make_inputs(folder: Path) -> Inputs:
    sites = make_sites()
    predictions = make_predictions(sites)
    write_sites(sites.reindex(columns=list(COLUMNS)), folder / "sites.parquet")
    half = len(predictions) // 2
    parts = [folder / "references.parquet", folder / "probes.parquet"]
    predictions[:half].to_parquet(parts[0])
    predictions[half:].to_parquet(parts[1])
    write_benchmark(make_rows(predictions), folder / "benchmark.csv")
    make_losses().to_csv(folder / "mmaq_losses.csv", index=False)
    timings = []
    seconds = {"simulate": 61.0, "grid_part_2021Q1": 8.0, "grid_part_2021Q2": 9.5, "grid": 0.4,
               "landuse": 12.0, "patches": 31.0, "pretrain": 214.0, "evaluate_references": 55.0,
               "evaluate_probes": 21.0, "evaluate_finetune_mmaq_random": 118.0,
               "evaluate_finetune_mmaq_blocks": 109.0}  # fmt: skip
    for rule, value in seconds.items():
        timings.append(folder / f"{rule}.tsv")
        timings[-1].write_text(f"s\th:m:s\tmax_rss\tmax_vms\n{value}\t0:00:01\t812.5\t2000\n")
    return Inputs(
        folder / "benchmark.csv", parts, folder / "sites.parquet", folder / "mmaq_losses.csv",
        timings,
    )  # fmt: skip
