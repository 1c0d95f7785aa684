"""What a fitted estimator keeps is plain values and arrays, and gives it back bit for bit."""

import functools
import json

import numpy as np
import pytest
import torch

from mmaq.config.evaluation import Finetune
from mmaq.config.evaluation import Supervised as SupervisedConfig
from mmaq.contracts.estimator import Tier, read_estimator, write_estimator
from mmaq.estimators import trees
from mmaq.estimators.base import Fitted
from mmaq.estimators.catalogue import (
    fine_tuned,
    mixed,
    probe,
    probes,
    reference,
    supervised,
)
from mmaq.estimators.encoders import Pretrained
from mmaq.estimators.geostatistics import Kriging
from tests.estimators.stations_made_up import TINY
from tests.estimators.trainings import make_training, reopened, training_of

TRAIN, TEST = np.arange(80), np.arange(80, 92)
BRIEF = SupervisedConfig(epochs=1)


def _networks(method, protocol):
    return lambda checkpoint: supervised(method, protocol, TINY, BRIEF)


def _tuned(protocol):
    return lambda checkpoint: fine_tuned(
        Pretrained("mmaq", checkpoint), protocol, Finetune(epochs=1), True
    )


ESTIMATORS = {
    "mean": lambda _: reference("mean"),
    "ridge": lambda _: reference("ridge"),
    "gbm": lambda _: reference("gbm"),
    "gbm_geo": lambda _: reference("gbm_geo"),
    "gbm_pixels": lambda _: reference("gbm_pixels"),
    "gbm_geo_kriging": lambda _: reference("gbm_geo_kriging"),
    "gbm_context": lambda _: reference("gbm_context"),
    "ridge_context_map": lambda _: reference("ridge_context_map"),
    "gbm_context_kriging": lambda _: reference("gbm_context_kriging"),
    "kriging": lambda _: Kriging("kriging"),
    "mosaiks": lambda _: reference("mosaiks"),
    "gbm_embedding": lambda checkpoint: mixed("gbm_embedding", Pretrained("mmaq", checkpoint)),
    "stack": lambda checkpoint: mixed("stack", Pretrained("mmaq", checkpoint)),
    "linear": lambda checkpoint: probe(Pretrained("mmaq", checkpoint), "linear"),
    "linear of s5p": lambda checkpoint: probes(
        Pretrained("mmaq", checkpoint), ("linear",), (), False
    )[-1],
    "fused": lambda checkpoint: probe(Pretrained("mmaq", checkpoint), "fused"),
    "fused_all": lambda checkpoint: probe(Pretrained("mmaq", checkpoint), "fused_all"),
    "untrained": lambda checkpoint: probe(Pretrained("random_init", checkpoint), "linear"),
    "knn": lambda checkpoint: probe(Pretrained("mmaq", checkpoint), "knn"),
    "sgd_probe": lambda checkpoint: probe(Pretrained("mmaq", checkpoint), "sgd_probe"),
    "finetune": _tuned("finetune"),
    "finetune_all": _tuned("finetune_all"),
    "scratch": _networks("mmaq", "scratch"),
    "scratch_all": _networks("mmaq", "scratch_all"),
    "aqnet": _networks("aqnet", "supervised"),
    "two_stream": _networks("two_stream", "supervised"),
}  # fmt: skip


def _kinds(cls=Fitted):
    return {cls} | {found for child in cls.__subclasses__() for found in _kinds(child)}


@pytest.fixture(scope="module", autouse=True)
def brief():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "ENSEMBLE", 1)
        patch.setitem(trees.BOOSTING, "num_iterations", 20)
        yield


@pytest.fixture(scope="module")
def training(data):
    return training_of(data)


@pytest.fixture(scope="module")
def fit(brief, training, checkpoint):
    """The fitted estimator of a name, which no test changes."""
    train = training.take(TRAIN)
    return functools.cache(lambda name: ESTIMATORS[name](checkpoint).fit(train, seed=0))


@pytest.fixture(params=ESTIMATORS)
def fitted(request, fit, training):
    """A fitted estimator, and places that it was not fitted to."""
    return fit(request.param), training.places.take(TEST)


def _through_a_file(kept, folder):
    """State as another process reads it: JSON and arrays in a file of their own."""
    about, arrays = kept.state()
    tier = Tier(kept.kind, "m", "p", "", False, 80, about, arrays, None)
    write_estimator(folder / "made.safetensors", "no2", [tier])
    pollutant, (again,) = read_estimator(folder / "made.safetensors")
    assert (pollutant, again.stations, again.kind) == ("no2", 80, kept.kind)
    return type(kept).from_state(dict(again.about), dict(again.arrays))


def test_a_state_gives_its_predictions_again_bit_for_bit(fitted, tmp_path):
    kept, places = fitted
    expected = kept.mean(places)
    assert np.isfinite(expected).all()
    again = _through_a_file(kept, tmp_path)
    assert type(again) is type(kept)
    # Nothing that was made of the places before is at hand.
    np.testing.assert_array_equal(again.mean(reopened(places)), expected)
    # What was read is kept as it was the first time, so a second file gives them, too.
    (about, arrays), (found, read) = kept.state(), again.state()
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(about))
    assert set(read) == set(arrays)
    for name, value in arrays.items():
        assert read[name].dtype == value.dtype, name
        np.testing.assert_array_equal(read[name], value, name)


def test_a_state_is_json_and_arrays(fitted):
    kept, _ = fitted
    about, arrays = kept.state()
    json.dumps(about, allow_nan=False)
    for name, value in arrays.items():
        assert isinstance(value, np.ndarray), name
        assert value.dtype != object, name


def test_what_was_drawn_meanwhile_is_not_disturbed(fitted):
    kept, _ = fitted
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    type(kept).from_state(*kept.state())
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_every_kind_of_fitted_estimator_is_among_these(fit):
    tried = {type(fit(name)) for name in ESTIMATORS}
    own = {each for each in _kinds() if each.__module__.startswith("mmaq.")}
    assert {each.__name__ for each in own - tried} == {"Fitted", "FromTrueInputs", "KnownTruth"}
    kinds = [each.kind for each in tried]
    assert len(set(kinds)) == len(kinds)


def test_a_network_of_several_pollutants_is_kept_whole(training, tmp_path):
    both = np.column_stack([training.target, 80.0 - training.target])
    both[:5, 1] = np.nan
    joint = make_training(training.places, both).take(TRAIN)
    kept = supervised("aqnet", "supervised", TINY, BRIEF).fit(joint, seed=0)
    places = training.places.take(TEST)
    again = _through_a_file(kept, tmp_path)
    assert again.state()[0]["targets"] == 2
    np.testing.assert_array_equal(again.mean(reopened(places)), kept.mean(places))


@pytest.mark.parametrize(("epochs", "fewer"), [(6, 3), (7, 3), (1, 1)])
def test_a_network_that_is_asked_out_of_fold_is_tuned_for_half_of_the_epochs(epochs, fewer):
    asked = fine_tuned(Pretrained("mmaq"), "finetune_all", Finetune(epochs=epochs), True)
    assert asked.draft == fine_tuned(
        Pretrained("mmaq"), "finetune_all", Finetune(epochs=fewer), True
    )
