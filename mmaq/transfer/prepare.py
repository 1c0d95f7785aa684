"""Stage: the store of scenes from a folder in the published layout."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.patches.store import BANDS
from mmaq.transfer.checks import check_masks
from mmaq.transfer.labels import read_fuels, read_outlines
from mmaq.transfer.layout import UNKNOWN, find_scenes
from mmaq.transfer.places import locations
from mmaq.transfer.rasters import SIDE, make_mask, read_image
from mmaq.transfer.store import write_plant_store

log = logging.getLogger(__name__)


def prepare_plants(root: Path, out: Path) -> None:
    """Read images, outlines and fuels of ``root`` and write the store ``out``.

    A positive image that nobody outlined has an unknown mask and takes no part in the
    segmentation; one that labels.csv does not name has no fuel.

    Raises:
        TableError: a part of the layout is missing or broken.
        ProductError: an image is damaged or not in the published layout.
        StoreError: masks lie flipped against their images.
    """
    scenes = find_scenes(root)
    fuels, outlines = read_fuels(root), read_outlines(root)
    images = np.empty((len(scenes), len(BANDS), SIDE, SIDE), np.uint16)
    masks = np.zeros((len(scenes), SIDE, SIDE), np.uint8)
    rows = []
    for number, scene in enumerate(tqdm(scenes, desc="plants", unit="scene", disable=None)):
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
    check_masks(images, masks, root)
    write_plant_store(out, index, images, masks)
    log.info(
        "%s: %d scenes of %d locations; %d with a plume, %d not outlined, %d without a fuel",
        out, len(index), index["location"].nunique(), index["has_plume"].sum(),
        (~index["outlined"]).sum(), (index["fuel"] == UNKNOWN).sum(),
    )  # fmt: skip
