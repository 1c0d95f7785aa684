"""What holds for every method."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

from mmaq.learn.lars import make_lars
from mmaq.learn.stage import METHODS
from mmaq.vocabulary import MODALITIES, TRAINED
from tests.learn.methods.tiny import MOMENTUM, NAMES, configure, make, make_views

FORMS = [(name, "balanced") for name in NAMES]
FORMS += [("mmaq", form) for form in ("intended", "released")]
STEPS = 3


def stated_momentum(name, progress):
    """What each docstring says, written here once more."""
    if name == "moco_v2":
        return configure(name).moco.momentum
    start = getattr(configure(name), name).momentum
    return 1 - (1 - start) * (math.cos(math.pi * progress) + 1) / 2


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_three_steps(name, form):
    """Finite losses, gradients everywhere, teachers that follow as stated."""
    method = make(name, loss_form=form)
    trained = {key: p for key, p in method.named_parameters() if p.requires_grad}
    optimiser = make_lars(method, 0.1, 0.01, 1e-6, method.own_rates())
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    assert held == {id(p) for p in trained.values()}
    start = {key: p.detach().clone() for key, p in trained.items()}
    reached = set()
    for step in range(STEPS):
        terms = method(*make_views(method.modalities, seed=step))
        assert all(value.ndim == 0 and torch.isfinite(value) for value in terms.values())
        assert all(math.isfinite(value) for value in method.monitored().values())
        optimiser.zero_grad()
        terms["loss"].backward()
        for key, p in trained.items():
            assert p.grad is not None, key
            assert torch.isfinite(p.grad).all(), key
            if p.grad.abs().max() > 0:
                reached.add(key)
        optimiser.step()
        progress = (step + 1) / STEPS
        before = [p.clone() for p in method.teacher.parameters()] if name in MOMENTUM else []
        method.after_step(progress)
        if name in MOMENTUM:
            share = stated_momentum(name, progress)
            student = method.student().parameters()
            after = method.teacher.parameters()
            for old, new, own in zip(before, after, student, strict=True):
                torch.testing.assert_close(new, share * old + (1 - share) * own)
    assert reached == set(trained)
    assert all((p.detach() != start[key]).any() for key, p in trained.items())


@pytest.mark.parametrize("name", MOMENTUM)
def test_teachers_are_apart_and_take_no_gradient(name):
    method = make(name)
    assert all(not p.requires_grad for p in method.teacher.parameters())
    student, teacher = method.student(), method.teacher
    assert not {id(p) for p in student.parameters()} & {id(p) for p in teacher.parameters()}
    for own, copied in zip(student.state_dict().items(), teacher.state_dict().items(), strict=True):
        assert own[0] == copied[0]
        assert torch.equal(own[1], copied[1])
    method.after_step(0.0)
    assert all(
        torch.equal(a, b) for a, b in zip(student.parameters(), teacher.parameters(), strict=True)
    )


@pytest.mark.parametrize("name", MOMENTUM)
def test_teachers_follow_after_norms_were_made_global(name):
    """Lightning replaces the batch norms of a method before it runs on several GPUs."""
    method = torch.nn.SyncBatchNorm.convert_sync_batchnorm(make(name))
    with torch.no_grad():
        for p in method.student().parameters():
            p.add_(1)
    before = [p.clone() for p in method.teacher.parameters()]
    method.after_step(0.0)
    share = stated_momentum(name, 0.0)
    for old, new in zip(before, method.teacher.parameters(), strict=True):
        torch.testing.assert_close(new, old + (1 - share))


@pytest.mark.parametrize("name", NAMES)
def test_no_layer_is_shared(name):
    method = make(name)
    counts = Counter(id(module) for _, module in method.named_modules(remove_duplicate=False))
    assert max(counts.values()) == 1
    tensors = [*method.parameters(), *method.buffers()]
    assert len({value.data_ptr() for value in tensors}) == len(tensors)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_goes_on_where_it_was(name):
    """A method that takes another's state makes the same next step, bit for bit."""
    method, other = make(name), make(name, seed=1)
    method(*make_views(method.modalities, seed=1))
    method.after_step(0.5)
    other.load_state_dict(method.state_dict())
    for one in (method, other):
        one(*make_views(method.modalities, seed=2))["loss"].backward()
        one.after_step(0.6)
    found = other.state_dict()
    for key, value in method.state_dict().items():
        assert torch.equal(value, found[key]), key
    for (key, p), q in zip(method.named_parameters(), other.parameters(), strict=True):
        if p.requires_grad:
            assert torch.equal(p.grad, q.grad), key


@pytest.mark.parametrize("name", NAMES)
def test_has_the_encoders_of_its_modalities_alone(name):
    method = make(name)
    assert method.encoders.modalities == TRAINED[name]
    assert set(method.modalities) <= set(MODALITIES)


@pytest.mark.parametrize("name", NAMES)
def test_other_modalities_of_a_view_are_not_looked_at(name):
    method = make(name).eval()
    views = make_views(MODALITIES)
    own = [{key: view[key] for key in method.modalities} for view in views]
    with torch.no_grad():
        assert torch.equal(method(*views)["loss"], method(*own)["loss"])


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_nothing_depends_on_the_configured_batch_size(name, form):
    losses = []
    for size in (1, 4096):
        method = make(name, batch_size=size, loss_form=form)
        losses.append(method(*make_views(method.modalities))["loss"])
    assert torch.equal(*losses)


@pytest.mark.parametrize("name", NAMES)
def test_loss_under_autocast_is_close_to_single_precision(name):
    method = make(name).eval()
    views = make_views(method.modalities, size=32)
    with torch.no_grad():
        expected = method(*views)["loss"]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = method(*views)["loss"]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.05)


def test_every_name_of_the_configuration_has_its_method():
    schema = type(configure("mmaq")).model_json_schema()
    assert set(schema["properties"]["method"]["enum"]) == set(METHODS)
