"""Tables in the formats that the report reads, made up: no figure here is a result."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.contracts.benchmark import Row
from mmaq.contracts.patches import INDEX, write_store
from mmaq.contracts.sites import COLUMNS, FEATURES, GEO, SITING
from mmaq.report.inputs import COMPARISONS
from mmaq.report.stations import groups_of
from mmaq.stages import timings_by_rule
from mmaq.vocabulary import AREAS, BANDS, TYPES

N_STATIONS, N_UNLABELLED, SIDE = 120, 30, 8
QUALITY = {
    ("mean", "reference", ""): 0.0, ("gbm", "reference", "table"): 0.52,
    ("gbm_geo_kriging", "reference", "table+geo"): 0.57,
    ("gbm_pixels", "reference", "s2+s5p+table"): 0.61,
    ("oracle_inputs", "reference", ""): 0.79, ("oracle", "reference", ""): 0.95,
    ("random_init", "linear", "s2+s5p"): 0.31, ("mmaq", "linear", "s2+s5p"): 0.42,
    ("mmaq", "linear", "s2"): 0.3, ("mmaq", "fused", "s2+s5p+table"): 0.58,
    ("mmaq", "finetune", "s2+s5p"): 0.55, ("mmaq_s2", "finetune", "s2"): 0.4,
}  # fmt: skip
CALIBRATED = (("mmaq", "finetune"), ("gbm_geo_kriging", "reference"))
LOSS = {"random": 0.0, "blocks": 0.08}


def make_sites(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = N_STATIONS + N_UNLABELLED
    sites = pd.DataFrame({"site_id": [f"S{index:04d}" for index in range(n)]})
    sites["lon"], sites["lat"] = rng.uniform(4.6, 13.5, n), rng.uniform(50.5, 56, n)
    sites["country"] = np.where(np.arange(n) % 3 == 0, "DE", "NL")
    for name in (*FEATURES, *GEO, *SITING):
        sites[name] = 0.0
    for group in (AREAS, TYPES):
        chosen = rng.integers(0, len(group), n)
        for place, name in enumerate(group):
            sites[name] = (chosen == place).astype(float)
    sites["no2"] = np.where(
        np.arange(n) < N_STATIONS, np.clip(rng.gamma(3.3, 6.4, n), 1, 90), np.nan
    )
    return sites.reindex(columns=list(COLUMNS))


def make_predictions(sites: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    known = sites[sites["no2"].notna()]
    mean, spread, n = known["no2"].mean(), known["no2"].std(), len(known)
    parts = []
    for (method, protocol, modalities), quality in QUALITY.items():
        for split, loss in LOSS.items():
            share = max(quality - loss, 0.0)
            for run in range(2):
                noise = rng.normal(0, spread * np.sqrt(share * (1 - share)), n)
                part = pd.DataFrame({"site_id": known["site_id"], "measured": known["no2"]})
                part["prediction"] = mean + share * (known["no2"] - mean) + noise
                half = 14.0 if (method, protocol) in CALIBRATED else np.nan
                part["low"], part["high"] = part["prediction"] - half, part["prediction"] + half
                parts.append(
                    part.assign(
                        task="no2", method=method, protocol=protocol, modalities=modalities,
                        label_fraction=1.0, split=split, run=run, seed=run,
                        fold=rng.integers(0, 5, n),
                    )
                )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def make_rows(predictions: pd.DataFrame, sites: pd.DataFrame) -> list[Row]:
    """Rows over all stations and by group, by share of the labels, of transfer, and skipped."""
    grouped = pd.concat([predictions.assign(group="all"), predictions.merge(groups_of(sites))])
    rows = []
    for key, part in grouped.groupby(["method", "protocol", "modalities", "split", "group"]):
        method, protocol, modalities, split, group = key
        common = {"method": method, "protocol": protocol, "modalities": modalities,
                  "split": split, "group": group}  # fmt: skip
        values = _metrics(part)
        rows += [_row(metric, value, **common) for metric, value in values.items()]
        if group == "all" and protocol == "linear":
            rows += [
                _row("r2", values["r2"] - lost, **common, label_fraction=fraction)
                for fraction, lost in ((0.01, 0.7), (0.1, 0.2))
            ]
    for split in LOSS:
        rows.append(
            Row(
                "default", "no2", "gbm_embedding", "s2+table", "reference", split, "r2",
                status="skipped", reason="the store holds no <embedding> & nothing like it",
            )
        )  # fmt: skip
    return rows + _transfer_rows()


def _metrics(part: pd.DataFrame) -> dict[str, float]:
    error = part["prediction"] - part["measured"]
    mse = float((error**2).mean())
    values = {"r2": 1 - mse / float(part["measured"].var(ddof=0)), "mse": mse, "rmse": mse**0.5,
              "mae": float(error.abs().mean()), "bias": float(error.mean())}  # fmt: skip
    if part["high"].notna().all():
        values["coverage90"] = float(part["measured"].between(part["low"], part["high"]).mean())
        values["width90"] = float((part["high"] - part["low"]).mean())
        values["interval_score90"] = 1.5 * values["width90"]
    values["mqi"] = 1.25
    return values


def _row(metric: str, value: float, method: str, protocol: str, modalities: str, split: str,
         task: str = "no2", **more: object) -> Row:  # fmt: skip
    width = 0.06 * abs(value) + 0.1 if metric in ("mse", "rmse", "mae", "bias") else 0.05
    return Row(
        "default", task, method, modalities, protocol, split, metric, value=value,
        low=value - width, high=value + width, runs=3, n_train=812, n_test=203,
        seconds=3.7 + 100 * len(modalities), **more,
    )  # fmt: skip


def _transfer_rows() -> list[Row]:
    rows = []
    for protocol, value in (("frozen", 0.612), ("finetune", 0.734), ("scratch", 0.555)):
        for task, metric in (("fuel", "accuracy"), ("fuel", "macro_f1"), ("plume", "miou"),
                             ("plume", "foreground_iou")):  # fmt: skip
            extra = 0.1 if metric == "miou" else 0.0
            rows.append(_row(metric, value + extra, "mmaq", protocol, "s2", "random", task))
    return rows


def make_comparisons(rows: list[Row]) -> pd.DataFrame:
    """Each pair once; better by 0.1 or more is called better."""
    r2 = {
        (row.split, row.method, row.protocol, row.modalities): row.value
        for row in rows
        if row.metric == "r2" and row.group == "all" and row.label_fraction == 1 and row.value
    }
    table = []
    for one, other in combinations(r2, 2):
        if one[0] != other[0]:
            continue
        gap = r2[one] - r2[other]
        verdict = "better" if gap > 0.1 else "worse" if gap < -0.1 else "open"
        bounds = (gap - 0.05, gap + 0.05, gap - 0.1, gap + 0.1)
        table.append(
            ("default", "no2", one[0], "r2", *one[1:], *other[1:], gap, *bounds, 120, verdict)
        )
    return pd.DataFrame(table, columns=list(COMPARISONS))


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


def make_timings(folder: Path) -> dict[str, list[Path]]:
    seconds = {"simulate": 61.0, "grid_part_2021Q1": 8.0, "grid_part_2021Q2": 9.5, "grid": 0.4,
               "landuse": 12.0, "patches": 31.0, "pretrain_mmaq": 214.0,
               "evaluate_references": 55.0, "evaluate_probes_mmaq": 21.0,
               "evaluate_finetune_finetune_mmaq": 118.0,
               "evaluate_finetune_finetune_all_mmaq": 109.0,
               "evaluate_supervised_scratch_mmaq": 47.0,
               "evaluate_supervised_supervised_aqnet": 33.0}  # fmt: skip
    timings = []
    for rule, value in seconds.items():
        timings.append(folder / f"{rule}.tsv")
        timings[-1].write_text(f"s\th:m:s\tmax_rss\tmax_vms\n{value}\t0:00:01\t812.5\t2000\n")
    return timings_by_rule(timings)


def make_store(sites: pd.DataFrame, folder: Path) -> None:
    """A patch at every site but the last: its red and blue tell the site's number."""
    n = len(sites) - 1
    s2 = np.full((n, len(BANDS), SIDE, SIDE), 800, np.uint16)
    for band, step in (("B04", 1), ("B02", 29)):
        number = np.arange(n, dtype=np.uint16)[:, None, None]
        s2[:, BANDS.index(band)] += 10 * (step * number % n)
    index = pd.DataFrame({"site_id": sites["site_id"], "s2_row": [*range(n), -1], "s5p_row": -1})
    index = index.assign(s2_product="", s2_time=pd.Timestamp("2021-06-01"), s2_clear=1.0)
    arrays = {
        "s2": s2, "s2_mask": np.ones((n, SIDE, SIDE), np.uint8),
        "s5p": np.zeros((0, 4, 4), np.float32), "s5p_mask": np.zeros((0, 4, 4), np.uint8),
    }  # fmt: skip
    about = {"s2": {"bands": list(BANDS), "side": SIDE, "pixel_m": 10.0, "units": "x 10000"}}
    write_store(folder, index[list(INDEX)], arrays, about, {"s5p": "not made here"})
