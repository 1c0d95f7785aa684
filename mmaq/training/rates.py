"""Layer-wise rates: the first layers of a pretrained encoder move less than the last."""

from __future__ import annotations

from typing import Any

from torch import nn

DEPTH = 2
"""Names are cut to so many parts: ``layer1.0`` is a layer, and so is ``conv1``."""


def layer_groups(encoder: nn.Module, rate: float, first: float) -> list[dict[str, Any]]:
    """Parameter groups of an encoder, from its first layer to its last.

    Rates rise geometrically from ``first * rate`` at the first layer to ``rate`` at the last: low
    layers hold what all images share (ULMFiT's discriminative fine-tuning, Howard and Ruder 2018,
    section 3.2).

    Args:
        encoder: its parameters in the order in which it uses them.
        rate: of the last layer.
        first: rate of the first layer as a share of the last's.
    """
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in encoder.named_parameters():
        layers.setdefault(".".join(name.split(".")[:-1][:DEPTH]), []).append(parameter)
    above = max(len(layers) - 1, 1)
    return [
        {"params": parameters, "lr": rate * first ** (1 - number / above)}
        for number, parameters in enumerate(layers.values())
    ]
