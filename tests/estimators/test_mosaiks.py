"""Random convolutional features, against convolutions by hand."""

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import Unavailable
from mmaq.contracts.patches import open_store
from mmaq.estimators import mosaiks
from mmaq.estimators.base import Places
from mmaq.estimators.catalogue import reference
from mmaq.estimators.mosaiks import Filters, Mosaiks
from tests.estimators.stations_made_up import make_data
from tests.estimators.trainings import training_of


@pytest.fixture(autouse=True)
def few_filters(monkeypatch):
    monkeypatch.setattr(mosaiks, "FILTERS", 24)
    monkeypatch.setattr(mosaiks, "PATCHES", 2000)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=(30, 2, 1, 1)) + 0.3 * rng.normal(size=(30, 2, 9, 9))
    mask = (rng.uniform(size=(30, 9, 9)) < 0.9).astype(np.uint8)
    return 100.0 + 5.0 * smooth, mask


def test_an_answer_is_that_of_both_patches_whitened(images):
    values, mask = images
    made = Filters.draw(values, mask, 3, 0)
    scaled = (values - made.mean[:, None, None]) / made.spread[:, None, None] * mask[:, None]
    wanted = np.zeros((len(values), 6))
    for number, image in enumerate(scaled):
        for k, weight in enumerate(made.weights):
            answers = np.array([
                (image[:, i : i + 3, j : j + 3] * weight).sum() for i in range(7) for j in range(7)
            ])  # fmt: skip
            wanted[number, k] = np.maximum(answers - 1.0, 0.0).mean()
            wanted[number, 3 + k] = np.maximum(-answers - 1.0, 0.0).mean()
    np.testing.assert_allclose(made.describe(values, mask), wanted, rtol=1e-4, atol=1e-5)


def test_neither_gain_nor_offset_of_a_sensor_changes_a_feature(images):
    values, mask = images
    shift = np.array([3.0, -40.0])[:, None, None], np.array([0.1, 7.0])[:, None, None]
    changed = values * shift[1] + shift[0]
    one, other = (Filters.draw(each, mask, 4, 1) for each in (values, changed))
    np.testing.assert_allclose(
        one.describe(values, mask), other.describe(changed, mask), rtol=1e-3, atol=1e-4
    )


def test_what_a_cloud_hides_decides_nothing(images):
    values, mask = images
    hidden = np.where(mask[:, None] > 0, values, 9e4)
    one, other = (Filters.draw(each, mask, 4, 1) for each in (values, hidden))
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.describe(values, mask), other.describe(hidden, mask))


def test_images_without_labels_lend_the_filters(tmp_path):
    sites, store, _ = make_data(tmp_path, size=120)
    table, opened = pd.read_parquet(sites), open_store(store)
    rows = {tuple(mosaiks._sources(Places(table.iloc[:count], opened), 0)) for count in (60, 61)}
    assert len(rows) == 2  # one station more is one image less to draw from
    labelled = opened.s2[Places(table.iloc[:60], opened).patch_rows("s2")]
    drawn = opened.s2[mosaiks._sources(Places(table.iloc[:60], opened), 0)]
    assert len(drawn) == 60
    assert not (drawn[:, None] == labelled[None]).all(axis=(2, 3, 4)).any()


def test_it_learns_what_pixels_tell_and_draws_anew_with_each_seed(tmp_path):
    everything = training_of(make_data(tmp_path, size=200))
    train, test = everything.take(np.arange(150)), everything.places.take(np.arange(150, 200))
    one, other = (reference("mosaiks").fit(train, seed=seed).mean(test) for seed in (0, 1))
    measured = everything.target[150:]
    assert np.square(one - measured).mean() < 0.7 * measured.var()
    assert (one != other).all()


def test_a_place_without_an_image_has_no_prediction(tmp_path):
    data = make_data(tmp_path, size=80, without={"s2": 3})
    places = Places(pd.read_parquet(data[0]), open_store(data[1]))
    found = Mosaiks("mosaiks").fit(training_of(data), seed=0).mean(places)
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3:]).all()


def test_without_images_it_is_unavailable(tmp_path):
    everything = training_of(make_data(tmp_path, size=40, absent=("s2",)))
    with pytest.raises(Unavailable, match="no s2 patches"):
        Mosaiks("mosaiks").fit(everything, seed=0)
