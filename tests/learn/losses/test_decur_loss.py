from __future__ import annotations

import pytest
import torch

from mmaq.learn.losses.decur import decur_terms, sum_decur

NAMES = ("s2", "s5p")
COMMON, LAMBDA = 5, 0.0051


def projections(size=10, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn((2, 2, size, width), generator=generator, dtype=torch.float64)
    return tuple(dict(zip(NAMES, view, strict=True)) for view in draw)


def reference(first, second):
    """The authors' steps, written anew with a batch-norm layer and masks; cross terms of view 0."""
    norm = torch.nn.BatchNorm1d(first["s2"].shape[1], affine=False).double()

    def parts(a, b, start, end):
        c = (norm(a).T @ norm(b) / len(a))[start:end, start:end]
        diagonal = torch.eye(len(c), dtype=torch.bool)
        return c[diagonal], c[~diagonal]

    def single(a, b, start=0, end=None):
        on, off = parts(a, b, start, end)
        return ((on - 1) ** 2).sum() + LAMBDA * (off**2).sum()

    on, off = parts(first["s2"], first["s5p"], COMMON, None)
    unique = (on**2).sum() + LAMBDA * (off**2).sum()
    common = single(first["s2"], first["s5p"], 0, COMMON)
    intra = [single(first[name], second[name]) for name in NAMES]
    return (intra[0] + intra[1] + (common + unique) / 2) / 3


def loss(first, second):
    return sum_decur(decur_terms(first, second, COMMON, LAMBDA))


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_authors_loss_averaged_over_both_orders_of_the_views(seed):
    first, second = projections(seed=seed)
    expected = (reference(first, second) + reference(second, first)) / 2
    torch.testing.assert_close(loss(first, second), expected)


def test_symmetric_in_views_and_modalities():
    first, second = projections()
    expected = loss(first, second)
    torch.testing.assert_close(loss(second, first), expected)
    swapped = [{"s2": view["s5p"], "s5p": view["s2"]} for view in (first, second)]
    torch.testing.assert_close(loss(*swapped), expected)


def test_does_not_depend_on_order_or_affine_maps():
    first, second = projections()
    order = torch.randperm(10)
    moved = [{name: 3 * z[order] - 7 for name, z in view.items()} for view in (first, second)]
    torch.testing.assert_close(loss(*moved), loss(first, second), rtol=1e-4, atol=1e-4)


def test_terms_look_at_their_own_dimensions():
    first, second = projections()
    before = decur_terms(first, second, COMMON, LAMBDA)
    changed = {**first, "s2": first["s2"].clone()}
    changed["s2"][:, COMMON:] = torch.randn(10, 8 - COMMON, dtype=torch.float64)
    after = decur_terms(changed, second, COMMON, LAMBDA)
    same = {name: torch.isclose(before[name], after[name]).item() for name in before}
    assert same == {"intra_s2": False, "intra_s5p": True, "common": True, "unique": False}


def test_gradients():
    first, second = projections(size=5)
    leaves = [z.requires_grad_() for view in (first, second) for z in view.values()]

    def of_leaves(*values):
        views = (dict(zip(NAMES, part, strict=True)) for part in (values[:2], values[2:]))
        return loss(*views)

    assert torch.autograd.gradcheck(of_leaves, leaves)
