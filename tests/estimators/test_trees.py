"""Boosted trees, on features and on an encoder's embedding beside the table."""

from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from mmaq.contracts.sites import FEATURES
from mmaq.estimators import trees
from mmaq.estimators.trees import (
    BOOSTING,
    COMPONENTS,
    ENSEMBLE,
    FIXED,
    EmbeddingTrees,
    FittedTrees,
    Trees,
    ask,
    from_text,
    grow,
    grow_on,
    in_bins,
    text_of,
)
from mmaq.statistics.ridge import join_scaling
from tests.estimators.trainings import Columns, make_places, make_training, training_of

FEW = BOOSTING | {"num_iterations": 30}


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 30)


@pytest.fixture
def example():
    """Features (150, 4), with holes, and what two of them make."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(150, 4))
    y = 20 + 4 * x[:, 0] + 3 * (x[:, 1] > 0) + rng.normal(0, 0.5, 150)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y


def test_a_seed_gives_its_trees_again_and_another_gives_others(example):
    x, y = example
    one, again, other = (grow(x, y, seed, FEW, 2) for seed in (3, 3, 4))
    texts = [[each.model_to_string() for each in grown] for grown in (one, again, other)]
    assert texts[0] == texts[1] != texts[2]
    np.testing.assert_array_equal(ask(one, x), ask(again, x))
    # Each run has draws of its own.
    assert texts[0][0] != texts[0][1]


def test_what_is_said_is_the_mean_of_the_runs(example):
    x, y = example
    grown = grow(x, y, 0, FEW, 3)
    assert len(grown) == 3
    expected = np.mean([each.predict(x) for each in grown], axis=0)
    np.testing.assert_array_equal(ask(grown, x), expected)
    # A longer ensemble begins with the shorter one.
    short = grow(x, y, 0, FEW, 2)
    np.testing.assert_array_equal(short[1].predict(x), grown[1].predict(x))


def test_the_trees_are_lightgbms_with_the_given_settings(example):
    x, y = example
    (grown,) = grow(x, y, 5, FEW, 1)
    drawn = int(np.random.SeedSequence(5).generate_state(1)[0]) & 0x7FFFFFFF
    expected = lightgbm.train(FEW | FIXED | {"seed": drawn}, lightgbm.Dataset(x, y))
    np.testing.assert_array_equal(grown.predict(x), expected.predict(x))
    assert grown.num_trees() == 30
    leaves = (
        grown.trees_to_dataframe()
        .groupby("tree_index")["left_child"]
        .apply(lambda c: c.isna().sum())
    )
    assert 2 <= leaves.min() <= leaves.max() <= FEW["num_leaves"]


def test_rows_of_binned_features_know_no_target_of_the_others(example):
    x, y = example
    kept = np.arange(0, len(y), 2)
    other = np.where(np.isin(np.arange(len(y)), kept), y, 1e3)
    one, two = (
        grow_on(in_bins(x, target, FEW).subset(kept.tolist()), 0, FEW, 2) for target in (y, other)
    )
    np.testing.assert_array_equal(ask(one, x), ask(two, x))
    assert np.abs(ask(one, x)).max() < 100


def test_trees_come_back_from_their_text_bit_for_bit(example):
    x, y = example
    grown = grow(x, y, 0, FEW, 12)  # with run 10 after run 9
    arrays = text_of(grown, "trees")
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    shuffled = {name: arrays[name] for name in sorted(arrays)}
    other = text_of(grow(x, y, 1, FEW, 1), "others")
    again = from_text(shuffled | other, "trees")
    asked = np.vstack([x, np.full((1, 4), np.nan), 1e6 * np.ones((1, 4))])
    for one, two in zip(grown, again, strict=True):
        np.testing.assert_array_equal(one.predict(asked), two.predict(asked))
    np.testing.assert_array_equal(ask(grown, asked), ask(again, asked))


def test_broken_text_is_refused():
    with pytest.raises(lightgbm.basic.LightGBMError):
        from_text({"trees.0": np.frombuffer(b"no tree", np.uint8)}, "trees")


def test_text_at_which_lightgbm_would_crash_is_refused(example):
    """Zeros among its parameters end the process in LightGBM 4.7."""
    arrays = text_of(grow(*example, 0, FEW, 1), "trees")
    text = arrays["trees.0"].tobytes().replace(b"[bagging_seed", b"[bagging\0\0\0\0\0")
    with pytest.raises(ValueError, match="the trees are no text"):
        from_text({"trees.0": np.frombuffer(text, np.uint8)}, "trees")


def test_a_missing_value_is_a_branch():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 1))
    missing = rng.random(300) < 0.3
    x[missing] = np.nan
    y = np.where(missing, 10.0, 20.0 + 5.0 * (np.nan_to_num(x[:, 0]) > 0))
    grown = grow(x, y, 0, BOOSTING | {"num_iterations": 200}, 1)
    np.testing.assert_allclose(
        ask(grown, np.array([[np.nan], [-1.0], [1.0]])), [10, 20, 25], atol=0.1
    )


@pytest.mark.parametrize(
    "estimator",
    [
        Trees("gbm"),
        EmbeddingTrees("gbm_embedding", encoder=Columns([np.linspace(0.0, 1.0, 200)[:, None]])),
    ],
    ids=["table", "embedding"],
)
def test_what_no_training_station_lacks_is_their_median_where_a_place_lacks_it(estimator):
    """LightGBM would take it for 0."""
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"lon": np.zeros(200), "lat": np.zeros(200)})
    table["altitude"] = rng.uniform(500.0, 900.0, 200)
    places = make_places(table)
    train = make_training(places, 0.1 * table["altitude"]).take(np.arange(150))
    fitted = estimator.fit(train, seed=0)
    asked = places.take(np.arange(150, 200))
    lacking, middle, low = (
        fitted.mean(replace(asked, table=asked.table.assign(altitude=value)))
        for value in (np.nan, train.places.table["altitude"].median(), 0.0)
    )
    np.testing.assert_array_equal(lacking, middle)
    assert (np.abs(lacking - 70.0) < np.abs(low - 70.0)).all()


def test_trees_of_a_file_from_before_the_medians_are_read(data):
    train = training_of(data)
    fitted = Trees("gbm").fit(train, seed=0)
    about, arrays = fitted.state()
    del arrays["medians"]
    again = FittedTrees.from_state(about, arrays)
    np.testing.assert_array_equal(again.mean(train.places), fitted.mean(train.places))


def test_a_column_that_is_missing_throughout_changes_nothing_but_the_draw_of_features(example):
    x, y = example
    wider = np.hstack([x, np.full((150, 1), np.nan)])
    every = FEW | {"feature_fraction_bynode": 1.0}
    one, other = ask(grow(x, y, 0, every, 2), x), ask(grow(wider, y, 0, every, 2), wider)
    np.testing.assert_array_equal(one, other)
    # It is in no tree, whatever is drawn.
    for each in grow(wider, y, 0, FEW, 2):
        assert each.feature_importance()[4] == 0
        assert each.feature_importance()[0] > 0


@pytest.mark.parametrize(
    ("features", "columns"), [("table", 8), ("geography", 19), ("pixels", 8 + 34)]
)
def test_each_reference_reads_its_features(data, features, columns):
    everything = training_of(data)
    train, test = everything.take(np.arange(150)), everything.places.take(np.arange(150, 200))
    fitted = Trees("gbm", features=features).fit(train, seed=0)
    assert len(fitted.grown) == ENSEMBLE
    assert {each.num_feature() for each in fitted.grown} == {columns}
    error = fitted.mean(test) - everything.target[150:]
    assert np.square(error).mean() < 0.9 * everything.target[150:].var()


def _embedding_trees(blocks, table, target, train, test, seed=0):
    """What trees on these blocks and land-use columns say at ``test``, fitted at ``train``."""
    known = dict(zip(FEATURES, table.T, strict=False))
    size = len(target)
    places = make_places(pd.DataFrame({"lon": np.zeros(size), "lat": np.zeros(size), **known}))
    estimator = EmbeddingTrees("gbm_embedding", encoder=Columns(blocks))
    training = make_training(places, target).take(train)
    return estimator.fit(training, seed=seed).mean(places.take(test))


def test_the_trees_see_components_of_the_training_stations_and_the_table():
    rng = np.random.default_rng(2)
    blocks, table = (
        [rng.normal(size=(150, 40)), rng.normal(size=(150, 5))],
        rng.normal(size=(150, 8)),
    )
    target = rng.normal(20, 8, 150)
    train, test = np.arange(100), np.arange(100, 150)
    scaling = join_scaling([block[train] for block in blocks])
    features = scaling.apply(np.hstack(blocks))
    rotation = PCA(COMPONENTS, random_state=1).fit(features[:100])
    inputs = np.hstack([rotation.transform(features), table])
    expected = ask(grow(inputs[:100], target[:100], 1, BOOSTING, ENSEMBLE), inputs[100:])
    found = _embedding_trees(blocks, table, target, train, test, 1)
    np.testing.assert_allclose(found, expected)
    # Test stations that move far away change nothing for the others.
    blocks[0][125:] += 1e3
    moved = _embedding_trees(blocks, table, target, train, test, 1)
    np.testing.assert_array_equal(moved[:25], found[:25])


def test_the_table_and_the_embedding_each_add_something():
    rng = np.random.default_rng(3)
    hidden, known = rng.normal(size=(2, 300))
    blocks = [hidden[:, None] + rng.normal(0, 0.3, (300, 30))]
    target = 20 + 4 * hidden + 4 * known

    def error(blocks, table):
        found = _embedding_trees(blocks, table, target, np.arange(200), np.arange(200, 300))
        return np.square(found - target[200:]).mean()

    noise = rng.normal(size=(300, 30))
    both = error(blocks, known[:, None])
    assert both < 0.6 * error([noise], known[:, None])
    assert both < 0.6 * error(blocks, noise[:, :1])


def test_a_dozen_stations_are_enough():
    rng = np.random.default_rng(4)
    blocks, table, target = (
        [rng.normal(size=(12, 30))],
        rng.normal(size=(12, 8)),
        rng.normal(20, 5, 12),
    )
    found = _embedding_trees(blocks, table, target, np.arange(8), np.arange(8, 12))
    assert np.isfinite(found).all()


def test_a_place_without_an_image_is_not_predicted():
    rng = np.random.default_rng(4)
    blocks = [rng.normal(size=(60, 30)), rng.normal(size=(60, 4))]
    blocks[1][50:53] = np.nan
    found = _embedding_trees(
        blocks, rng.normal(size=(60, 8)), rng.normal(20, 5, 60), np.arange(50), np.arange(50, 60)
    )
    np.testing.assert_array_equal(np.isnan(found), np.arange(10) < 3)
