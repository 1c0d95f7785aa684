"""The stages ``plants`` and ``evaluate_transfer``: scenes into a store, one encoder on one task."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.base.errors import Unavailable
from mmaq.base.files import replacing
from mmaq.config.learning import Encoders
from mmaq.config.parts import TransferPart
from mmaq.config.transfer import Transfer
from mmaq.contracts.predictions import write_fits
from mmaq.learn.devices import limited_threads
from mmaq.statistics.metrics import PIXELS
from mmaq.transfer.labels import UNKNOWN, find_scenes, read_fuels, read_outlines
from mmaq.transfer.places import locations
from mmaq.transfer.runs import Run, load_encoder, run_seed
from mmaq.transfer.store import open_plant_store, write_plant_store
from mmaq.vocabulary import BANDS

COLUMNS = ("task", "method", "protocol", "seed", "scene_id", "location")
"""Columns of the predictions, before those of OUTCOMES."""

OUTCOMES = {"fuel": ("truth", "prediction"), "plume": PIXELS}
"""Names of classes, or numbers of pixels."""

SPLIT = "random"
"""Random over places: no place is on both sides."""

log = logging.getLogger(__name__)


def plants(*, scenes: Path, out: Path) -> None:
    """Read images, outlines and fuels of the folder ``scenes`` and write the store ``out``.

    A positive image that nobody outlined has an unknown mask and takes no part in the
    segmentation; one that labels.csv does not name has no fuel.

    Raises:
        TableError: a part of the layout is missing or broken.
        ProductError: an image is damaged or not in the published layout.
        StoreError: masks lie flipped against their images.
    """
    # late: it needs rasterio, and training must not
    from mmaq.transfer.rasters import SIDE, check_masks, make_mask, read_image

    found = find_scenes(scenes)
    fuels, outlines = read_fuels(scenes), read_outlines(scenes)
    images = np.empty((len(found), len(BANDS), SIDE, SIDE), np.uint16)
    masks = np.zeros((len(found), SIDE, SIDE), np.uint8)
    rows = []
    for number, scene in enumerate(tqdm(found, desc="plants", unit="scene", disable=None)):
        images[number], side, place = read_image(scene.path)
        drawn = outlines.get((scene.part, scene.path.name)) if scene.positive else []
        masks[number] = make_mask(drawn or [], side)
        rows.append(
            (scene.scene_id, *place, fuels.get(scene.path.name, UNKNOWN), bool(drawn),
             drawn is not None, side)
        )  # fmt: skip
    columns = ["scene_id", "lon", "lat", "fuel", "has_plume", "outlined", "side"]
    index = pd.DataFrame(rows, columns=columns)
    index["location"] = locations(
        index["scene_id"].tolist(), index["lon"].to_numpy(float), index["lat"].to_numpy(float)
    )
    check_masks(images, masks, scenes)
    write_plant_store(out, index, images, masks)
    log.info(
        "%s: %d scenes of %d locations; %d with a plume, %d not outlined, %d without a fuel",
        out, len(index), index["location"].nunique(), index["has_plume"].sum(),
        (~index["outlined"]).sum(), (index["fuel"] == UNKNOWN).sum(),
    )  # fmt: skip


def evaluate_transfer(
    *,
    store: Path,
    checkpoints: Sequence[Path],
    encoders: Encoders,
    config: Transfer,
    part: TransferPart,
    out: Path,
    fits: Path,
) -> None:
    """Write the test predictions (Parquet) of one part of the transfer tasks, and its fit (CSV).

    Args:
        store: the scenes, a folder.
        checkpoints: contract 4, of each run of the method that ``checkpoint_of(part.method)``
            names, which the seeds take in turn; without any a pretrained encoder is skipped.
        encoders: the sizes of an encoder that is trained from scratch.
        config: size of the scenes, seeds, training.
        part: task, method and protocol.
        out: predictions, scene by scene, of every seed.
        fits: a line with seconds and numbers of scenes, or the reason why there are none (CSV).

    Raises:
        StoreError: the store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
        ConfigError: the encoder does not suit the task.
    """
    opened = open_plant_store(store)
    log.info("predicting %s", part.name)
    start = time.perf_counter()
    runs: dict[int, Run] = {}
    reason = ""
    try:
        with limited_threads(config.threads):
            for number, seed in enumerate(config.seeds):
                checkpoint = checkpoints[number % len(checkpoints)] if checkpoints else None
                encoder = load_encoder(checkpoint, encoders, config.size, part, seed)
                runs[seed] = run_seed(opened, encoder, config, part, seed)
    except Unavailable as fault:
        runs, reason = {}, str(fault)
        log.info("%s: skipped: %s", part.name, reason)
    seconds = time.perf_counter() - start
    with replacing(out) as temporary:
        join_outcomes(runs, part).to_parquet(temporary, index=False)
    write_fits(fits, [_fit(runs, part, seconds, reason)])


def _fit(runs: dict[int, Run], part: TransferPart, seconds: float, reason: str) -> dict[str, Any]:
    """The line of ``FITS`` about a part."""
    entry = {
        "task": part.task, "method": part.method, "protocol": part.protocol, "modalities": "s2",
        "label_fraction": 1.0, "split": SPLIT,
    }  # fmt: skip
    if not runs:
        skipped = {"n_train": 0, "n_test": 0, "seconds": np.nan, "status": "skipped"}
        return {**entry, **skipped, "reason": reason}
    return {
        **entry, "n_train": round(float(np.mean([run.trained for run in runs.values()]))),
        "n_test": round(float(np.mean([len(run.test) for run in runs.values()]))),
        "seconds": seconds, "status": "ok", "reason": "",
    }  # fmt: skip


def join_outcomes(runs: dict[int, Run], part: TransferPart) -> pd.DataFrame:
    """Every test scene of every seed with what was predicted."""
    columns = [*COLUMNS, *OUTCOMES[part.task]]
    tables = [pd.DataFrame(columns=columns)]
    for seed, run in runs.items():
        table = run.test[["scene_id", "location"]].reset_index(drop=True)
        table[list(OUTCOMES[part.task])] = run.outcomes
        task, method, protocol = part
        tables.append(table.assign(task=task, method=method, protocol=protocol, seed=seed))
    return pd.concat(tables[1:] or tables, ignore_index=True)[columns]
