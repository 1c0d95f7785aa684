"""DINO on Sentinel-2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.dino import dino, next_centre
from mmaq.learn.losses.precision import in_single_precision
from mmaq.learn.methods.base import View
from mmaq.learn.methods.momentum import MomentumMethod, rising_momentum


class DINO(MomentumMethod):
    """The student matches, from one view, its moving average's soft assignment of the other.

    Caron et al., "Emerging properties in self-supervised vision transformers" (ICCV 2021,
    arXiv:2104.14294). From the paper: the head (three layers, a bottleneck of length one,
    prototypes of length one), centring and sharpening of the teacher, and a teacher whose momentum
    rises to 1. Where this differs: two views and no small crops (a loss of both directions); 1024
    prototypes, not 65,536; the teacher's temperature and the last layer are not warmed up; the
    momentum starts at 0.99, not 0.996; the student's encoder is the one that is kept, as the
    teacher lags behind in short runs. ``encoders.s2: vit_small`` gives the paper's network.
    """

    centre: Tensor

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        self.settings = config.dino
        self.register_buffer("centre", torch.zeros(config.dino.prototypes))

    def make_projector(self, config: Pretrain) -> nn.Module:
        """The head."""
        return Head(
            self.encoders.widths["s2"], config.projection, config.dino.width, config.dino.prototypes
        )

    def momentum(self, progress: float) -> float:
        """Rises from ``dino.momentum`` to 1."""
        return rising_momentum(self.settings.momentum, progress)

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss, the mean over both directions. In training mode the centre then moves."""
        with torch.no_grad():
            targets = self.teacher(second["s2"]), self.teacher(first["s2"])
        student = [self.projector(self.encoders(view)["s2"]) for view in (first, second)]
        warm, sharp = self.settings.student_temperature, self.settings.teacher_temperature
        losses = [
            dino(scores, target, self.centre, warm, sharp)
            for scores, target in zip(student, targets, strict=True)
        ]
        if self.training:
            both = torch.cat(targets)
            self.centre.copy_(next_centre(self.centre, both, self.settings.centre_momentum))
        return {"loss": (losses[0] + losses[1]) / 2}


class Head(nn.Module):
    """Embeddings (n, inputs) to cosines with prototypes (n, prototypes)."""

    def __init__(self, inputs: int, hidden: int, width: int, prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, width),
        )
        self.prototypes = nn.Parameter(torch.randn(prototypes, width) / width**0.5)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Cosines; they are divided by small temperatures, so they are never in half precision."""
        return _cosines(self.layers(embeddings), self.prototypes)


@in_single_precision
def _cosines(values: Tensor, prototypes: Tensor) -> Tensor:
    return functional.normalize(values, dim=1) @ functional.normalize(prototypes, dim=1).T
