"""The published layout (Zenodo 5874537, as the released code expects it), and what is in a folder.

    images/PART/.../positive/NAME.tif       13 bands, scenes with a plume
    images/PART/.../negative/NAME.tif       scenes without one
    segmentation_labels/PART/*.json         outlines of plumes, in percent of the image
    labels.csv                              fuel and weather by file name

PART is training/120x120, training/300x300 or validation; whatever parts there are, are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmaq.errors import TableError

IMAGES, OUTLINES, LABELS = "images", "segmentation_labels", "labels.csv"
KINDS = ("positive", "negative")
CLASSES = ("lignite", "hard coal", "gas", "peat or oil")
"""Names of the four classes of fuel."""
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
    for path in sorted(images.rglob("*.tif")):
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
