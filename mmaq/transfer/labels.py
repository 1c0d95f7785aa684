"""The published layout of power-plant scenes (Zenodo 5874537): images, fuels, outlines of plumes.

    images/PART/.../positive/NAME.tif       13 bands, scenes with a plume
    images/PART/.../negative/NAME.tif       scenes without one
    segmentation_labels/PART/*.json         outlines of plumes, in percent of the image
    labels.csv                              fuel and weather by file name

PART is training/120x120, training/300x300 or validation; whatever parts there are, are read. It is
the layout that the released code expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mmaq.base.errors import TableError
from mmaq.base.files import files_below, read_json
from mmaq.base.tables import read_table

OUTSIDE = 5.0
"""By how many percent of the image an outline may leave it: hands slip at the edge."""

Outlines = list[np.ndarray]

IMAGES, OUTLINES, LABELS = "images", "segmentation_labels", "labels.csv"

KINDS = ("positive", "negative")

FUELS = {
    "Fossil Brown coal/Lignite": 0, "Fossil Hard coal": 1, "Fossil Gas": 2,
    "Fossil Coal-derived gas": 2, "Fossil Peat": 3, "Fossil Oil": 3,
}  # fmt: skip
"""Class of each fuel of ``labels.csv``."""

UNKNOWN = -1
"""Class of a scene that ``labels.csv`` does not name."""

REMEDY = "Give the folder that holds images/, segmentation_labels/ and labels.csv (Zenodo 5874537)"


@dataclass(frozen=True)
class SceneFile:
    """An image: ``part`` is its folder below images/ without the last, positive or negative."""

    path: Path
    part: str
    positive: bool

    @property
    def scene_id(self) -> str:
        """Unique name: part and file name without its suffix."""
        return f"{self.part}/{self.path.stem}"


def find_scenes(root: Path) -> list[SceneFile]:
    """All images of a folder in the published layout, by path.

    Raises:
        TableError: a part of the layout is missing, or it holds no image.
    """
    for name in (IMAGES, OUTLINES, LABELS):
        if not (root / name).exists():
            raise TableError(root / name, "it does not exist", REMEDY)
    images = root / IMAGES
    found = []
    for path in files_below(images):
        if path.suffix.lower() != ".tif":
            continue
        folders = path.parent.relative_to(images).parts
        kinds = [kind for kind in KINDS if kind in folders]
        if len(kinds) == 1:
            found.append(SceneFile(path, part_of(path, images), kinds == ["positive"]))
    if not found:
        raise TableError(images, "no folder positive or negative holds a .tif", REMEDY)
    return found


def part_of(path: Path, folder: Path) -> str:
    """The part that a file below images/ or segmentation_labels/ belongs to."""
    names = path.parent.relative_to(folder).parts
    return "/".join(name for name in names if name not in KINDS)


def read_fuels(root: Path) -> dict[str, int]:
    """Class of fuel by file name.

    Raises:
        TableError: the table is broken, or a fuel is unknown or contradicts another row's.
    """
    path = root / LABELS
    remedy = "Correct labels.csv"
    table = read_table(path, ["filename", "fuel_type"]).dropna().drop_duplicates()
    unknown = table[~table["fuel_type"].isin(list(FUELS))]
    if len(unknown):
        name, fuel = unknown.iloc[0]
        known = ", ".join(FUELS)
        raise TableError(path, f"{name} has the unknown fuel {fuel!r}", f"Use one of: {known}")
    classes = table["fuel_type"].map(FUELS)
    per_name = classes.groupby(table["filename"]).nunique()
    if (per_name > 1).any():
        raise TableError(path, f"{per_name.idxmax()} has two fuels", remedy)
    return dict(zip(table["filename"], classes, strict=True))


def read_outlines(root: Path) -> dict[tuple[str, str], Outlines]:
    """Outlines in percent of the image, (n, 2) x and y each, by part and name of the image.

    An image that was looked at without any being drawn has an empty list.

    Raises:
        TableError: a file is broken, leads out of the folder, or draws outside of the image.
    """
    folder = root / OUTLINES
    found: dict[tuple[str, str], Outlines] = {}
    for path in files_below(folder):
        if path.suffix.lower() != ".json":
            continue
        part = part_of(path, folder)
        label = read_json(path, TableError, "Fetch the labels again (Zenodo 5874537)")
        try:
            image = str(label["data"]["image"])
            rings = [
                np.array(result["value"]["points"], float)
                for completion in label["completions"]
                for result in completion["result"]
            ]
        except (KeyError, TypeError, ValueError) as fault:
            line = f"no outlines in the published form ({type(fault).__name__}: {fault})"
            raise TableError(path, line, "Give data.image and completions") from None
        for ring in rings:
            _check(ring, path)
        found.setdefault((part, image_name(image, path)), []).extend(rings)
    return found


def image_name(image: str, path: Path) -> str:
    """The file that ``data.image`` means: "/data/upload/7-NAME.png" is NAME.tif.

    Raises:
        TableError: it leads out of the folder, or is named otherwise.
    """
    parts = PurePosixPath(image).parts
    if ".." in parts:
        fault = f"data.image {image!r} leads out of the folder"
        raise TableError(path, fault, "Name the image by /data/upload/NUMBER-NAME.png")
    number, _, name = (parts[-1] if parts else "").partition("-")
    if not number or not name.endswith(".png"):
        fault = f"data.image {image!r} is not named NUMBER-NAME.png"
        raise TableError(path, fault, "Name the image by /data/upload/NUMBER-NAME.png")
    return f"{name.removesuffix('.png')}.tif"


def _check(ring: Any, path: Path) -> None:
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3:
        fault = f"an outline of shape {ring.shape} is no polygon"
        raise TableError(path, fault, "Give three points (x, y) or more")
    inside = np.isfinite(ring) & (ring >= -OUTSIDE) & (ring <= 100 + OUTSIDE)
    if not inside.all():
        x, y = ring[~inside.all(axis=1)][0]
        fault = f"an outline goes through ({x:g}, {y:g}), outside of the image (0 to 100 %)"
        raise TableError(path, fault, "Give the points in percent of the image")
