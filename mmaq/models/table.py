"""The table encoder: land-use features, some of them missing, to an embedding."""

from __future__ import annotations

from torch import Tensor, nn

EMBEDDING = 512


class FeatureAttention(nn.Module):
    """Re-weight the features of each sample by a softmax over them; the mean weight is one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(n, width) to (n, width)."""
        return features * self.score(features).softmax(dim=1) * features.shape[1]


class TableEncoder(nn.Module):
    """The shape of the released ``TabularAttention``: (n, inputs) to (n, 512).

    Two things differ. The input holds a missing flag beside each feature, because a site without a
    station has no type. And the attention re-weights its input, where the released layer returned
    the softmax of x * (Wx + b) itself (method facts, section 2).
    """

    width = EMBEDDING

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.ReLU(inplace=True),
            nn.LayerNorm(hidden),
            FeatureAttention(hidden),
            nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, EMBEDDING),
        )

    def forward(self, table: Tensor) -> Tensor:
        """Embed a batch of rows: standardised features, then as many missing flags (1: missing)."""
        return self.layers(table)
