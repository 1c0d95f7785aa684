"""Embeddings of many sites by frozen encoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from mmaq.learn.data import Inputs, Statistics
from mmaq.learn.models.encoders import Encoders
from mmaq.learn.views import fit_size
from mmaq.vocabulary import MODALITIES

BATCH = 256


def whole_batches(rows: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Batches of ``BATCH`` rows, each with the number of rows that count; none of no rows.

    The last one is filled up with its first row: kernels are chosen by the shape of a batch, and
    what a site gives must not depend on how many others are asked beside it.
    """
    for part in rows.split(BATCH) if len(rows) else ():
        fill = part[:1].expand(BATCH - len(part))
        yield torch.cat([part, fill]), len(part)


@torch.no_grad()
def calibrate_norms(
    encoders: Encoders, statistics: Statistics, inputs: Inputs, modalities: Sequence[str]
) -> None:
    """Set what batch norm normalises by to the moments of ``inputs``, in one pass of batches.

    Encoders that nobody trained normalise by mean 0 and variance 1 until then, and what they make
    grows or fades from layer to layer. A modality that no site has stays as it is.
    """
    device = next(encoders.parameters()).device
    inputs = inputs.to(device)
    for name in modalities:
        sites = torch.from_numpy(np.flatnonzero(inputs.has(name)))
        batches = (
            fit_size(name, inputs.standardised(name, part, statistics), encoders.config)
            for part in sites.tensor_split(max(1, len(sites) // BATCH))
            if len(part)
        )
        update_bn(batches, encoders[name])
    encoders.eval()


@torch.no_grad()
def embed(
    encoders: Encoders,
    statistics: Statistics,
    inputs: Inputs,
    modalities: Sequence[str] = MODALITIES,
) -> dict[str, np.ndarray]:
    """Embed every site of ``inputs`` in evaluation mode.

    Returns:
        (n, width) float32 by modality, in the order of ``inputs``; a row is NaN where the site
        lacks the modality.
    """
    device = next(encoders.parameters()).device
    inputs = inputs.to(device)
    training = encoders.training
    encoders.eval()
    result = {}
    for name in modalities:
        sites = torch.from_numpy(np.flatnonzero(inputs.has(name)))
        values = np.full((len(inputs), encoders.widths[name]), np.nan, dtype=np.float32)
        for part, count in whole_batches(sites):
            batch = fit_size(name, inputs.standardised(name, part, statistics), encoders.config)
            made = encoders[name](batch).float().cpu().numpy()
            values[part[:count].numpy()] = made[:count]
        result[name] = values
    encoders.train(training)
    return result
