"""What single methods need beyond the settings that all methods share."""

from __future__ import annotations

from pydantic import Field

from mmaq.config.base import Count, Positive, Section, Share


class VICReg(Section):
    """VICReg: weights of its three terms."""

    invariance: Positive = Field(default=25.0, description="Weight of the invariance term.")
    variance: Positive = Field(default=25.0, description="Weight of the variance term.")
    covariance: Positive = Field(default=1.0, description="Weight of the covariance term.")


class SimCLR(Section):
    """SimCLR: contrast within the batch."""

    width: Count = Field(default=128, description="Width of the contrasted projections.")
    temperature: Positive = Field(default=0.1, description="Divides the cosines.")


class MoCo(Section):
    """MoCo v2: contrast with a queue of earlier keys."""

    width: Count = Field(default=128, description="Width of the contrasted projections.")
    temperature: Positive = Field(default=0.2, description="Divides the cosines.")
    queue: Count = Field(
        default=1024,
        description="Keys in the queue; keep it below the number of sites (the paper's is 65536).",
    )
    momentum: Share = Field(
        default=0.99, description="Momentum of the key encoder; the paper's 0.999 needs long runs."
    )


class MMCL(Section):
    """MMCL: contrast of image and table."""

    width: Count = Field(default=128, description="Width of the contrasted projections.")
    temperature: Positive = Field(default=0.1, description="Divides the cosines.")
    image_share: Share = Field(
        default=0.5, description="Weight of images finding their table; tables get the rest."
    )


class BYOL(Section):
    """BYOL: prediction of a moving average's projections."""

    width: Count = Field(default=256, description="Width of projections and predictions.")
    momentum: Share = Field(
        default=0.99,
        description="Momentum of the target at the start (the paper's: 0.996); rises to 1.",
    )


class DINO(Section):
    """DINO: distillation from a moving average, centred and sharpened."""

    width: Count = Field(default=256, description="Width of the head's bottleneck.")
    prototypes: Count = Field(default=1024, description="Outputs of the head (the paper's: 65536).")
    student_temperature: Positive = Field(default=0.1, description="Divides the student's scores.")
    teacher_temperature: Positive = Field(default=0.04, description="Divides the teacher's scores.")
    centre_momentum: Share = Field(default=0.9, description="Momentum of the centre.")
    momentum: Share = Field(
        default=0.99,
        description="Momentum of the teacher at the start (the paper's: 0.996); rises to 1.",
    )
