"""What is particular to one method."""

from __future__ import annotations

import pytest
import torch

from mmaq.config.learning import Encoders
from tests.learn.methods.tiny import SIDE, make, make_views


def gradients(method, views):
    method.zero_grad()
    method(*views)["loss"].backward()
    return {key: p.grad.clone() for key, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["barlow_twins", "simclr", "vicreg", "byol", "simsiam", "dino"])
def test_symmetric_in_the_views(name):
    method = make(name).eval()
    first, second = make_views(("s2",))
    with torch.no_grad():
        there, back = method(first, second)["loss"], method(second, first)["loss"]
    torch.testing.assert_close(there, back)


def test_equal_views_are_the_optimum_of_what_has_one():
    """Untrained, in evaluation mode: what compares a view with itself."""
    view, _ = make_views(("s2",))
    with torch.no_grad():
        assert make("vicreg").eval()(view, view)["invariance"] == 0
        terms = make("barlow_twins").train()(view, view)
        assert terms["invariance"] < 1e-3 * terms["loss"] + 1e-2


def test_barlow_twins_multimodal_joins_all_three():
    method = make("barlow_twins_multimodal")
    assert method.projector[0].in_features == sum(method.encoders.widths.values())
    first, second = make_views(method.modalities)
    method.eval()
    with torch.no_grad():
        before = method(first, second)["loss"]
        for name in method.modalities:
            changed = {**first, name: torch.randn_like(first[name])}
            assert method(changed, second)["loss"] != before


def cosine(a, b):
    return torch.nn.functional.cosine_similarity(a, b, dim=1).mean()


def test_byol_predicts_the_other_view():
    method = make("byol").eval()
    first, second = (view["s2"] for view in make_views(("s2",)))
    with torch.no_grad():
        predictions = [method.predictor(method.student()(view)) for view in (first, second)]
        targets = [method.teacher(view) for view in (second, first)]
        cosines = [cosine(p, z) for p, z in zip(predictions, targets, strict=True)]
        found = method({"s2": first}, {"s2": second})["loss"]
    torch.testing.assert_close(found, 4 - 2 * sum(cosines))


def test_dino_matches_the_other_view():
    method = make("dino").eval()
    first, second = (view["s2"] for view in make_views(("s2",)))
    with torch.no_grad():
        method.centre.normal_(0, 0.1)
        entropies = []
        for own, other in ((first, second), (second, first)):
            target = ((method.teacher(other) - method.centre) / 0.04).softmax(dim=1)
            log = (method.student()(own) / 0.1).log_softmax(dim=1)
            entropies.append(-(target * log).sum(dim=1).mean())
        found = method({"s2": first}, {"s2": second})["loss"]
    torch.testing.assert_close(found, sum(entropies) / 2)


def test_moco_contrasts_with_earlier_keys_alone():
    """The keys of this batch are no negatives of each other."""
    method = make("moco_v2")
    first, second = make_views(("s2",), size=4)
    queue = method.queue.clone()
    found = method(first, second)["loss"]
    with torch.no_grad():
        q = torch.nn.functional.normalize(method.student()(first["s2"]), dim=1)
        k = torch.nn.functional.normalize(method.teacher(second["s2"]), dim=1)
        logits = torch.cat([(q * k).sum(dim=1, keepdim=True), q @ queue.T], dim=1) / 0.2
    torch.testing.assert_close(found, -logits.log_softmax(dim=1)[:, 0].mean())


def test_moco_asks_with_view_0_and_keeps_the_keys_of_view_1():
    method = make("moco_v2")
    first, second = make_views(("s2",), size=4)
    before = method.queue.clone()
    method(first, second)
    keys = method.teacher(second["s2"])  # the same batch statistics as in the step
    expected = torch.nn.functional.normalize(keys, dim=1)
    torch.testing.assert_close(method.queue[:4], expected)
    assert torch.equal(method.queue[4:], before[:-4])
    method.eval()
    after = method.queue.clone()
    method(first, second)
    assert torch.equal(method.queue, after)


def test_dino_moves_its_centre_in_training_alone():
    method = make("dino")
    first, second = make_views(("s2",))
    method(first, second)
    scores = torch.cat([method.teacher(first["s2"]), method.teacher(second["s2"])])
    torch.testing.assert_close(method.centre, 0.1 * scores.mean(dim=0))
    after = method.centre.clone()
    method.eval()(first, second)
    assert torch.equal(method.centre, after)


def test_dino_scores_are_cosines():
    method = make("dino").eval()
    with torch.no_grad():
        scores = method.student()(make_views(("s2",))[0]["s2"])
        assert scores.abs().max() <= 1 + 1e-6
        method.projector.prototypes.mul_(7)
        torch.testing.assert_close(method.student()(make_views(("s2",))[0]["s2"]), scores)


def test_dino_takes_the_vision_transformer():
    encoders = Encoders(s2="vit_small", s2_input=SIDE, vit_patch=8)
    method = make("dino", encoders=encoders)
    assert torch.isfinite(method(*make_views(("s2",), size=2))["loss"])


def test_byol_target_is_not_the_student_after_a_step():
    """With the student for a target the gradient would be another one."""
    method = make("byol")
    views = make_views(("s2",))
    before = gradients(method, views)
    with torch.no_grad():
        for p in method.teacher.parameters():
            p.add_(0.1 * torch.randn_like(p))
    after = gradients(method, views)
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert not any(key.startswith("teacher") for key in after)


def test_simsiam_stops_the_gradient_of_targets():
    """With a predictor that is held at a constant, no gradient is left for the encoder."""
    method = make("simsiam")
    with torch.no_grad():
        for p in method.predictor.parameters():
            p.zero_()
    found = gradients(method, make_views(("s2",)))
    assert all((g == 0).all() for key, g in found.items() if key.startswith("encoders"))


def test_mmcl_ties_images_to_their_own_tables():
    method = make("mmcl").eval()
    first, second = make_views(("s2", "table"))
    order = torch.tensor([1, 2, 3, 4, 5, 0])
    with torch.no_grad():
        before = method(first, second)["loss"]
        together = [{name: z[order] for name, z in view.items()} for view in (first, second)]
        apart = [{**view, "table": view["table"][order]} for view in (first, second)]
        torch.testing.assert_close(method(*together)["loss"], before)
        assert not torch.isclose(method(*apart)["loss"], before, rtol=1e-3)


def test_decur_common_and_unique_dimensions_part_the_projection():
    method = make("decur", common_share=0.75)
    assert method.common == 12
    assert method.projectors["s2"] is not method.projectors["s5p"]


def test_mmaq_released_has_no_loss_weights():
    method = make("mmaq", loss_form="released")
    assert "sigma" not in method.state_dict()
    assert method.monitored() == {}
    terms = method(*make_views(method.modalities))
    four = [terms[name] for name in ("s2_s5p", "s2_table", "s5p_table", "inter")]
    torch.testing.assert_close(terms["loss"], sum(four) / 4)


def test_mmaq_released_starts_as_intended_does():
    intended, released = (
        make("mmaq", loss_form=form).state_dict() for form in ("intended", "released")
    )
    assert set(intended) - set(released) == {"sigma"}
    assert all(torch.equal(value, intended[key]) for key, value in released.items())
