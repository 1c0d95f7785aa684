"""ViT-S for any number of bands, without a classifier."""

from __future__ import annotations

import math

from torch import nn
from torchvision.models import VisionTransformer

WIDTH = 384
"""Width of the embedding."""


def make_vit(side: int, patch: int, bands: int) -> nn.Module:
    """A randomly initialised ViT-S: (n, bands, side, side) to (n, 384), the class token.

    Dosovitskiy et al., "An image is worth 16x16 words" (arXiv:2010.11929), in the small size of
    DeiT (arXiv:2012.12877): 12 layers, 6 heads, width 384. torchvision's network, whose position
    embeddings are learned for one ``side``, with a patch embedding for ``bands`` initialised as
    theirs, and a class token drawn as in DeiT: theirs starts at zero, where LARS has no scale.
    ``patch`` divides ``side``; 16 suits 224 px, and 4 or 8 suit 32 px.
    """
    network = VisionTransformer(
        image_size=side,
        patch_size=patch,
        num_layers=12,
        num_heads=6,
        hidden_dim=WIDTH,
        mlp_dim=4 * WIDTH,
    )
    network.conv_proj = nn.Conv2d(bands, WIDTH, kernel_size=patch, stride=patch)
    nn.init.trunc_normal_(network.conv_proj.weight, std=math.sqrt(1 / (bands * patch * patch)))
    nn.init.zeros_(network.conv_proj.bias)
    nn.init.trunc_normal_(network.class_token, std=0.02)
    network.heads = nn.Identity()
    return network
