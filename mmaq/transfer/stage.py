"""The stages of the transfer tasks: scenes into a store, references and encoders on a task."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.base.threads import limited_threads
from mmaq.config.learning import Encoders
from mmaq.config.parts import TransferPart
from mmaq.config.transfer import Transfer
from mmaq.transfer.holdouts import Tested, take_holdout
from mmaq.transfer.labels import UNKNOWN, find_scenes, read_fuels, read_outlines
from mmaq.transfer.outcomes import predict_or_skip, write_outcomes
from mmaq.transfer.places import locations
from mmaq.transfer.references import INPUTS, METHODS
from mmaq.transfer.store import open_plant_store, write_plant_store
from mmaq.vocabulary import BANDS, TRANSFER_REFERENCES, TransferTask

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


def evaluate_transfer_references(
    *, store: Path, config: Transfer, task: TransferTask, out: Path, fits: Path
) -> None:
    """Write the test predictions (Parquet) of a task's references, and a line about each (CSV).

    Args:
        store: the scenes, a folder.
        config: the hold-outs.
        task: of ``TRANSFER_REFERENCES``.
        out: predictions, scene by scene, of every hold-out.
        fits: a line a reference.

    Raises:
        StoreError: the store is missing or damaged.
    """
    opened = open_plant_store(store)

    def test(method: str, run: int) -> Tested:
        holdout = take_holdout(opened, task, config, run)
        return holdout.tested(METHODS[method](holdout, config.seed + run))

    outcomes = [
        predict_or_skip(task, name, "reference", INPUTS[name], config.holdouts, partial(test, name))
        for name in TRANSFER_REFERENCES[task]
    ]
    write_outcomes(outcomes, out, fits)


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
    """Write the test predictions (Parquet) of an encoder on a task, and lines about it (CSV).

    Args:
        store: the scenes, a folder.
        checkpoints: contract 4, of each run of the method that ``checkpoint_of(part.method)``
            names, which the hold-outs take in turn; without any a pretrained encoder is skipped.
        encoders: the sizes of an encoder that is trained from scratch.
        config: size of the scenes, hold-outs, training.
        part: task, method and protocols.
        out: predictions, scene by scene, of every hold-out.
        fits: a line a protocol with seconds and numbers of scenes, or the reason why there are
            none.

    Raises:
        StoreError: the store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
        ConfigError: the encoder does not suit the task.
    """
    # late: they need torch, which takes seconds to import, and the references do not
    from mmaq.transfer.runs import S2, load_encoder, predict_by_network

    opened = open_plant_store(store)
    log.info("predicting %s", part.name)

    task, method = part.task, part.method

    def test(protocol: str, run: int) -> Tested:
        seed = config.seed + run
        checkpoint = checkpoints[run % len(checkpoints)] if checkpoints else None
        encoder = load_encoder(checkpoint, encoders, config.size, method, protocol, seed)
        holdout = take_holdout(opened, task, config, run)
        found = predict_by_network(holdout, encoder, config, task, protocol, seed)
        return holdout.tested(found)

    with limited_threads(config.threads):
        outcomes = [
            predict_or_skip(task, method, how, S2, config.holdouts, partial(test, how))
            for how in part.protocols
        ]
    write_outcomes(outcomes, out, fits)
