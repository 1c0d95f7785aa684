"""Self-distillation without labels: DINO (Caron et al. 2021, arXiv:2104.14294)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mmaq.learn.losses.distributed import batch_mean
from mmaq.learn.losses.precision import at_least_single, in_single_precision


@in_single_precision
def dino(
    student: Tensor,
    teacher: Tensor,
    centre: Tensor,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    """Cross-entropy of the teacher's and the student's distributions over prototypes.

    H(P_t, P_s) with P_t = softmax((teacher - centre) / its temperature) and P_s = softmax(student /
    its temperature), the mean over this batch. Each sample stands alone, so the global loss is the
    mean over processes. No gradient flows into the teacher.

    Args:
        student: scores (n, prototypes) of one view.
        teacher: scores (n, prototypes) of the other view.
        centre: (prototypes,), a moving mean of the teacher's scores.
        student_temperature: divides the student's scores.
        teacher_temperature: divides the teacher's; lower, so that they are sharper.
    """
    target = ((teacher - centre).detach() / teacher_temperature).softmax(dim=1)
    found = functional.log_softmax(student / student_temperature, dim=1)
    return -(target * found).sum(dim=1).mean()


@torch.no_grad()
def next_centre(centre: Tensor, teacher: Tensor, momentum: float) -> Tensor:
    """The centre after a step: moved towards the global batch's mean scores (equation 4)."""
    return momentum * centre + (1 - momentum) * batch_mean(at_least_single(teacher))
