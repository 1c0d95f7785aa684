"""A Sentinel-2 encoder as a plain torchvision ResNet, for whoever has no MMAQ."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from mmaq.base.errors import CheckpointError
from mmaq.base.files import replacing
from mmaq.contracts.checkpoint import read_tensors
from mmaq.learn.checkpoint import build_encoders
from mmaq.learn.models.encoders import WIDTHS
from mmaq.vocabulary import BANDS

KERNEL = 7
"""Pixels a side of the first kernel of torchvision's ResNets, whose padding is 3 and stride 2."""

CARD = """# Sentinel-2 encoder of {method}

A {network} of torchvision without its classifier, pretrained without a label by MMAQ {version}.
It embeds an image of {side} x {side} pixels in {width} numbers. torch, torchvision and
safetensors are all that it needs:

```python
import torch
from safetensors.torch import load_file
from torchvision.models import {network}

encoder = {network}(weights=None)
encoder.conv1 = torch.nn.Conv2d({count}, 64, kernel_size=7, stride=2, padding=3, bias=False)
encoder.fc = torch.nn.Identity()
encoder.load_state_dict(load_file("{file}"))
encoder.eval()
embedding = encoder((reflectance - mean) / sd)  # (n, {count}, {side}, {side}) to (n, {width})
```

`reflectance` is Sentinel-2 L2A reflectance x 10,000 (the offset of processing baseline 04.00 and
later removed), all bands on pixels of 10 m, in the order of this table. Where a pixel is cloudy or
has no data, put 0 after the normalisation. `mean` and `sd` have the shape ({count}, 1, 1).

| channel | band | mean | sd |
|---|---|---|---|
{rows}

The first kernel was learned with 3 x 3 weights and padding 1. It stands in the middle of 7 x 7,
among zeros, as torchvision's first kernel has that size; the embeddings are the same.

## Training data

{data}

{sites} sites; mean and sd of each band are over their clear pixels.

## Licence

Apache-2.0, as MMAQ. {attribution}
"""


def export_plain(
    checkpoint: str | os.PathLike[str], out: Path, data: str, attribution: str = ""
) -> None:
    """Write the Sentinel-2 encoder of a checkpoint as a torchvision state dict, with its card.

    The weights are safetensors; the card lies beside them, of the same name, as Markdown.

    Args:
        checkpoint: contract 4, an export or a training checkpoint.
        out: the safetensors file.
        data: what it was trained on, in words for the card.
        attribution: what the providers of the data ask to be said.

    Raises:
        CheckpointError: it cannot be read, or its Sentinel-2 encoder is no ResNet.
    """
    about, tensors = read_tensors(checkpoint)
    encoders, statistics = build_encoders(about, tensors, checkpoint)
    network = encoders.config.s2
    if "s2" not in encoders.modalities or network not in WIDTHS:
        held = network if "s2" in encoders.modalities else "none"
        remedy = f"Export one of {', '.join(WIDTHS)} (pretrain.encoders.s2)"
        raise CheckpointError(checkpoint, f"its Sentinel-2 encoder is {held}, no ResNet", remedy)
    rows = zip(BANDS, statistics.s2_mean, statistics.s2_sd, strict=True)
    card = CARD.format(
        method=about["config"]["method"], version=about["mmaq"], network=network,
        width=WIDTHS[network], side=encoders.config.s2_input, count=len(BANDS), file=out.name,
        rows="\n".join(f"| {n} | {band} | {mean:.6g} | {sd:.6g} |"
                       for n, (band, mean, sd) in enumerate(rows)),
        data=data, sites=len(about["site_ids"]), attribution=attribution,
    )  # fmt: skip
    with replacing(out.with_suffix(".md")) as temporary:
        temporary.write_text(card.rstrip() + "\n", encoding="utf-8")
    with replacing(out) as temporary:
        save_file(plain_state(encoders["s2"]), temporary, metadata={"format": "pt"})
        temporary.chmod(0o644)  # safetensors writes for the owner alone; groups share encoders


def plain_state(encoder: torch.nn.Module) -> dict[str, Tensor]:
    """State dict of a ResNet of ``make_resnet`` for torchvision's own, but for its classifier.

    Names are torchvision's already. The first kernel, (64, bands, 3, 3) with padding 1, is set in
    zeros to (64, bands, 7, 7) with padding 3: it meets the same pixels.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in
             encoder.state_dict().items()}  # fmt: skip
    first = state["conv1.weight"]
    border = (KERNEL - first.shape[-1]) // 2
    state["conv1.weight"] = functional.pad(first, (border,) * 4)
    return state
