"""The loss of DeCUR: what two modalities share and what is each one's own.

Wang et al., "Decoupling common and unique representations for multimodal self-supervised learning"
(ECCV 2024, arXiv:2309.05300).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mmaq.learn.losses.barlow import barlow_twins, cross_correlation, decorrelation, standardise

MODALITIES = ("s2", "s5p")


def decur_terms(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], common: int, lambda_off: float
) -> dict[str, Tensor]:
    """Terms of the loss from the projections of two views.

    Args:
        first: projections of view 0, (n, d) under "s2" and "s5p".
        second: projections of view 1.
        common: the first ``common`` of the d dimensions are shared by the modalities.
        lambda_off: weight of off-diagonal correlations.

    Returns:
        ``intra_<modality>``, BT over all dimensions between the views of one modality; ``common``,
        BT between the modalities in the common dimensions; ``unique``, which decorrelates them in
        the others. The last two are means over both views, where the authors take view 0.
    """
    views = [{name: standardise(view[name]) for name in MODALITIES} for view in (first, second)]
    terms = {
        f"intra_{name}": barlow_twins(cross_correlation(views[0][name], views[1][name]), lambda_off)
        for name in MODALITIES
    }
    across = [cross_correlation(view["s2"], view["s5p"]) for view in views]
    shared = [barlow_twins(matrix[:common, :common], lambda_off) for matrix in across]
    apart = [decorrelation(matrix[common:, common:], lambda_off) for matrix in across]
    terms["common"], terms["unique"] = (shared[0] + shared[1]) / 2, (apart[0] + apart[1]) / 2
    return terms


def sum_decur(terms: Mapping[str, Tensor]) -> Tensor:
    """L = 1/3 [intra_1 + intra_2 + (common + unique) / 2], as in the authors' code."""
    across = (terms["common"] + terms["unique"]) / 2
    return (terms["intra_s2"] + terms["intra_s5p"] + across) / 3
