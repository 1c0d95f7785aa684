"""The mean, and the two bounds that read the truth of a simulated archive."""

import json

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import ArchiveError, Unavailable
from mmaq.base.files import sha256
from mmaq.estimators import trees
from mmaq.estimators.ceilings import Mean, TrueInputs, Truth, read_truth
from tests.estimators.stations_made_up import make_archive, make_table
from tests.estimators.trainings import training_of

TRAIN, TEST = np.arange(150), np.arange(150, 200)


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(8)
    table, hidden, truth = make_table(20, rng)
    return make_archive(tmp_path / "archive", table, hidden, truth, rng), table


def _replace(archive, change):
    """Change the table of the truth and its checksum with it."""
    path = archive / "truth" / "truth" / "stations.parquet"
    item = path.with_name("truth.json")
    changed = change(pd.read_parquet(path))
    path.write_bytes(changed if isinstance(changed, bytes) else changed.to_parquet())
    about = json.loads(item.read_text())
    about["assets"]["stations"]["file:sha256"] = sha256(path)
    item.write_text(json.dumps(about))


def test_the_truth_is_in_the_order_of_the_stations(archive):
    folder, table = archive
    values = read_truth(folder, table["site_id"].to_numpy())
    np.testing.assert_allclose(values["input_lon"], table["lon"])
    assert values.columns[0] == "no2_true"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda table: table.drop(columns="no2_true"), "column 'no2_true' is missing"),
        (lambda table: table[["site_id", "no2_true"]], "no column begins with 'input_'"),
        (lambda table: table.iloc[1:], "is not in it"),
        (lambda table: b"not parquet", "not a Parquet file"),
    ],
)
def test_a_broken_truth_is_named(archive, change, fault):
    folder, table = archive
    _replace(folder, change)
    with pytest.raises(ArchiveError, match=fault):
        read_truth(folder, table["site_id"].to_numpy())


def test_a_truth_that_was_changed_after_cataloguing_is_refused(archive):
    folder, table = archive
    path = folder / "truth" / "truth" / "stations.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(ArchiveError, match="checksum differs"):
        read_truth(folder, table["site_id"].to_numpy())


def test_real_data_have_no_truth(tmp_path):
    for archive in (tmp_path, None):
        with pytest.raises(Unavailable, match="truth of these data is not known"):
            read_truth(archive, np.array(["a"]))


def test_the_mean_is_that_of_the_training_stations(data):
    everything = training_of(data)
    fitted = Mean("mean").fit(everything.take(TRAIN), seed=0)
    found = fitted.mean(everything.places.take(TEST))
    np.testing.assert_array_equal(found, np.full(50, everything.target[:150].mean()))


def test_the_truth_is_known_wherever_it_is_asked_and_learns_nothing(data):
    everything = training_of(data)
    fitted = Truth("oracle", archive=data[2]).fit(everything.take(TRAIN), seed=0)
    truth = read_truth(data[2], everything.places.table["site_id"].to_numpy())["no2_true"]
    np.testing.assert_array_equal(fitted.mean(everything.places.take(TEST)), truth[150:])
    # The noise of a measurement has an sd of 2.
    assert 1.5 < np.std(truth - everything.target) < 2.5


def test_true_fields_are_read_and_no_label_of_the_test_part(data, monkeypatch):
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 20)
    everything = training_of(data)
    train, test = everything.take(TRAIN), everything.places.take(TEST)
    estimator = TrueInputs("oracle_inputs", archive=data[2])
    found = estimator.fit(train, seed=0).mean(test)
    assert np.square(found - everything.target[150:]).mean() < 0.5 * everything.target[150:].var()
    np.testing.assert_array_equal(found, estimator.fit(train, seed=0).mean(test))
    assert (found != estimator.fit(train, seed=1).mean(test)).any()


@pytest.mark.parametrize("estimator", [Truth("oracle"), TrueInputs("oracle_inputs")])
def test_without_a_truth_the_bounds_are_unavailable(data, estimator):
    everything = training_of(data)
    with pytest.raises(Unavailable, match="truth of these data is not known"):
        estimator.fit(everything, seed=0).mean(everything.places)


def test_the_truth_cannot_be_taken_along(data):
    for estimator in (
        Truth("oracle", archive=data[2]),
        TrueInputs("oracle_inputs", archive=data[2]),
    ):
        fitted = estimator.fit(training_of(data), seed=0)
        with pytest.raises(Unavailable, match="simulated sites alone"):
            fitted.state()
        with pytest.raises(Unavailable, match="simulated sites alone"):
            type(fitted).from_state({}, {})
