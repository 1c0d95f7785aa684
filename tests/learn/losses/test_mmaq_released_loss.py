from __future__ import annotations

import itertools

import pytest
import torch

from mmaq.learn.losses.mmaq_released import released_terms, sum_released

NAMES = ("s2", "s5p", "table")
COMMON, LAMBDA = 6, 0.0051


def projections(size=10, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn((2, 3, size, width), generator=generator, dtype=torch.float64)
    return tuple(dict(zip(NAMES, view, strict=True)) for view in draw)


class Authors:
    """The steps of the authors' loss one by one, with their signature, to be called as they do."""

    def __init__(self, width, batch_size):
        self.norm = torch.nn.BatchNorm1d(width, affine=False).double()
        self.batch_size = batch_size

    def correlate(self, a, b):
        return self.norm(a).T @ self.norm(b) / self.batch_size

    def inter(self, z1, z2, z3):
        c12, c13, c23 = self.correlate(z1, z2), self.correlate(z1, z3), self.correlate(z2, z3)
        decorrelated = 0.0
        for matrix in (c13, c23):
            difference = (torch.eye(COMMON) - matrix[:COMMON, :COMMON]) ** 2
            outside = ~torch.eye(COMMON, dtype=torch.bool)
            difference[outside] = difference[outside] * LAMBDA
            decorrelated = decorrelated + difference.sum()
        common = -torch.diagonal(c12[:COMMON, :COMMON]).sum() + 0.025 * decorrelated / 2
        rest = c12[COMMON:, COMMON:]
        outside = ~torch.eye(len(rest), dtype=torch.bool)
        unique = (torch.diagonal(rest) ** 2).sum() + LAMBDA * (rest[outside] ** 2).sum()
        return (common + unique) / 2

    def intra(self, z, z_hat):
        c = self.correlate(z, z_hat)
        outside = ~torch.eye(len(c), dtype=torch.bool)
        return ((torch.diagonal(c) - 1) ** 2).sum() + LAMBDA * (c[outside] ** 2).sum()

    def __call__(self, z1, z2, z3, z1_hat, z2_hat, z3_hat):
        inter = self.inter(z1, z2, z3)
        intra = [self.intra(z1, z1_hat), self.intra(z2, z2_hat), self.intra(z3, z3_hat)]
        return (sum(intra) + inter) / 4


def authors_call(first, second):
    """The order in which their training step hands the projections over."""
    loss = Authors(first["s2"].shape[1], len(first["s2"]))
    return loss(
        first["s2"], second["s2"], first["s5p"], second["s5p"], first["table"], second["table"]
    )


def loss(first, second):
    return sum_released(released_terms(first, second, COMMON, LAMBDA))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_the_authors_steps_in_their_order(seed):
    first, second = projections(seed=seed)
    torch.testing.assert_close(loss(first, second), authors_call(first, second))


def test_terms_compare_what_their_names_say():
    """Which projections each term depends on."""
    first, second = projections()
    before = released_terms(first, second, COMMON, LAMBDA)
    depends = {name: set() for name in before}
    for view, other in itertools.product((0, 1), NAMES):
        changed = [dict(first), dict(second)]
        changed[view][other] = torch.randn_like(first[other])
        for name, value in released_terms(*changed, COMMON, LAMBDA).items():
            if value != before[name]:
                depends[name].add((other, view))
    assert depends == {
        "s2_s5p": {("s2", 0), ("s5p", 1)},
        "s2_table": {("s2", 1), ("table", 0)},
        "s5p_table": {("s5p", 0), ("table", 1)},
        "common": {("s2", 0), ("s2", 1), ("s5p", 0)},
        "unique": {("s2", 0), ("s2", 1)},
        "inter": {("s2", 0), ("s2", 1), ("s5p", 0)},
    }


def test_does_not_depend_on_order_or_affine_maps():
    first, second = projections()
    order = torch.randperm(10)
    moved = [{name: 3 * z[order] - 7 for name, z in view.items()} for view in (first, second)]
    torch.testing.assert_close(loss(*moved), loss(first, second), rtol=1e-4, atol=1e-4)


def test_its_common_term_can_be_negative():
    view = projections(size=64)[0]
    assert released_terms(view, view, COMMON, LAMBDA)["common"] < 0


def test_gradients():
    first, second = projections(size=5)
    leaves = [z.requires_grad_() for view in (first, second) for z in view.values()]

    def of_leaves(*values):
        views = (dict(zip(NAMES, part, strict=True)) for part in (values[:3], values[3:]))
        return loss(*views)

    assert torch.autograd.gradcheck(of_leaves, leaves)
