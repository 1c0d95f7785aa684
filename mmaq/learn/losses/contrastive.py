"""Contrastive losses: of two views, against a queue, and between two modalities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mmaq.learn.losses.distributed import gather
from mmaq.learn.losses.precision import in_single_precision


@in_single_precision
def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent of SimCLR (Chen et al. 2020, arXiv:2002.05709, equation 1) over the global batch.

    Each of the 2n projections, (n, d) for each view, is to find its other view among the 2n - 1
    others by the cosine over ``temperature``.
    """
    both = torch.cat([functional.normalize(gather(view), dim=1) for view in (first, second)])
    likeness = both @ both.T / temperature
    itself = torch.eye(len(both), dtype=torch.bool, device=both.device)
    other = torch.arange(len(both), device=both.device).roll(len(both) // 2)
    return functional.cross_entropy(likeness.masked_fill(itself, -torch.inf), other)


@in_single_precision
def info_nce(queries: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """InfoNCE of MoCo (He et al. 2020, arXiv:1911.05722, equation 1), the mean over this batch.

    Each query is to find its own key among the queue's. Each sample stands alone, so the global
    loss is the mean over processes.

    Args:
        queries: (n, d), of any length.
        keys: (n, d) of the momentum encoder, of any length, taken without a gradient.
        queue: (k, d) earlier keys of length one.
        temperature: divides the cosines.
    """
    queries = functional.normalize(queries, dim=1)
    keys = functional.normalize(keys.detach(), dim=1)
    positive = (queries * keys).sum(dim=1, keepdim=True)
    logits = torch.cat([positive, queries @ queue.T], dim=1) / temperature
    first = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return functional.cross_entropy(logits, first)


@torch.no_grad()
def next_queue(queue: Tensor, keys: Tensor) -> Tensor:
    """The queue after a step: the keys of the global batch (n, d) enter, the oldest leave."""
    newest = functional.normalize(gather(keys.to(queue.dtype)), dim=1)
    return torch.cat([newest, queue])[: len(queue)]


@in_single_precision
def clip(images: Tensor, tables: Tensor, temperature: float, image_share: float) -> Tensor:
    """Contrast of two modalities over the global batch, as in CLIP (arXiv:2103.00020).

    ``image_share`` x (each image finds its table) + the rest x (each table finds its image), among
    the n of the batch; projections (n, d) each.
    """
    images, tables = (functional.normalize(gather(z), dim=1) for z in (images, tables))
    logits = images @ tables.T / temperature
    own = torch.arange(len(logits), device=logits.device)
    to_table = functional.cross_entropy(logits, own)
    to_image = functional.cross_entropy(logits.T, own)
    return image_share * to_table + (1 - image_share) * to_image
