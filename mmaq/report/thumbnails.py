"""Sentinel-2 patches as small pictures in natural colours."""

from __future__ import annotations

import base64
import io

import matplotlib.image
import numpy as np

from mmaq.vocabulary import BANDS

RED_GREEN_BLUE = [BANDS.index(name) for name in ("B04", "B03", "B02")]

BRIGHTEST = 0.25
"""Reflectance that is drawn white; one stretch for all patches, so that they can be compared."""

GAMMA = 1.8

LONGEST = 96
"""Pixels a side, at most: larger patches are averaged."""


def natural_colour(patch: np.ndarray) -> np.ndarray:
    """Red, green and blue, (side, side, 3) uint8, of a patch (12, side, side), reflectance x 10⁴.

    A patch larger than ``LONGEST`` is averaged over squares; the last rows and columns that fill
    no square are left out.
    """
    bands = np.asarray(patch)[RED_GREEN_BLUE].astype(np.float64) / 1e4
    step = -(-bands.shape[-1] // LONGEST)
    side = bands.shape[-1] // step
    squares = bands[:, : side * step, : side * step].reshape(3, side, step, side, step)
    bright = np.clip(squares.mean(axis=(2, 4)) / BRIGHTEST, 0.0, 1.0) ** (1.0 / GAMMA)
    return np.round(255 * bright).astype(np.uint8).transpose(1, 2, 0)


def data_uri(picture: np.ndarray) -> str:
    """``picture`` (side, side, 3) uint8 as a PNG in a data URI."""
    buffer = io.BytesIO()
    # matplotlib writes its own version unless told something else
    matplotlib.image.imsave(buffer, picture, format="png", metadata={"Software": ""})
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
