import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from mmaq.statistics.bootstrap import draw_weights, estimate_metrics
from mmaq.statistics.metrics import METRICS, interval_metrics, metrics

R2, MSE, RMSE, MAE, BIAS = range(len(METRICS))


def _reference(target, prediction, weights):
    mse = mean_squared_error(target, prediction, sample_weight=weights)
    return [
        r2_score(target, prediction, sample_weight=weights),
        mse,
        np.sqrt(mse),
        mean_absolute_error(target, prediction, sample_weight=weights),
        np.average(prediction - target, weights=weights),
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 60), st.integers(0, 999), st.sampled_from([0.0, 300.0]))
def test_metrics_are_those_of_scikit_learn(size, seed, offset):
    rng = np.random.default_rng(seed)
    target = offset + rng.normal(20, 10, size)
    prediction = target + rng.normal(1, 5, size)
    weights = np.vstack([np.ones(size), rng.integers(1, 4, size)]).astype(float)
    expected = [_reference(target, prediction, row) for row in weights]
    np.testing.assert_allclose(metrics(target, prediction, weights), expected, rtol=1e-8)


def test_r2_does_not_depend_on_the_unit_and_bias_keeps_its_sign():
    rng = np.random.default_rng(0)
    target, ones = rng.normal(20, 10, 50), np.ones((1, 50))
    prediction = target + 3.0
    values = metrics(target, prediction, ones)[0]
    scaled = metrics(1000 * target + 7, 1000 * prediction + 7, ones)[0]
    assert values[BIAS] == pytest.approx(3.0)
    assert scaled[R2] == pytest.approx(values[R2])
    assert scaled[MSE] == pytest.approx(1e6 * values[MSE])


def test_equal_targets_have_no_r2():
    values = metrics(np.full(5, 0.1), np.arange(5.0), np.ones((1, 5)))[0]
    assert np.isnan(values[R2])
    assert values[MAE] == pytest.approx(np.abs(np.arange(5.0) - 0.1).mean())


def _predictions(target, prediction, seed=0, radius=np.nan):
    ids = [f"S{number:04d}" for number in range(len(target))]
    values = {"measured": target, "prediction": prediction, "radius": radius}
    return pd.DataFrame({"seed": seed, "site_id": ids, **values})


def _estimate(predictions, draws):
    stations = pd.Series(predictions["site_id"].unique())
    return estimate_metrics(predictions, stations.set_axis(stations), draws)


def test_the_bootstrap_is_that_of_a_plain_loop():
    rng = np.random.default_rng(1)
    target = rng.normal(20, 8, 40)
    # Two hold-outs that overlap in part, in another order.
    runs = [
        _predictions(target, target + rng.normal(0, 4, 40), seed).sample(25, random_state=seed)
        for seed in (0, 1)
    ]
    table = pd.concat(runs, ignore_index=True)
    stations = sorted(set(table["site_id"]))
    loop = []
    for counts in draw_weights(np.array(stations), 50):
        drawn = np.repeat(stations, counts.astype(int))
        seeds = []
        for _, run in table.groupby("seed"):
            rows = run.set_index("site_id").reindex(drawn).dropna(subset="seed")
            weights = np.ones(len(rows))
            seeds.append(_reference(rows["measured"], rows["prediction"], weights))
        loop.append(np.mean(seeds, axis=0))
    estimate = _estimate(table, 50)
    np.testing.assert_allclose(estimate.low, np.percentile(loop, 2.5, axis=0), rtol=1e-9)
    np.testing.assert_allclose(estimate.high, np.percentile(loop, 97.5, axis=0), rtol=1e-9)
    plain = [_reference(run["measured"], run["prediction"], None) for run in runs]
    np.testing.assert_allclose(estimate.value, np.mean(plain, axis=0), rtol=1e-9)


def test_resamples_draw_as_many_stations_and_are_the_same_for_every_method():
    stations = np.arange(30).astype(str)
    weights = draw_weights(stations, 500)
    assert (weights.sum(axis=1) == 30).all()
    assert weights.mean() == pytest.approx(1.0)
    assert np.array_equal(weights, draw_weights(stations, 500))


def test_stations_of_one_block_are_drawn_together():
    blocks = np.array(["a", "b", "a", "c", "b", "a"])
    weights = draw_weights(blocks, 200)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_errors_that_a_block_shares_widen_the_interval_of_blocks():
    rng = np.random.default_rng(4)
    block = np.repeat(np.arange(20), 10)
    target = rng.normal(20, 8, 200)
    table = _predictions(target, target + rng.normal(0, 4, 20)[block])
    single = _estimate(table, 400)
    joint = estimate_metrics(table, pd.Series(block.astype(str), table["site_id"]), 400)
    assert (joint.high - joint.low)[BIAS] > 2 * (single.high - single.low)[BIAS]
    np.testing.assert_allclose(joint.value, single.value)


def test_coverage_and_width_are_counted_by_hand():
    target, prediction = np.array([10.0, 20.0, 30.0]), np.array([12.0, 27.0, 30.0])
    radius, weights = np.array([2.0, 5.0, 1.0]), np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    found = interval_metrics(target, prediction, radius, weights)
    np.testing.assert_allclose(found, [[2 / 3, 16 / 3], [1 / 3, 22 / 3]])
    estimate = _estimate(_predictions(target, prediction, radius=radius), 50)
    assert estimate.names[-2:] == ("coverage90", "width90")
    assert estimate.value[-2:] == pytest.approx([2 / 3, 16 / 3])


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_without_all_intervals_there_is_no_coverage(lost):
    table = _predictions(np.arange(5.0), np.arange(5.0), radius=np.array([1, 1, lost, 1, 1]))
    assert _estimate(table, 10).names == METRICS


def test_intervals_cover_the_truth_as_often_as_they_say():
    # Bias, MAE and MSE of Gaussian errors are known; 300 samples of 100 stations.
    rng = np.random.default_rng(2)
    sd, bias = 4.0, 1.5
    mae = sd * np.sqrt(2 / np.pi)
    inside = np.zeros(2)
    for _ in range(300):
        target, error = rng.normal(20, 10, 100), rng.normal(0, sd, 100)
        centred = _estimate(_predictions(target, target + error), 300)
        inside[0] += centred.low[MAE] <= mae <= centred.high[MAE]
        moved = _estimate(_predictions(target, target + error + bias), 300)
        inside[1] += moved.low[BIAS] <= bias <= moved.high[BIAS]
    # Three standard errors of a share of 0.95 over 300 are 0.038; percentile intervals of 100
    # points are about 0.01 narrow.
    assert (inside / 300 > 0.90).all()
    assert (inside / 300 < 0.985).all()


def test_seeds_of_one_station_set_do_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    target = rng.normal(20, 8, 100)
    one = _predictions(target, target + rng.normal(0, 4, 100))
    three = pd.concat([one.assign(seed=seed) for seed in range(3)])
    for single, triple in zip(_estimate(one, 200)[1:], _estimate(three, 200)[1:], strict=True):
        np.testing.assert_allclose(single, triple)


def test_equal_targets_give_no_bounds():
    estimate = _estimate(_predictions(np.full(10, 5.0), np.arange(10.0)), 50)
    assert np.isnan(estimate.low).all()
    assert np.isnan(estimate.value[R2])
