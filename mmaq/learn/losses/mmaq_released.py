"""The loss of MMAQ as the authors' released code computes it, kept to show the difference.

Their loss takes (z1, z2, z3, z1', z2', z3'), 1 being Sentinel-2, 2 Sentinel-5P, 3 the table and a
prime the other view; their training step hands over (z1, z1', z2, z2', z3, z3'). Each slot but the
first and the last then holds another projection than its name says. What comes out:

- the three "intra" terms tie S2 to the S5P of the other view, the S2 of the other view to its
  table, and S5P to the table of the other view: no term compares two views of S5P or of the table;
- the "inter" term, whose common part is -sum C_ii and may be negative, ties S2 to its other view,
  and both views of S2 to S5P;
- the sum is divided by four. Learned weights are off unless asked for (``--uncertainty``), and
  then their parameters are not in the optimiser: they would weigh by constants. So there are none.

Not kept: the division by the configured batch size (the actual one here; the same in full batches
on one device), the shared batch norm that standardises the projections and has no parameters, and
the regressor on labels, whose gradient reaches no encoder.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mmaq.learn.losses.barlow import barlow_twins, cross_correlation, decorrelation, standardise
from mmaq.learn.losses.mmaq import TABLE_WEIGHT


def released_terms(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], common: int, lambda_off: float
) -> dict[str, Tensor]:
    """Terms of the released loss, named by what they really compare.

    Args:
        first: projections of view 0, (n, d) under "s2", "s5p" and "table".
        second: projections of view 1.
        common: number of common dimensions, the first ones.
        lambda_off: weight of off-diagonal correlations.

    Returns:
        "s2_s5p", "s2_table", "s5p_table" (the authors' intra terms, in order), "common", "unique"
        and "inter", the mean of these two.
    """
    (s2, s5p, table), (s2_other, s5p_other, table_other) = (
        [standardise(view[name]) for name in ("s2", "s5p", "table")] for view in (first, second)
    )
    views = cross_correlation(s2, s2_other)
    terms = {
        "s2_s5p": barlow_twins(cross_correlation(s2, s5p_other), lambda_off),
        "s2_table": barlow_twins(cross_correlation(s2_other, table), lambda_off),
        "s5p_table": barlow_twins(cross_correlation(s5p, table_other), lambda_off),
        "common": -views.diagonal()[:common].sum(),
        "unique": decorrelation(views[common:, common:], lambda_off),
    }
    for images in (s2, s2_other):
        tied = cross_correlation(images[:, :common], s5p[:, :common])
        terms["common"] = terms["common"] + TABLE_WEIGHT / 2 * barlow_twins(tied, lambda_off)
    terms["inter"] = (terms["common"] + terms["unique"]) / 2
    return terms


def sum_released(terms: Mapping[str, Tensor]) -> Tensor:
    """A quarter of the sum of the four terms, unweighted."""
    return (terms["s2_s5p"] + terms["s2_table"] + terms["s5p_table"] + terms["inter"]) / 4
