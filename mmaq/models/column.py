"""The small Sentinel-5P encoder: a window of the NO2 column to an embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS = (32, 64, 128)


class ColumnEncoder(nn.Module):
    """Three convolutions over a window of grid cells, pooled over the window and at the site.

    Takes (n, 1, side, side) standardised columns and gives (n, ``width``). A window of some
    16 x 16 cells of 5 km has little texture; what matters is the level at the site and how it
    stands out from its surroundings. So the pooled features are those of the centre and of the
    whole window, and the level itself, at the centre and over the window, goes past the
    convolutions unchanged. Batch norm works across the batch and keeps a sample's absolute level,
    which a norm within the sample would remove.
    """

    width = 2 * CHANNELS[-1] + 2

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (wide_in, wide_out) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False)):
            stride = 1 if number == 0 else 2
            layers += [
                nn.Conv2d(wide_in, wide_out, kernel_size=3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(wide_out),
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*layers)

    def forward(self, column: Tensor) -> Tensor:
        """Embed a batch of windows."""
        features = self.features(column)
        parts = [_centre(features), features.mean((2, 3)), _centre(column), column.mean((2, 3))]
        return torch.cat([part.float() for part in parts], dim=1)


def _centre(maps: Tensor) -> Tensor:
    """Mean of the middle cell (odd side) or the four middle cells (even side): (n, c)."""
    height, width = maps.shape[2:]
    rows = slice((height - 1) // 2, height // 2 + 1)
    columns = slice((width - 1) // 2, width // 2 + 1)
    return maps[:, :, rows, columns].mean((2, 3))
