"""References: better than chance where scenes show something, and blind to test labels."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from mmaq.config.transfer import Transfer
from mmaq.contracts.benchmark import read_benchmark
from mmaq.evaluate.stage import benchmark_table
from mmaq.statistics.metrics import pixel_metrics
from mmaq.transfer import references
from mmaq.transfer.holdouts import take_holdout
from mmaq.transfer.references import METHODS, brightness_excess, centre_of, colour_features
from mmaq.transfer.stage import evaluate_transfer_references
from mmaq.transfer.store import PlantStore
from mmaq.vocabulary import BANDS, REFERENCES, TRANSFER_REFERENCES

SIDE = 120
THIRDS = Transfer(folds=3, holdouts=3)


@pytest.fixture(scope="module", autouse=True)
def colours_once():
    """Colours of the same pixels are made once: they take longer than the trees on them."""
    made = {}

    def remembered(images):
        key = images.shape, hashlib.sha1(images.tobytes()).digest()
        if key not in made:
            made[key] = colour_features(images)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "colour_features", remembered)
        yield


@pytest.fixture(scope="module")
def store():
    """72 scenes of 36 plants: a fuel darkens or brightens the centre, a plume lies beside it.

    Of the ground each scene has its own brightness, so that a plume is bright only beside it.
    """
    rng = np.random.default_rng(4)
    fuel = np.repeat(np.arange(36) % 4, 2)
    ground = rng.integers(800, 3000, (72, 1, 1, 1))
    images = ground + rng.integers(0, 300, (72, len(BANDS), SIDE, SIDE))
    images[:, BANDS.index("B11")][:, centre_of(SIDE)] += 900 * fuel[:, None]
    masks = np.zeros((72, SIDE, SIDE), np.uint8)
    masks[1::2, 70:90, 10:60] = 1
    images[:, BANDS.index("B02")][masks > 0] += 1200
    index = pd.DataFrame(
        {
            "scene_id": [f"s{number}" for number in range(72)],
            "location": [f"place:{number // 2}" for number in range(72)],
            "fuel": fuel, "has_plume": masks.any(axis=(1, 2)), "outlined": True, "side": SIDE,
        }
    )  # fmt: skip
    return PlantStore(index, images.astype(np.uint16), masks)


def _right(store, method):
    """Share of the scenes whose fuel is told, over all thirds."""
    right = []
    for run in range(3):
        holdout = take_holdout(store, "fuel", THIRDS, run)
        right.append(METHODS[method](holdout, run) == holdout.fuel[holdout.split.test])
    return np.concatenate(right).mean()


def test_colours_tell_a_fuel_that_shows(store):
    assert _right(store, "gbm_colours") > 0.8


def test_the_commonest_fuel_is_as_good_as_chance(store):
    assert _right(store, "majority") == pytest.approx(0.25, abs=0.05)


def test_a_plume_that_is_brighter_than_its_ring_is_found(store):
    counts = [
        METHODS["brightness"](take_holdout(store, "plume", THIRDS, run), run) for run in range(3)
    ]
    _, found = pixel_metrics(np.concatenate(counts).sum(axis=0, keepdims=True))[0]
    assert found > 0.8


@pytest.mark.parametrize(
    ("task", "method"), [(t, m) for t in TRANSFER_REFERENCES for m in TRANSFER_REFERENCES[t]]
)
def test_labels_of_test_scenes_are_not_seen(store, task, method):
    holdout = take_holdout(store, task, THIRDS, 0)
    told = METHODS[method](holdout, 0)
    test = holdout.split.test
    fuel, masks = holdout.index["fuel"].to_numpy().copy(), holdout.masks.copy()
    fuel[test], masks[test] = (fuel[test] + 1) % 4, 1 - masks[test]
    other = type(holdout)(holdout.index.assign(fuel=fuel), holdout.images, masks, holdout.split)
    again = METHODS[method](other, 0)
    if task == "fuel":
        assert np.array_equal(told, again)
    else:  # what was plume and found is now wrongly found, and so on
        assert np.array_equal(told[:, [1, 0, 3, 2]], again)


def test_shuffled_fuels_teach_trees_nothing(store):
    order = np.random.default_rng(1).permutation(36)
    shuffled = store.index.assign(fuel=np.repeat((np.arange(36) % 4)[order], 2))
    assert _right(PlantStore(shuffled, store.images, store.masks), "gbm_colours") < 0.45


def test_colours_of_centre_and_ring_are_apart(store):
    values = colour_features(store.images[:3].copy())
    brighter = store.images[:3].copy()
    brighter[:, :, centre_of(SIDE)] += 100
    moved = ~np.isclose(colour_features(brighter), values).all(axis=0)
    half = values.shape[1] // 2
    assert values.shape == (3, 132)
    assert moved[:half].any()
    assert not moved[half:].any()


def test_brightness_is_that_above_the_ring(store):
    excess = brightness_excess(store.images[:4])
    assert excess.shape == (4, SIDE, SIDE)
    assert np.abs(np.median(excess[:, ~centre_of(SIDE)], axis=1)).max() < 1e-6
    assert excess[1][store.masks[1] > 0].mean() == pytest.approx(0.12, abs=0.005)


@pytest.mark.parametrize("task", TRANSFER_REFERENCES)
def test_references_have_rows_and_are_compared(plant_store, tmp_path, task):
    out, fits = tmp_path / "predictions.parquet", tmp_path / "fits.csv"
    evaluate_transfer_references(store=plant_store, config=THIRDS, task=task, out=out, fits=fits)
    benchmark_table(
        predictions=[out], fits=[fits], sites=None, block_degrees=1.0, draws=50, dataset="tiny",
        out=tmp_path / "rows.csv", metrics=tmp_path / "metrics.json",
        comparisons=tmp_path / "comparisons.csv",
    )  # fmt: skip
    rows = read_benchmark(tmp_path / "rows.csv")
    assert set(rows["method"]) == set(TRANSFER_REFERENCES[task]) <= set(REFERENCES)
    assert set(rows["protocol"]) == {"reference"}
    assert (rows["status"] == "ok").all()
    assert (rows["runs"] == 1).all()
    assert set(pd.read_parquet(out)["fold"]) == {0, 1, 2}
    pairs = pd.read_csv(tmp_path / "comparisons.csv")
    assert len(pairs) == (1 if task == "fuel" else 0)
    assert set(pairs["metric"]) <= {"accuracy"}
