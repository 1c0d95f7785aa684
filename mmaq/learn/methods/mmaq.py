"""MMAQ: self-supervised pretraining on images, columns and land use (docs/method.md)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmaq.config.learning import Pretrain
from mmaq.learn.losses.mmaq import (
    SIGMA_START,
    WEIGHT_RATE,
    WEIGHTED,
    balance_terms,
    mmaq_terms,
    per_dimension,
    weigh_terms,
)
from mmaq.learn.losses.mmaq_released import released_terms, sum_released
from mmaq.learn.methods.base import Method, Projectors, View, make_mlp


class MMAQ(Method):
    """Three encoders under within-modality and cross-modality redundancy reduction.

    From the paper: an encoder and a projector for each of Sentinel-2, Sentinel-5P and the table;
    a Barlow Twins term between the two views of each modality; and, as in DeCUR (Wang et al.
    2024), dimensions common to S2 and S5P and dimensions unique to each. Where this differs from
    the released code (docs/method.md has all of it): the views reach the loss in their right
    order, so that each within-modality term sees its own modality; the loss weights sigma are
    parameters of the model and so of the optimiser; every weighted term is >= 0; batch statistics
    are those of the batch at hand; and there is no online regressor, because pretraining sees no
    label.

    ``loss_form: balanced``, the default, takes each term over its number of dimensions and learns
    log-variances, which have a rate of their own; ``intended`` is the paper's formula with sigma,
    which ends where the first steps throw it; ``released`` takes the released loss
    (:mod:`mmaq.learn.losses.mmaq_released`), which has no loss weights.
    """

    sigma: nn.Parameter | None
    log_variance: nn.Parameter | None

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        width = config.projection
        self.projectors = Projectors(
            self.encoders.widths, lambda wide_in: make_mlp(wide_in, width, width, width)
        )
        form = config.loss_form
        self.sigma = nn.Parameter(torch.tensor(SIGMA_START)) if form == "intended" else None
        balanced = form == "balanced"
        self.log_variance = nn.Parameter(torch.zeros(len(WEIGHTED))) if balanced else None
        self.common = round(config.common_share * width)
        self.unique = width - self.common
        self.lambda_off = config.lambda_off

    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss of two views and its terms (those of the chosen loss form)."""
        views = self._project(first), self._project(second)
        if self.log_variance is None and self.sigma is None:
            terms = released_terms(*views, self.common, self.lambda_off)
            return {"loss": sum_released(terms), **terms}
        terms = mmaq_terms(*views, self.common, self.lambda_off)
        if self.sigma is not None:
            return {"loss": weigh_terms(terms, self.sigma), **terms}
        assert self.log_variance is not None
        terms = per_dimension(terms, self.common, self.unique)
        return {"loss": balance_terms(terms, self.log_variance), **terms}

    def own_rates(self) -> list[tuple[float, nn.Parameter]]:
        """The log-variances: they follow terms that change within some tens of steps."""
        return [] if self.log_variance is None else [(WEIGHT_RATE, self.log_variance)]

    def monitored(self) -> dict[str, Tensor]:
        """The learned loss weights: a term is weighed by 1 / sigma^2."""
        if self.log_variance is not None:
            values = torch.exp(self.log_variance.detach() / 2)
        elif self.sigma is not None:
            values = self.sigma.detach()
        else:
            return {}
        return {f"sigma_{name}": value for name, value in zip(WEIGHTED, values, strict=True)}

    def _project(self, view: View) -> dict[str, Tensor]:
        return self.projectors(self.encoders(view))
