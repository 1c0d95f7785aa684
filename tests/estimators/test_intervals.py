"""Intervals of predictions: who calibrates them, how wide they are where, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import Unavailable
from mmaq.contracts.estimator import Tier, read_estimator, write_estimator
from mmaq.estimators import intervals
from mmaq.estimators.base import Estimator
from mmaq.estimators.ceilings import Constant, Mean
from mmaq.estimators.intervals import Intervals, calibrate
from mmaq.statistics.splits import calibration_fold
from mmaq.vocabulary import TYPES
from tests.estimators.trainings import make_places, make_training


def make_streets(count, seed=0):
    """Stations whose errors are five times as large at streets, on the root scale: all of the
    concentration that a mean does not say."""
    rng = np.random.default_rng(seed)
    street = rng.uniform(size=count) < 0.3
    root = 5.0 + rng.normal(size=count) * np.where(street, 1.0, 0.2)
    table = pd.DataFrame({"site_id": np.arange(count).astype(str)})
    table["lon"], table["lat"] = rng.uniform(0, 6, count), rng.uniform(45, 50, count)
    for name, value in zip(TYPES, (street, False, ~street), strict=True):
        table[name] = np.asarray(value, dtype=float) * np.ones(count)
    return make_training(make_places(table), root**2)


@dataclass(frozen=True)
class Said(Estimator):
    """Says what it is told at the training stations, out of fold."""

    told: tuple[float, ...] = ()

    def fit(self, train, *, seed):
        return Constant(25.0)

    def out_of_fold(self, fitted, train, *, seed):
        return np.array(self.told)


def test_the_interval_is_that_of_crepes(monkeypatch):
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(4)
    training = make_streets(101)
    told = rng.uniform(10, 40, 101)

    def size(roots):
        """Larger where more is predicted."""
        return 0.3 + 0.1 * roots[:, 0]

    monkeypatch.setattr(intervals, "grow_on", lambda *given: [])
    monkeypatch.setattr(intervals, "ask", lambda _, inputs: size(inputs))
    found = calibrate(Said("mean", told=tuple(told)), Constant(25.0), training, seed=0)
    asked = rng.uniform(1, 60, 40)
    low, high = found.bounds(training.places.take(np.arange(40)), asked)
    reference = crepes.ConformalRegressor()
    known, new = np.sqrt(told)[:, None], np.sqrt(asked)[:, None]
    # It knows one reach for all levels; tests/statistics/test_intervals.py has the line, whose
    # slope takes one more of the 101 stations: the 93rd, which of 102 is at 0.91 to it.
    sigmas = [size(each) * found.reach.at(each[:, 0]) for each in (known, new)]
    reference.fit(residuals=np.sqrt(training.target) - known[:, 0], sigmas=sigmas[0])
    expected = reference.predict_int(new[:, 0], sigmas=sigmas[1], confidence=0.91, y_min=0.0)
    np.testing.assert_allclose(np.column_stack([low, high]), expected**2, rtol=1e-9)


def test_each_kind_of_place_has_the_width_of_its_errors():
    estimator, held = Mean("mean", modalities="table"), []
    for seed in range(5):
        training, new = make_streets(800, seed), make_streets(4000, 100 + seed)
        fitted = estimator.fit(training, seed=0)
        mean = fitted.mean(new.places)
        low, high = calibrate(estimator, fitted, training, seed=0).bounds(new.places, mean)
        street = new.places.table["traffic"].to_numpy(bool)
        inside = (low <= new.target) & (new.target <= high)
        width = high - low
        assert width[street].mean() > 3 * width[~street].mean()
        # where nothing tells the places apart, one width is too narrow at streets
        plain = calibrate(Mean("mean"), fitted, training, seed=0).bounds(new.places, mean)
        covered = (plain[0] <= new.target) & (new.target <= plain[1])
        assert covered[street].mean() < 0.8
        held.append((inside[street].mean(), inside[~street].mean(), covered.mean()))
    # some 240 streets calibrate: two standard errors of a share of 0.9 are 0.04, of five 0.018
    np.testing.assert_allclose(np.mean(held, axis=0), 0.9, atol=0.02)


def test_a_place_that_lacks_what_no_station_lacks_has_the_width_of_their_median():
    training = make_streets(400)
    estimator = Mean("mean", modalities="table")
    found = calibrate(estimator, estimator.fit(training, seed=0), training, seed=0)
    places, mean = training.places, np.full(400, 25.0)
    widths = []
    for values in ((np.nan, np.nan, np.nan), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)):
        table = places.table.assign(**dict(zip(TYPES, values, strict=True)))
        low, high = found.bounds(replace(places, table=table), mean)
        widths.append(high - low)
    unknown, median, street = widths
    np.testing.assert_array_equal(unknown, median)
    assert (street > 2 * median).all()


def test_bounds_end_at_nothing_and_are_missing_where_a_prediction_is():
    training = make_streets(60)
    estimator = Mean("mean", modalities="table")
    found = calibrate(estimator, estimator.fit(training, seed=0), training, seed=0)
    low, high = found.bounds(training.places.take(np.arange(3)), np.array([-4.0, 0.01, np.nan]))
    assert (low[:2] == 0.0).all()
    assert (high[:2] > 0.0).all()
    assert np.isnan([low[2], high[2]]).all()


@pytest.mark.parametrize(("plan", "models"), [("folds", 5), ("hold-out", 1)])
def test_no_model_that_calibrates_knows_the_station_that_it_is_asked_at(plan, models):
    training, seen = make_streets(80), []

    class Watching(Mean):
        def fit(self, train, *, seed):
            seen.append(set(train.places.table["site_id"]))
            return Constant(float(len(seen)))

    estimator = Watching("mean", plan=plan)
    found = estimator.out_of_fold(Constant(0.0), training, seed=3)
    assert len(seen) == models
    for number, known in enumerate(seen, start=1):
        asked = set(training.places.table["site_id"][found == number])
        assert asked == set(training.places.table["site_id"]) - known
    held = np.isfinite(found)
    whole = np.arange(80) if plan == "folds" else calibration_fold(training.stations, 3).test
    np.testing.assert_array_equal(np.flatnonzero(held), np.sort(whole))


def test_of_several_pollutants_the_first_is_calibrated():
    training = make_streets(80)
    joint = replace(training, target=np.column_stack([training.target, np.full(80, np.nan)]))

    class First(Estimator):
        def fit(self, train, *, seed):
            return Constant(float(train.target[:, 0].mean()))

    first = calibrate(First("mean"), Constant(0.0), joint, seed=0)
    alone = calibrate(Mean("mean"), Constant(0.0), training, seed=0)
    np.testing.assert_array_equal(first.reach.ends, alone.reach.ends)


class Once(Mean):
    def fit(self, train, *, seed):
        raise Unavailable("too few stations")


@pytest.mark.parametrize(
    ("estimator", "count", "groups"),
    [
        (Mean("mean"), 8, None),
        (Mean("mean"), 40, ["a"]),
        (Mean("mean", plan="hold-out"), 40, ["a", "b", "c", "d"]),
        (Once("mean"), 40, None),
    ],
    ids=["eight stations", "one group", "a fifth of four groups", "what cannot be fitted again"],
)
def test_without_a_calibration_there_is_no_interval(estimator, count, groups):
    training = make_streets(count)
    if groups is not None:
        stations = replace(training.stations, groups=np.resize(groups, count))
        training = replace(training, stations=stations)
    assert calibrate(estimator, Constant(25.0), training, seed=0) is None


def test_a_model_that_is_always_right_has_intervals_without_width():
    training = make_streets(40)
    said = Said("mean", told=tuple(training.target))
    found = calibrate(said, Constant(0.0), training, seed=0)
    low, high = found.bounds(training.places, training.target)
    np.testing.assert_allclose(low, training.target)
    np.testing.assert_allclose(high, training.target)


def test_intervals_come_back_from_a_file_bit_for_bit(tmp_path):
    training = make_streets(200)
    estimator = Mean("mean", modalities="table+geo")
    fitted = estimator.fit(training, seed=0)
    kept = calibrate(estimator, fitted, training, seed=0)
    tier = Tier("constant", "m", "p", "", False, 200, *fitted.state(), kept.state())
    write_estimator(tmp_path / "e", "no2", [tier])
    _, (again,) = read_estimator(tmp_path / "e")
    read = Intervals.from_state(*again.intervals)
    mean = np.linspace(1, 60, 200)
    for one, other in zip(
        kept.bounds(training.places, mean), read.bounds(training.places, mean), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_file_of_one_reach_for_all_levels_is_read():
    training = make_streets(200)
    estimator = Mean("mean", modalities="table")
    kept = calibrate(estimator, estimator.fit(training, seed=0), training, seed=0)
    about, arrays = kept.state()
    levels = arrays.pop("levels")
    read = Intervals.from_state({**about, "reach": 1.7}, arrays)
    np.testing.assert_array_equal(read.reach.at(levels), 1.7)


def test_errors_over_their_reach_are_alike_at_all_levels():
    rng = np.random.default_rng(3)
    training = make_streets(1000)
    told = np.sort(rng.uniform(9, 36, 1000))
    spread = np.linspace(0.1, 0.5, 1000)
    roots = np.sqrt(told) + spread * rng.normal(size=1000)
    training = replace(training, target=roots**2)
    found = calibrate(Said("mean", told=tuple(told)), Constant(25.0), training, seed=0)
    low, high = found.errors.values[:300], found.errors.values[700:]
    assert np.std(low) == pytest.approx(np.std(high), rel=0.15)
    assert np.std(high) == pytest.approx(1.0, abs=0.15)
