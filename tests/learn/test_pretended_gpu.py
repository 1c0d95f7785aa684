"""Training and inference on a GPU that is not there.

torch's fake tensors have a device and no values: what our code does with the device "cuda" is run
line by line on a machine without one, and a tensor that was left on the host, or a value that the
host waits for, shows.

What this cannot see: kernels and their speed, memory, numbers (all are pretended), what a branch
on a value of the device would do next, torch's own way back through the graph, several GPUs, and
Lightning, which moves a module and its batches here as a stub does.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.estimators.base import Places
from mmaq.estimators.encoders import Embedder
from mmaq.estimators.networks import FittedNetwork
from mmaq.learn.data import compute_statistics, load_inputs
from mmaq.learn.embed import embed
from mmaq.learn.methods.barlow_twins import BarlowTwins
from mmaq.learn.models.encoders import Encoders
from mmaq.learn.module import PretrainModule
from mmaq.learn.networks import NETWORKS, finetune, from_scratch, train_supervised
from mmaq.learn.stage import METHODS, make_method
from mmaq.learn.views import orientations
from mmaq.vocabulary import MODALITIES
from tests.learn.pretended_gpu import CUDA, on_device, pretended_gpu
from tests.learn.training_country import SMALL, TINY

SITES, BATCH = 28, 8
RUNS = [
    *((name, {}) for name in METHODS),
    *(("mmaq", {"loss_form": form}) for form in ("intended", "released")),
    ("mmaq", {"channels_last": False, "precision": "float32"}),
    ("mmaq", {"memory_share": 0.0}),
]
EVERY = {**NETWORKS, "regressor": from_scratch(("s5p", "table"))}
STATIONS = np.arange(BATCH)
"""So that an epoch is a step."""


@pytest.fixture(scope="module")
def opened(country):
    return open_store(country[0]), read_sites(country[1])


@pytest.fixture(scope="module")
def inputs(opened):
    return load_inputs(*opened)


@pytest.fixture(scope="module")
def statistics(inputs):
    return compute_statistics(inputs)


@pytest.fixture(scope="module")
def target():
    return np.random.default_rng(0).normal(20, 5, SITES)


@pytest.fixture
def gpu():
    with pretended_gpu() as gpu:
        yield gpu


def step(module):
    """A step of pretraining as Lightning makes it; gives the loss."""
    module.to(CUDA)
    module.inputs = module.inputs.to(CUDA)
    optimiser = module.configure_optimizers()["optimizer"]
    module._trainer = SimpleNamespace(
        world_size=1, global_rank=0, global_step=0, current_epoch=0, optimizers=[optimiser]
    )
    half = module.config.precision != "float32"
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=half):
        loss = module.training_step(torch.arange(BATCH), 0)
    loss.backward()
    optimiser.step()
    module.method.after_step(0.5)
    return loss


@pytest.mark.parametrize(("name", "changes"), RUNS)
def test_a_step_of_pretraining_stays_on_the_device(gpu, opened, inputs, statistics, name, changes):
    config = TINY.model_copy(update=changes).of(name)
    if config.memory_share == 0:
        inputs = replace(load_inputs(*opened, resident=False), aligned=True)
    module = PretrainModule(make_method(config), config, inputs, statistics, BATCH)
    types = set()
    for part in module.modules():
        if isinstance(part, nn.Linear):
            part.register_forward_hook(lambda layer, given, made: types.add(made.dtype))
    loss = step(module)
    assert on_device(loss)
    assert loss.dtype == torch.float32
    assert types == {torch.float32 if config.precision == "float32" else torch.bfloat16}
    for key, weight in module.named_parameters():
        assert on_device(weight), key
        assert (weight.grad is None) != weight.requires_grad, key
    assert on_device(module.history.waiting())
    assert gpu.brought_back == 0, "a step waits for the device"


def test_embedding_brings_back_one_batch_a_modality(gpu, inputs, statistics):
    found = embed(Encoders(SMALL).to(CUDA), statistics, inputs)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(MODALITIES, SITES)
    assert gpu.brought_back == len(MODALITIES)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_supervised_training_measuring_norms_anew_and_prediction(
    gpu, inputs, target, monkeypatch, name
):
    some = orientations()[:2]  # of eight, each of which makes the same operations
    monkeypatch.setattr("mmaq.learn.fit.orientations", lambda: some)
    back, stations = [], inputs.take(STATIONS).to(CUDA)
    for epochs in (1, 2):
        before = gpu.brought_back
        config = Supervised(epochs=epochs, batch_size=BATCH)
        trained = train_supervised(EVERY[name], SMALL, stations, target[STATIONS], config, 0)
        back.append(gpu.brought_back - before)
    assert back[0] == back[1], "a step waits for the device"
    assert all(on_device(values) for values in trained.model.state_dict().values())
    assert trained.predict(inputs, np.arange(5)).shape == (5,)
    assert gpu.brought_back - sum(back) == 1, "a prediction waits once"


def test_fine_tuning_and_prediction(gpu, inputs, statistics, target):
    encoders = Encoders(SMALL).to(CUDA)
    config = Finetune(epochs=2, batch_size=BATCH)
    stations = inputs.take(STATIONS)
    trained = finetune(encoders, statistics, stations, target[STATIONS], MODALITIES, config, 0)
    assert gpu.brought_back == 2, "embeddings and target, for the probe that it starts from"
    assert all(on_device(weight) for weight in trained.model.parameters())
    assert trained.predict(inputs, np.arange(5)).shape == (5,)


def test_estimators_are_written_and_read_back_to_the_device(
    gpu, opened, inputs, statistics, target, monkeypatch
):
    for module in ("encoders", "networks"):
        monkeypatch.setattr(f"mmaq.estimators.{module}.device", lambda: CUDA)
    places = Places(opened[1], opened[0])
    embedder = Embedder.of(Encoders(SMALL).to(CUDA), statistics, ("s2", "s5p"))
    again = Embedder.from_state(*embedder.state())
    assert on_device(next(again.network.parameters()))
    assert [len(values) for values in again.embed(places)] == [SITES, SITES]
    config = Supervised(epochs=1, batch_size=SITES)
    trained = train_supervised(EVERY["regressor"], SMALL, inputs.to(CUDA), target, config, 0)
    read = FittedNetwork.from_state(*FittedNetwork(trained, "regressor").state())
    assert on_device(next(read.trained.model.parameters()))
    assert read.mean(places).shape == (SITES,)


class Forgetful(BarlowTwins):
    """Holds a tensor that no buffer or parameter is, so that nothing moves it."""

    def __init__(self, config):
        super().__init__(config)
        self.weights = torch.ones(config.projection)

    def forward(self, first, second):
        return {"loss": (self._project(first) * self.weights).sum()}


class Waiting(BarlowTwins):
    """Reads a value of the device in each step."""

    def forward(self, first, second):
        made = super().forward(first, second)
        return {name: value * float(value.detach()) for name, value in made.items()}


def planted(method, inputs, statistics):
    config = TINY.of("barlow_twins")
    return PretrainModule(method(config), config, inputs, statistics, BATCH)


def test_a_tensor_left_on_the_host_is_found(gpu, inputs, statistics):
    with pytest.raises(RuntimeError, match="found at least two devices, cuda:0 and cpu"):
        step(planted(Forgetful, inputs, statistics))


def test_a_value_that_a_step_waits_for_is_found(gpu, inputs, statistics):
    step(planted(Waiting, inputs, statistics))
    assert gpu.brought_back == 3


def test_a_choice_by_values_of_the_device_is_found(gpu):
    values = torch.ones(3).to(CUDA)
    with pytest.raises(DynamicOutputShapeException):
        values[values > 0]
