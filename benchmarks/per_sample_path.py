"""How the released code feeds its training, written anew: one file and one sample at a time.

Per site a ``.npy`` of H x W x 12 and one of the column are decoded, standardised in NumPy and
brought to the encoders' side by a bicubic resize; each of two views then draws its own grey step,
blur, dropped bands, flips, rotation, jitter and crop, in that order. The published
columns are NetCDF, which takes longer to decode than the ``.npy`` here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from mmaq.config.learning import Encoders
from mmaq.learn.data import Inputs

BANDS = [10, 2, 1, 0, 4, 5, 6, 3, 7, 11, 8, 9]
"""Where each band of B01..B12 stands in a published file."""

Sample = dict[str, Tensor]


def write_samples(folder: Path, inputs: Inputs) -> None:
    """Two files a site, in the published layout of axes."""
    for site in range(len(inputs)):
        s2 = inputs.pixels["s2"][site].numpy().transpose(1, 2, 0)
        np.save(folder / f"{site}_s2.npy", np.ascontiguousarray(s2))
        np.save(folder / f"{site}_s5p.npy", inputs.pixels["s5p"][site, 0].numpy())
    np.save(folder / "table.npy", inputs.table.numpy())


class SampleFiles(Dataset[tuple[Sample, Sample]]):
    """Two views of one site."""

    def __init__(self, folder: Path, size: int, encoders: Encoders) -> None:
        self.folder, self.size, self.encoders = folder, size, encoders
        self.table = np.load(folder / "table.npy")

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, site: int) -> tuple[Sample, Sample]:
        s2 = np.load(self.folder / f"{site}_s2.npy").astype(np.float32)[:, :, BANDS]
        s5p = np.load(self.folder / f"{site}_s5p.npy").astype(np.float32)[:, :, None]
        images = {
            "s2": _resize((s2 - 2000) / 1000, self.encoders.s2_input),
            "s5p": _resize((s5p - 4e-5) / 1e-5, self.encoders.s5p_input),
        }
        rng = np.random.default_rng()
        return self._view(images, site, rng, 0.6), self._view(images, site, rng, 1.0)

    def _view(
        self, images: dict[str, np.ndarray], site: int, rng: np.random.Generator, full: float
    ) -> Sample:
        view = {}
        strong = rng.random() < full
        for name, image in images.items():
            view[name] = _crop(_augment(image, name, rng) if strong else image, rng)
        row = self.table[site].copy()
        if full == 1.0:
            some = rng.choice(8, 6, replace=False)
            row[some] = self.table[rng.integers(0, self.size, 6), some]
        view["table"] = torch.from_numpy(np.concatenate([row, np.zeros(8, np.float32)]))
        return view


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """(h, w, c) to (side, side, c), bicubic."""
    if image.shape[0] == side:
        return image
    tensor = torch.from_numpy(image.transpose(2, 0, 1))[None]
    resized = functional.interpolate(tensor, (side, side), mode="bicubic", align_corners=False)
    return resized[0].numpy().transpose(1, 2, 0)


def _augment(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """The steps of a strong view but the crop, on (h, w, c)."""
    image = gaussian_filter(image, rng.uniform(0.1, 2.0))
    bands = image.shape[2]
    if name == "s2":
        image[:, :, rng.choice(bands, rng.integers(1, 9), replace=False)] = 0
    for axis in (0, 1):
        if rng.random() < 0.5:
            image = np.flip(image, axis)
    if rng.random() < 0.5:
        image = np.rot90(image, rng.integers(1, 4))
    result = np.empty_like(image)
    for band in range(bands):  # the released ColorJitter works on a band at a time
        gain, contrast = rng.uniform(0.8, 1.2, 2)
        value = image[:, :, band] * gain
        result[:, :, band] = contrast * value + (1 - contrast) * value.mean()
    return result


def _crop(image: np.ndarray, rng: np.random.Generator) -> Tensor:
    """A random resized crop of (side, side, c) to (c, side, side)."""
    side = image.shape[0]
    area, ratio = rng.uniform(0.08, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    height, width = (
        int(np.clip(round(side * np.sqrt(area * r)), 1, side)) for r in (1 / ratio, ratio)
    )
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    cut = np.ascontiguousarray(image[top : top + height, left : left + width].transpose(2, 0, 1))
    return functional.interpolate(
        torch.from_numpy(cut)[None], (side, side), mode="bilinear", antialias=True
    )[0]
