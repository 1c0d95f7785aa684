"""A small published folder, its store, and small encoders."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.models.encoders import Encoders
from mmaq.transfer.stage import plants as prepare_plants
from tests.transfer.published import Folder, box, noise_image, plume_image

FUELS = ("Fossil Brown coal/Lignite", "Fossil Hard coal", "Fossil Gas", "Fossil Oil")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """48 scenes of 16 plants: each fuel brightens a band, and the plume is a bright rectangle."""
    rng = np.random.default_rng(3)
    folder = Folder(tmp_path_factory.mktemp("plants") / "published")
    for plant in range(16):
        for day in range(3):
            left, top = rng.integers(5, 30, 2).tolist()
            ring = box(left, top, left + 35, top + 30)
            image = plume_image(rng, ring) if day else noise_image(rng)
            image[3 * (plant % 4)] += 5000
            folder.add(
                f"P{plant:02d}_2020-01-0{day + 1}", image, [ring] if day else (), FUELS[plant % 4],
                place=(400_000 + 10_000 * plant, 5_900_000),
            )  # fmt: skip
    return folder.finish()


@pytest.fixture(scope="session")
def plant_store(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("stores") / "plants"
    prepare_plants(scenes=folder, out=out)
    return out


@pytest.fixture
def encoder():
    return Encoders(EncodersConfig(), ("s2",))["s2"]
