"""What is simulated lies in the published layout and is read as it was written."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import ConfigError
from mmaq.config.transfer import Transfer
from mmaq.simulate.plants import scene as scenes
from mmaq.simulate.plants.ground import make_ground
from mmaq.simulate.plants.plant import FUELS, LIGNITE, NATURAL, Plant, draw_plants
from mmaq.simulate.plants.write import outline, write_scene
from mmaq.simulate.stage import simulate_plants
from mmaq.transfer.labels import FUELS as CLASSES
from mmaq.transfer.labels import read_outlines
from mmaq.transfer.rasters import make_mask, read_image
from mmaq.transfer.stage import plants as prepare_plants
from mmaq.transfer.store import open_plant_store
from tests.simulate.conftest import SMALL, WEEK
from tests.simulate.plants.conftest import FEW


@pytest.fixture(scope="module")
def plant(world):
    west, south, east, north = world.bounds
    return Plant(0, (west + east) / 2, (south + north) / 2, LIGNITE, 900.0, NATURAL)


def _take(world, plant, side=120):
    ground = make_ground(world, plant, side, np.random.default_rng(0))
    return scenes.take_scene(world, plant, ground, WEEK.start, np.random.default_rng(4)), ground


def test_the_stages_after_read_what_was_written(plant_scenes, tmp_path):
    prepare_plants(scenes=plant_scenes, out=tmp_path / "store")
    index = open_plant_store(tmp_path / "store").index
    table = pd.read_csv(plant_scenes / "labels.csv")
    assert len(index) == len(table) == 24
    assert index["location"].nunique() == 12
    assert (index["side"] == 300).any()
    fuel = dict(zip(table["filename"], table["fuel_type"].map(CLASSES), strict=True))
    names = index["scene_id"].str.rsplit("/", n=1).str[1] + ".tif"
    assert (names.map(fuel) == index["fuel"]).all()
    per_place = index.groupby("location")["fuel"].nunique()
    assert (per_place == 1).all()


def test_an_image_and_its_outline_come_back(world, plant, tmp_path):
    scene, ground = _take(world, plant)
    assert scene.plume.any()
    write_scene(tmp_path, "training/120x120", 0, scene, ground)
    path = next(tmp_path.rglob("*.tif"))
    image, side, (lon, lat) = read_image(path)
    assert np.array_equal(image, scene.image[[*range(10), 11, 12]])
    assert side == 120
    assert 5 < lon < 13
    assert 50 < lat < 57
    (rings,) = read_outlines(tmp_path).values()
    mask = make_mask(rings, 120).astype(bool)
    assert (mask & scene.plume).sum() / (mask | scene.plume).sum() > 0.95


def test_the_outline_of_a_mask_is_its_mask():
    plume = np.zeros((120, 120), bool)
    plume[20:60, 30:50] = plume[40:50, 50:100] = True
    plume[100, 100] = True
    rings = [np.array(ring) for ring in outline(plume)]
    plume[100, 100] = False  # too small to be outlined
    assert np.array_equal(make_mask(rings, 120).astype(bool), plume)


def test_the_same_seed_gives_the_same_bytes(plant_scenes, tmp_path):
    simulate_plants(config=SMALL, period=WEEK, transfer=FEW, scenes=tmp_path / "again")
    one, again = (_digests(root) for root in (plant_scenes, tmp_path / "again"))
    assert one == again


def _digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_plants_stand_on_land_apart_from_each_other_and_burn_everything(world):
    plants = draw_plants(world, 40, np.random.default_rng(0))
    places = np.array([(plant.x, plant.y) for plant in plants])
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert apart[~np.eye(40, dtype=bool)].min() >= 3000
    assert (world.elevation(*places.T) > 0).all()
    assert {plant.fuel for plant in plants} == set(range(len(FUELS)))
    assert {fuel.name for fuel in FUELS} == set(CLASSES)


def test_a_full_land_is_refused(world):
    with pytest.raises(ConfigError, match=r"room for \d+ plants, transfer\.plants is 500"):
        draw_plants(world, 500, np.random.default_rng(0))


def test_more_scenes_than_days_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"14 days are fewer than the 20 scenes"):
        simulate_plants(
            config=SMALL,
            period=WEEK,
            transfer=Transfer(scenes=80, plants=4),
            scenes=tmp_path / "scenes",
        )
    assert not (tmp_path / "scenes").exists()


def test_a_plant_at_rest_has_no_plume(world, plant, monkeypatch):
    monkeypatch.setattr(scenes, "_sources", lambda *_: [])
    assert not _take(world, plant)[0].plume.any()


def test_bands_are_plausible(world, plant):
    image = _take(world, plant)[0].image
    assert image.shape == (13, 120, 120)
    assert 200 < np.median(image[3]) < 3000
    assert np.median(image[10]) < 30
    # 60 m bands are repeated on 10 m
    blocks = image[0].reshape(20, 6, 20, 6)
    assert (blocks == blocks[:, :1, :, :1]).all()
