from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaq.learn.losses.contrastive import clip, info_nce, next_queue, nt_xent


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(values):
    values = np.asarray(values, dtype=float)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def nt_xent_reference(first, second, temperature):
    """Equation 1 of SimCLR with loops over samples."""
    z, size = np.vstack([unit(first), unit(second)]), len(first)
    total = 0.0
    for i in range(2 * size):
        others = [np.exp(z[i] @ z[k] / temperature) for k in range(2 * size) if k != i]
        positive = z[i] @ z[(i + size) % (2 * size)] / temperature
        total -= positive - np.log(np.sum(others))
    return total / (2 * size)


def info_nce_reference(queries, keys, queue, temperature):
    """Equation 1 of MoCo with a loop over samples."""
    queries, keys, queue = unit(queries), unit(keys), np.asarray(queue)
    losses = []
    for query, key in zip(queries, keys, strict=True):
        positive = np.exp(query @ key / temperature)
        losses.append(-np.log(positive / (positive + np.exp(queue @ query / temperature).sum())))
    return np.mean(losses)


def clip_reference(images, tables, temperature, share):
    """Both directions with loops over samples."""
    a, b = unit(images), unit(tables)
    to_table = [np.log(np.exp((b - b[i]) @ a[i] / temperature).sum()) for i in range(len(a))]
    to_image = [np.log(np.exp((a - a[i]) @ b[i] / temperature).sum()) for i in range(len(a))]
    return share * np.mean(to_table) + (1 - share) * np.mean(to_image)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_equals_its_equation_and_lightly(temperature):
    first, second = random(2, 6, 4)
    found = nt_xent(first, second, temperature)
    assert found.item() == pytest.approx(nt_xent_reference(first, second, temperature))
    lightly = pytest.importorskip("lightly.loss").NTXentLoss(temperature=temperature)
    torch.testing.assert_close(found, lightly(first, second))


@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_info_nce_equals_its_equation_and_lightly(temperature):
    queries, keys = random(2, 5, 4)
    queue = torch.from_numpy(unit(random(9, 4, seed=1)))
    found = info_nce(queries, keys, queue, temperature)
    assert found.item() == pytest.approx(info_nce_reference(queries, keys, queue, temperature))
    loss = pytest.importorskip("lightly.loss").NTXentLoss(temperature, memory_bank_size=(9, 4))
    loss.memory_bank.bank.data = queue
    torch.testing.assert_close(found, loss(queries, keys))


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_clip_equals_its_equation(share):
    images, tables = random(2, 6, 4)
    found = clip(images, tables, 0.1, share)
    assert found.item() == pytest.approx(clip_reference(images, tables, 0.1, share))


def test_clip_tells_its_two_directions_apart():
    images, tables = random(2, 6, 4)
    there, back = clip(images, tables, 0.1, 1.0), clip(tables, images, 0.1, 0.0)
    torch.testing.assert_close(there, back)
    assert not torch.isclose(there, clip(images, tables, 0.1, 0.0))


def losses(first, second):
    queue = torch.from_numpy(unit(random(9, 4, seed=1))).to(first.dtype)
    return torch.stack(
        [
            nt_xent(first, second, 0.1),
            info_nce(first, second, queue, 0.2),
            clip(first, second, 0.1, 0.3),
        ]
    )


def test_losses_do_not_depend_on_length_or_order():
    first, second = random(2, 6, 4)
    order = torch.randperm(6)
    lengths = torch.rand(6, 1, dtype=torch.float64) + 0.5
    moved = losses((first * lengths)[order], (second / lengths)[order])
    torch.testing.assert_close(moved, losses(first, second))


def test_symmetric_losses_are_symmetric():
    first, second = random(2, 6, 4)
    torch.testing.assert_close(nt_xent(first, second, 0.1), nt_xent(second, first, 0.1))
    torch.testing.assert_close(clip(first, second, 0.1, 0.5), clip(second, first, 0.1, 0.5))


@pytest.mark.parametrize("which", range(3))
def test_gradients(which):
    first, second = (values.clone().requires_grad_() for values in random(2, 4, 4))
    assert torch.autograd.gradcheck(lambda a: losses(a, second.detach())[which], (first,))
    if which != 1:  # keys take no gradient
        assert torch.autograd.gradcheck(lambda a, b: losses(a, b)[which], (first, second))


def test_keys_take_no_gradient():
    queries, keys = (values.clone().requires_grad_() for values in random(2, 5, 4))
    info_nce(queries, keys, torch.from_numpy(unit(random(9, 4))), 0.2).backward()
    assert keys.grad is None
    assert queries.grad.abs().max() > 0


def test_half_precision_is_computed_in_single_precision():
    first, second = random(2, 6, 4).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = losses(first, second)
    assert torch.equal(inside, losses(first, second))
    assert nt_xent(first.bfloat16(), second.bfloat16(), 0.1).dtype == torch.float32


@pytest.mark.parametrize("size", [1, 3, 5, 8])
def test_newest_keys_push_the_oldest_out_of_the_queue(size):
    queue = torch.from_numpy(unit(random(5, 4)))
    keys = random(size, 4, seed=1) * 3
    after = next_queue(queue, keys)
    assert after.shape == queue.shape
    kept = min(size, 5)
    np.testing.assert_allclose(after[:kept], unit(keys)[:kept])
    assert torch.equal(after[kept:], queue[: 5 - kept])
