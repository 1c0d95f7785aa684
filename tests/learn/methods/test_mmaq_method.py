from __future__ import annotations

import itertools

import pytest
import torch

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.mmaq import SIGMA_START
from mmaq.learn.methods.mmaq import MMAQ
from mmaq.vocabulary import MODALITIES

CONFIG = Pretrain(projection=16)


def views(size=6):
    def view():
        return {
            "s2": torch.randn(size, 12, 32, 32),
            "s5p": torch.randn(size, 1, 16, 16),
            "table": torch.randn(size, 16),
        }

    return view(), view()


@pytest.fixture(scope="module")
def method():
    torch.manual_seed(0)
    return MMAQ(CONFIG.model_copy(update={"loss_form": "intended"}))


def test_no_layer_is_shared(method):
    owners = [*method.encoders.values(), *method.projectors.values()]
    assert len(owners) == 2 * len(MODALITIES)
    for one, other in itertools.combinations(owners, 2):
        modules = {id(part) for part in one.modules()}
        assert not modules & {id(part) for part in other.modules()}
    for one, other in itertools.combinations(MODALITIES, 2):
        assert method.projectors[one] is not method.projectors[other]


def test_the_loss_weights_are_parameters(method):
    assert any(p is method.sigma for p in method.parameters() if p.requires_grad)
    assert tuple(method.monitored().values()) == pytest.approx(SIGMA_START)


def test_weights_are_logarithms_or_sigma():
    """The balanced loss starts with all weights at one; the paper's has sigma."""
    forms = {form: MMAQ(CONFIG.model_copy(update={"loss_form": form})) for form in
             ("intended", "balanced", "released")}  # fmt: skip
    assert tuple(forms["intended"].monitored().values()) == pytest.approx(SIGMA_START)
    assert tuple(forms["balanced"].monitored().values()) == pytest.approx([1.0] * 4)
    assert forms["balanced"].sigma is None
    assert forms["released"].monitored() == {}
    first, second = views()
    with torch.no_grad():
        made = forms["balanced"](first, second)
        for _, parameter in forms["balanced"].own_rates():
            parameter.fill_(1.0)
        after = forms["balanced"](first, second)
    assert after["loss"] != made["loss"], "they are not in the loss"
    assert 0.1 < made["intra_s2"] < 2, "a term is near one"


def test_common_and_unique_dimensions_part_the_projection(method):
    assert method.common == 14
    assert MMAQ(Pretrain()).common == 448


def test_views_reach_the_loss_in_their_order(method):
    """Changing the table changes its own term and the cross term, not those of the images."""
    method.eval()
    first, second = views()
    with torch.no_grad():
        before = method(first, second)
        after = method({**first, "table": torch.randn(6, 16)}, second)
    assert before["intra_s2"] == after["intra_s2"]
    assert before["intra_s5p"] == after["intra_s5p"]
    assert before["intra_table"] != after["intra_table"]
    assert before["inter"] != after["inter"]


def test_loss_under_autocast_is_close_to_single_precision(method):
    method.train()
    first, second = views(size=32)
    with torch.no_grad():
        expected = method(first, second)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = method(first, second)
    assert found["loss"].dtype == torch.float32
    torch.testing.assert_close(found["loss"], expected["loss"], rtol=0.05, atol=0.0)
