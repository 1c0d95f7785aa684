"""The fuel of a plant: a linear head, fitted on frozen embeddings, then trained on if asked to."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from torch import Tensor
from torch.nn import functional

from mmaq.config.transfer import Transfer
from mmaq.transfer.networks import FuelNetwork
from mmaq.transfer.scenes import Scenes
from mmaq.transfer.training import fit, run
from mmaq.vocabulary import FUEL_CLASSES

STRENGTHS = np.logspace(-4, 0, 5)
"""Inverse penalties that are tried."""

FOLDS, ITERATIONS = 4, 100

ABSENT = -20.0
"""Score of a class that no training scene has."""


def train_fuel(
    network: FuelNetwork,
    scenes: Scenes,
    labels: np.ndarray,
    locations: np.ndarray,
    train: np.ndarray,
    config: Transfer,
    seed: int,
) -> None:
    """Train the network on the scenes at ``train``.

    Frozen, the head is a multinomial logistic regression on the embeddings, whose penalty is
    chosen inside of the training scenes by whole locations. Fine-tuning starts there (Kumar et al.
    2022, arXiv:2202.10054) and moves all weights; from scratch all weights start at random.

    Args:
        network: on its device.
        scenes: all of them.
        labels: classes of fuel, (n,).
        locations: of the scenes, (n,).
        train: positions of the training scenes.
        config: epochs, batch and rates.
        seed: of the order and the symmetries.
    """
    if network.protocol != "scratch":
        network.eval()
        embeddings = run(network.encoder, scenes.images, train)
        start_at_probe(network, embeddings, labels[train], locations[train])
    if network.protocol != "frozen":
        target = torch.tensor(labels)

        def loss(images: Tensor, _: Tensor, rows: Tensor) -> Tensor:
            return functional.cross_entropy(network(images), target[rows].to(images.device))

        fit(network, scenes, train, loss, config, seed)


def predict_fuel(network: FuelNetwork, scenes: Scenes, rows: np.ndarray) -> np.ndarray:
    """Classes of the scenes at ``rows``."""
    network.eval()
    return run(network, scenes.images, rows).argmax(dim=1).numpy()


@torch.no_grad()
def start_at_probe(
    network: FuelNetwork, embeddings: Tensor, labels: np.ndarray, locations: np.ndarray
) -> None:
    """Set the head to the regression on these embeddings, (n, width)."""
    network.mean.copy_(embeddings.mean(dim=0))
    network.sd.copy_(embeddings.std(dim=0, correction=0).clamp(min=1e-6))
    standardised = (embeddings - network.mean.cpu()) / network.sd.cpu()
    weights, bias = fit_logistic(standardised.double().numpy(), labels, locations)
    network.head.weight.copy_(torch.from_numpy(weights))
    network.head.bias.copy_(torch.from_numpy(bias))


def fit_logistic(
    values: np.ndarray, labels: np.ndarray, locations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (4, width) and biases (4,) of a multinomial logistic regression, L2-penalised."""
    weights = np.zeros((len(FUEL_CLASSES), values.shape[1]))
    bias = np.full(len(FUEL_CLASSES), ABSENT)
    present = np.unique(labels)
    if len(present) == 1:
        bias[present] = 0.0
        return weights, bias
    model = LogisticRegression(C=STRENGTHS[len(STRENGTHS) // 2], max_iter=ITERATIONS)
    folds = min(FOLDS, len(np.unique(locations)), np.unique(labels, return_counts=True)[1].max())
    with warnings.catch_warnings():
        # Few scenes: a class may lack in a fold, and the weakest penalty need not converge.
        warnings.simplefilter("ignore", UserWarning)
        if folds > 1:
            parts = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
            splits = list(parts.split(values, labels, locations))
            search = GridSearchCV(model, {"C": STRENGTHS}, cv=splits, error_score=0.0)
            model = search.fit(values, labels).best_estimator_
        else:
            model.fit(values, labels)
    if len(present) == 2:  # scikit-learn keeps one row, of the second against the first
        weights[present[1]], bias[present] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[present], bias[present] = model.coef_, model.intercept_
    return weights, bias
