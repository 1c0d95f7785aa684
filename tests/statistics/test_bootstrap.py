"""The bootstrap against a plain loop, and intervals that say what they claim."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from mmaq.statistics.bootstrap import Outcomes, estimate_metrics, interval
from mmaq.statistics.metrics import METRICS
from mmaq.statistics.quality import quality_indicators
from tests.statistics.by_hand import bounds, draw_weights

R2, MSE, RMSE, MAE, BIAS = range(len(METRICS))


def _reference(target, prediction):
    mse = mean_squared_error(target, prediction)
    mae = mean_absolute_error(target, prediction)
    return [r2_score(target, prediction), mse, np.sqrt(mse), mae, np.mean(prediction - target)]


def _predictions(target, prediction, run=0, radius=np.nan):
    ids = [f"S{number:04d}" for number in range(len(target))]
    bounds = {"low": prediction - radius, "high": prediction + radius}
    values = {"measured": target, "prediction": prediction, **bounds}
    return pd.DataFrame({"run": run, "site_id": ids, **values})


def _estimate(predictions, draws, pollutant="o3"):
    stations = pd.Index(predictions["site_id"].unique())
    outcomes = Outcomes.of(predictions, stations)
    (found,) = estimate_metrics(outcomes, stations.to_numpy(str), draws, pollutant)
    return found


def test_the_bootstrap_is_that_of_a_plain_loop():
    rng = np.random.default_rng(1)
    target = rng.normal(20, 8, 40)
    # Two runs whose hold-outs overlap in part, in another order.
    runs = [
        _predictions(target, target + rng.normal(0, 4, 40), seed).sample(25, random_state=seed)
        for seed in (0, 1)
    ]
    table = pd.concat(runs, ignore_index=True)
    stations = sorted(set(table["site_id"]))
    loop = []
    for counts in draw_weights(np.array(stations), 50):
        drawn = np.repeat(stations, counts.astype(int))
        figures = []
        for _, run in table.groupby("run"):
            rows = run.set_index("site_id").reindex(drawn).dropna(subset="run")
            figures.append(_reference(rows["measured"], rows["prediction"]))
        loop.append(figures)
    estimate = _estimate(table, 50)
    plain = np.array([_reference(run["measured"], run["prediction"]) for run in runs])
    np.testing.assert_allclose(estimate.value, plain.mean(axis=0), rtol=1e-9)
    for number in range(len(METRICS)):
        found = estimate.low[number], estimate.high[number]
        expected = bounds(plain[:, number], np.array(loop)[:, :, number], len(stations))
        np.testing.assert_allclose(found, expected, rtol=1e-9)


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


def test_coverage_and_width_are_among_the_figures_where_all_have_an_interval():
    target, prediction = np.array([10.0, 20.0, 30.0]), np.array([12.0, 27.0, 30.0])
    radius = np.array([2.0, 5.0, 1.0])
    estimate = _estimate(_predictions(target, prediction, radius=radius), 50)
    assert estimate.names[-3:] == ("coverage90", "width90", "interval_score90")
    assert estimate.value[-3:] == pytest.approx([2 / 3, 16 / 3, (16 + 20 * 2) / 3])


def test_quality_is_among_the_figures_of_no2_alone():
    target = np.array([10.0, 20.0, 30.0])
    table = _predictions(target, target + np.array([1.0, 9.0, -3.0]))
    assert _estimate(table, 50).names == METRICS
    found = _estimate(table, 50, "no2")
    assert found.names == (*METRICS, "mqi")
    each = quality_indicators(target, table["prediction"].to_numpy(), "no2")
    assert found.low[-1] <= found.value[-1] <= found.high[-1]
    assert np.median(each) < found.value[-1] <= each.max()


def test_methods_together_have_the_figures_of_each_alone():
    rng = np.random.default_rng(9)
    target = rng.normal(20, 8, 60)
    tables = [
        pd.concat(
            _predictions(target, target + rng.normal(0, error, 60), run, 2.0)[run * 20 :]
            for run in (0, 1)
        )
        for error in (2.0, 6.0)
    ]
    stations = pd.Index(tables[0]["site_id"].unique())
    apart = [Outcomes.of(table, stations) for table in tables]
    units = (np.arange(60) // 6).astype(str)
    together = estimate_metrics(Outcomes.join(apart), units, 80, "no2")
    for one, found in zip(apart, together, strict=True):
        (alone,) = estimate_metrics(one, units, 80, "no2")
        np.testing.assert_allclose(found[1:], alone[1:], rtol=1e-12)
    some = np.arange(60) < 15  # which the second run did not test
    (first,) = estimate_metrics(apart[0].take(some), stations[some].to_numpy(str), 80, "no2")
    plain = _estimate(tables[0][tables[0]["site_id"].isin(stations[some])], 80, "no2")
    np.testing.assert_allclose(first[1:], plain[1:], rtol=1e-12)


def test_errors_that_a_block_shares_widen_the_interval_of_blocks():
    rng = np.random.default_rng(4)
    block = np.repeat(np.arange(20), 10)
    target = rng.normal(20, 8, 200)
    table = _predictions(target, target + rng.normal(0, 4, 20)[block])
    single = _estimate(table, 400)
    outcomes = Outcomes.of(table, pd.Index(table["site_id"]))
    (joint,) = estimate_metrics(outcomes, block.astype(str), 400, "o3")
    assert (joint.high - joint.low)[BIAS] > 2 * (single.high - single.low)[BIAS]
    np.testing.assert_allclose(joint.value, single.value)


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


def test_equal_runs_do_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    target = rng.normal(20, 8, 100)
    one = _predictions(target, target + rng.normal(0, 4, 100))
    three = pd.concat([one.assign(run=run) for run in range(3)])
    for single, triple in zip(_estimate(one, 200)[1:], _estimate(three, 200)[1:], strict=True):
        np.testing.assert_allclose(single, triple)


SETS = 4000
"""Made-up sets of stations and runs whose mean figure is known: three standard errors of a share of
0.95 of them are 0.01."""

STATIONS, BLOCKS, RUNS = 300, 25, 3


@pytest.mark.parametrize(
    ("design", "spread"),
    [("stations", 0), ("stations", 1), ("stations", 4), ("blocks", 0), ("blocks", 1), ("blocks", 4),
     ("hold-outs", 0), ("hold-outs", 1)],
)  # fmt: skip
def test_intervals_hold_what_other_stations_and_runs_would_give(design, spread):
    """The bias is 0 on average; ``spread`` of the runs' own in standard errors over stations."""
    rng = np.random.default_rng([7, len(design), spread])
    unit = np.arange(STATIONS) // 12 if design == "blocks" else np.arange(STATIONS)
    by_block = 0.5 if design == "blocks" else 0.0
    error = np.sqrt(1.04 / STATIONS + by_block**2 / BLOCKS)
    own = rng.normal(0, spread * error * np.sqrt(RUNS), (RUNS, SETS))
    shared = rng.normal(0, by_block, (STATIONS, SETS))[unit] + rng.normal(0, 1, (STATIONS, SETS))
    weights = np.vstack([np.ones(STATIONS), draw_weights(unit.astype(str), 200)])
    figures = []
    for run in range(RUNS):
        tested = np.arange(STATIONS) % 5 == run if design == "hold-outs" else slice(None)
        erring = shared[tested] + rng.normal(0, 0.2, shared[tested].shape) + own[run]
        weight = weights[:, tested]
        figures.append(weight @ erring / weight.sum(axis=1, keepdims=True))
    found = np.stack(figures, axis=1)
    low, high = interval(found[0], found[1:], len(np.unique(unit)))
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97


@pytest.mark.parametrize("held_out", [False, True])
def test_intervals_of_r2_hold_it_too(held_out):
    """Three runs whose errors are larger or smaller by 8 %, on all stations or a fifth each."""
    rng = np.random.default_rng([8, held_out])
    truth, inside = 1 - 17 / 64 * (1 + 0.08**2), 0
    names = np.array([f"S{number:04d}" for number in range(STATIONS)])
    tested = np.full((RUNS, STATIONS), True)
    if held_out:
        tested = np.arange(STATIONS) % 5 == np.arange(RUNS)[:, None]
    there = tested.any(axis=0)
    none = np.full((1, RUNS, STATIONS), np.nan)
    for _ in range(500):
        target, shared = rng.normal(20, 8, STATIONS), rng.normal(0, 4, STATIONS)
        scale = rng.normal(1, 0.08, (RUNS, 1))
        erring = target + scale * (shared + rng.normal(0, 1, (RUNS, STATIONS)))
        outcomes = Outcomes(target, tested, np.where(tested, erring, np.nan)[None], none, none)
        (found,) = estimate_metrics(outcomes.take(there), names[there], 200, "o3")
        inside += found.low[R2] <= truth <= found.high[R2]
    assert 0.93 <= inside / 500 <= 0.97


def test_runs_that_differ_by_their_stations_alone_leave_bounds_that_mean_something():
    # What the runs differ by is what their hold-outs differ by, but for a trace; all stations
    # together are known ten times as well.
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 0.99, (200, 3, 1))
    resampled = noise - 0.9 * noise.mean(axis=1, keepdims=True)
    values = np.array([[-1.0], [0.0], [1.0]])
    low, high = interval(values, values + resampled, 300)
    assert 0.1 < high - low < 1.5


def test_no_bound_is_beyond_what_a_figure_can_be():
    # Hold-outs of three runs that differ much: Student's t alone would reach above 1.
    rng = np.random.default_rng(5)
    target = rng.normal(20, 8, 60)
    runs = [
        _predictions(target, target + rng.normal(0, spread, 60), run)[run * 20 : run * 20 + 20]
        for run, spread in enumerate((0.5, 4.0, 9.0))
    ]
    found = _estimate(pd.concat(runs), 200)
    assert found.high[R2] == 1.0
    assert found.low[MSE] == found.low[MAE] == 0.0
    assert found.low[BIAS] < 0 < found.high[BIAS]


def test_equal_targets_give_no_bounds():
    estimate = _estimate(_predictions(np.full(10, 5.0), np.arange(10.0)), 50)
    assert np.isnan(estimate.low).all()
    assert np.isnan(estimate.value[R2])
