"""The loss of MMAQ in the form that its authors intended, made well-posed.

What the released code computes instead is in :mod:`mmaq.learn.losses.mmaq_released`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mmaq.learn.losses.barlow import barlow_twins, cross_correlation, decorrelation, standardise

TABLE_WEIGHT = 0.025
"""Weight of the two terms that tie the images to the table."""

WEIGHTED = ("intra_s2", "intra_s5p", "intra_table", "inter")
"""The terms that have a learned weight, in the order of ``sigma``."""

SIGMA_START = (0.8, 0.8, 0.8, 1.0)

SIGMA_FLOOR = 1e-8
"""Added to sigma squared, so that the loss is finite even where a sigma crosses zero."""

WEIGHT_RATE = 1.0
"""Rate of the log-variances for a batch of 256: they follow their terms within tens of steps."""

TERM_FLOOR = 1e-3
"""Added to a term that is balanced: where it is far below, its logarithm pulls no more."""


def mmaq_terms(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], common: int, lambda_off: float
) -> dict[str, Tensor]:
    """Terms of the loss from the projections of two views.

    Args:
        first: projections of view 0, (n, d) under "s2", "s5p" and "table".
        second: projections of view 1.
        common: the first ``common`` of the d dimensions are shared by S2 and S5P.
        lambda_off: weight of off-diagonal correlations.

    Returns:
        ``intra_<modality>`` BT between the views of one modality; ``common``, which pulls the
        common dimensions of S2 and S5P together, sum (1 - C_ii), and ties both to the table;
        ``unique``, which decorrelates the other dimensions; ``inter``, the mean of these two. What
        joins two modalities is the mean over both views. Every term is >= 0: the authors' -sum C_ii
        differs from sum (1 - C_ii) by a constant alone, but its sign lets a learned weight run
        away.
    """
    views = [{name: standardise(z) for name, z in view.items()} for view in (first, second)]
    terms = {
        f"intra_{name}": barlow_twins(cross_correlation(views[0][name], views[1][name]), lambda_off)
        for name in ("s2", "s5p", "table")
    }
    pairs = [_inter(view, common, lambda_off) for view in views]
    terms["common"] = (pairs[0][0] + pairs[1][0]) / 2
    terms["unique"] = (pairs[0][1] + pairs[1][1]) / 2
    terms["inter"] = (terms["common"] + terms["unique"]) / 2
    return terms


def _inter(view: Mapping[str, Tensor], common: int, lambda_off: float) -> tuple[Tensor, Tensor]:
    """The common and the unique term of one view."""
    images = cross_correlation(view["s2"], view["s5p"])
    shared = (1 - images.diagonal()[:common]).sum()
    for name in ("s2", "s5p"):
        tied = cross_correlation(view[name][:, :common], view["table"][:, :common])
        shared = shared + TABLE_WEIGHT / 2 * barlow_twins(tied, lambda_off)
    rest = images[common:, common:]
    return shared, decorrelation(rest, lambda_off)


def weigh_terms(terms: Mapping[str, Tensor], sigma: Tensor) -> Tensor:
    """Join the terms named in ``WEIGHTED`` by learned weights, ``sigma`` of shape (4,).

    L = 1/4 [sum L_w / sigma_w^2 + sum ln(1 + sigma_w^2) + |2 - sum |sigma_w||], after Kendall et
    al. (2018, arXiv:1705.07115) and Liebel and Koerner (2018, arXiv:1805.06334). Every
    part is >= 0, so L is bounded below for any sigma.
    """
    losses = torch.stack([terms[name] for name in WEIGHTED])
    square = sigma.square()
    fitted = (losses / (square + SIGMA_FLOOR)).sum()
    return (fitted + torch.log1p(square).sum() + (2 - sigma.abs().sum()).abs()) / len(WEIGHTED)


def per_dimension(terms: Mapping[str, Tensor], common: int, unique: int) -> dict[str, Tensor]:
    """Terms of ``mmaq_terms``, each over the number of dimensions that it is a sum over.

    Each is then near 1 between unrelated projections, whatever their width: "intra" terms over
    ``common + unique`` dimensions, "common" and "unique" over theirs, "inter" the mean of these
    two as before.
    """
    scaled = {name: value / (common + unique) for name, value in terms.items()}
    scaled["common"] = terms["common"] / max(common, 1)
    scaled["unique"] = terms["unique"] / max(unique, 1)
    scaled["inter"] = (scaled["common"] + scaled["unique"]) / 2
    return scaled


def balance_terms(terms: Mapping[str, Tensor], log_variance: Tensor) -> Tensor:
    """Join the terms named in ``WEIGHTED`` by learned weights exp(-s), ``log_variance`` s, (4,).

    L = 1/4 sum [exp(-s_w) (L_w + e) + s_w] with e = ``TERM_FLOOR``, after Kendall et al. (2018).
    It is convex in each s, and least where exp(s_w) = L_w + e: there L = 1 + 1/4 sum ln (L_w + e),
    so every term pulls by its relative change, none by its size, and no choice of s gives less.
    As L_w >= 0, L >= 1 + ln e; without e it would have no lower bound, since a term may vanish.
    """
    losses = torch.stack([terms[name] for name in WEIGHTED])
    return (torch.exp(-log_variance) * (losses + TERM_FLOOR) + log_variance).mean()
