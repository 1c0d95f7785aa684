from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaq.learn.losses.dino import dino, next_centre

SHARP, WARM = 0.04, 0.1


def random(size=6, width=5):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn((4, size, width), generator=generator, dtype=torch.float64)
    return 0.1 * values, 0.1 * torch.randn(width, generator=generator, dtype=torch.float64)


def reference(student, teacher, centre):
    """Algorithm 1 of the paper, H(t, s), with a loop over samples."""

    def softmax(values):
        return np.exp(values) / np.exp(values).sum()

    losses = []
    for s, t in zip(student.numpy(), teacher.numpy(), strict=True):
        target = softmax((t - centre.numpy()) / SHARP)
        losses.append(-(target * np.log(softmax(s / WARM))).sum())
    return np.mean(losses)


def test_equals_the_algorithm():
    (student, teacher, *_), centre = random()
    found = dino(student, teacher, centre, WARM, SHARP)
    assert found.item() == pytest.approx(reference(student, teacher, centre))


def test_two_directions_and_the_centre_equal_lightly():
    loss = pytest.importorskip("lightly.loss").DINOLoss(
        output_dim=5, teacher_temp=SHARP, student_temp=WARM, center_momentum=0.9
    )
    (s0, s1, t0, t1), centre = random()
    loss.center = centre[None, None]
    expected = loss([t0, t1], [s0, s1])
    found = (dino(s0, t1, centre, WARM, SHARP) + dino(s1, t0, centre, WARM, SHARP)) / 2
    torch.testing.assert_close(found, expected)
    after = next_centre(centre, torch.cat([t0, t1]), 0.9)
    torch.testing.assert_close(after, loss.center[0, 0])


def test_does_not_depend_on_order_or_a_shift_of_all_scores():
    (student, teacher, *_), centre = random()
    order = torch.randperm(6)
    moved = dino(student[order] + 2, teacher[order] - 3, centre, WARM, SHARP)
    torch.testing.assert_close(moved, dino(student, teacher, centre, WARM, SHARP))


def test_centring_takes_a_prototype_that_always_wins_away():
    """Without the centre one prototype would be everyone's: the collapse it is there against."""
    (student, teacher, *_), _ = random()
    teacher[:, 0] += 1
    centre = teacher.mean(dim=0)
    chosen = (teacher - centre).argmax(dim=1)
    assert (teacher.argmax(dim=1) == 0).all()
    assert len(set(chosen.tolist())) > 1
    centred, plain = (
        dino(student, teacher, c, WARM, SHARP) for c in (centre, torch.zeros_like(centre))
    )
    one = -torch.log_softmax(student / WARM, dim=1)[:, 0].mean()
    torch.testing.assert_close(plain, one, rtol=1e-6, atol=1e-6)
    assert not torch.isclose(centred, one)


def test_gradient_flows_into_the_student_alone():
    (student, teacher, *_), centre = random()
    student, teacher = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    dino(student, teacher, centre, WARM, SHARP).backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(
        lambda s: dino(s, teacher.detach(), centre, WARM, SHARP), (student,)
    )
