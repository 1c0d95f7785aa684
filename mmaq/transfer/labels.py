"""Labels of the published layout: fuels by file name, and outlines of plumes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from mmaq.errors import TableError
from mmaq.files import read_json
from mmaq.transfer.layout import FUELS, LABELS, OUTLINES, part_of

OUTSIDE = 5.0
"""By how many percent of the image an outline may leave it: hands slip at the edge."""

Outlines = list[np.ndarray]


def read_fuels(root: Path) -> dict[str, int]:
    """Class of fuel by file name.

    Raises:
        TableError: the table is broken, or a fuel is unknown or contradicts another row's.
    """
    path = root / LABELS
    remedy = "Correct labels.csv"
    try:
        table = pd.read_csv(path, usecols=["filename", "fuel_type"], dtype=str)
    except (ValueError, UnicodeDecodeError) as fault:
        raise TableError(path, f"no table with filename and fuel_type ({fault})", remedy) from None
    table = table.dropna().drop_duplicates()
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
    for path in sorted(folder.rglob("*.json")):
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
