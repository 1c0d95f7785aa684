"""Signs of collapse: how many dimensions the embeddings really use."""

from __future__ import annotations

import torch
from torch import Tensor


def effective_rank(embeddings: Tensor) -> float:
    """Exponential of the entropy of the singular values of centred embeddings, (n, d).

    Roy and Vetterli (2007); used on embeddings as RankMe by Garrido et al. (2023). Between 1 (all
    samples on one line; also where there is no spread at all) and min(n - 1, d).
    """
    values = torch.linalg.svdvals((embeddings - embeddings.mean(dim=0)).double())
    total = values.sum()
    if total <= 0:
        return 1.0
    shares = values / total
    return float(torch.exp(-torch.special.xlogy(shares, shares).sum()))
