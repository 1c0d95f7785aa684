"""The loss of BYOL and SimSiam: a prediction is to point where its target does."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from mmaq.learn.losses.precision import in_single_precision


@in_single_precision
def negative_cosine(predictions: Tensor, targets: Tensor) -> Tensor:
    """Minus the mean cosine of two batches, (n, d) each; no gradient flows into the targets.

    SimSiam's equation 1 (Chen and He 2021, arXiv:2011.10566). BYOL's squared distance of vectors
    of length one (Grill et al. 2020, arXiv:2006.07733, equation 2) is 2 + 2 times it. Each sample
    stands alone, so the global loss is the mean over processes.
    """
    return -functional.cosine_similarity(predictions, targets.detach(), dim=1).mean()
