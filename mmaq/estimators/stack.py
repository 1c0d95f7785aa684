"""A stack: the weighted mean of several estimators, their shares chosen in the training part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import nnls

from mmaq.base.errors import Unavailable
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.geostatistics import FittedKriging
from mmaq.estimators.probes import LinearHead
from mmaq.estimators.trees import FittedTrees

MEMBERS: dict[str, type[Fitted]] = {
    each.kind: each for each in (FittedKriging, FittedTrees, LinearHead)
}
"""What a stack may be of."""
FIRM = 1e3
"""How firmly shares are held to a sum of one, as a multiple of the data's weight."""


@dataclass(frozen=True, kw_only=True)
class Stack(Estimator):
    """The mean of ``members``, with shares that are not negative and sum to one.

    Members learn the square root of the target, whose spread hardly grows with its level. What one
    predicts is held within what was measured: a ridge may go far beyond where land is unlike all
    that it knows. Shares, and what the square loses of the mean, are chosen by out-of-fold
    predictions at the training stations, split as the outer fold is (Wolpert 1992, Stacked
    generalization; Breiman 1996, Stacked regressions); the errors of the same predictions
    calibrate.
    """

    members: tuple[Estimator, ...]

    def fit(self, train: Training, *, seed: int) -> FittedStack:
        """Fit the members to all stations, and choose their shares."""
        root = replace(train, target=np.sqrt(train.target))
        asked = [_ask(member, root, seed) for member in self.members]
        fitted = tuple(member for member, _ in asked)
        known = np.array([root.target.min(), root.target.max()])
        inside = np.stack([found for _, found in asked]).clip(*known)
        shares = choose_shares(inside, root.target)
        lost = float(np.mean(train.target - np.square(shares @ inside)))
        return FittedStack(fitted, known, shares, lost, _join(shares, lost, inside))

    def out_of_fold(self, fitted: Fitted, train: Training, *, seed: int) -> np.ndarray:
        """The predictions by which the shares were chosen."""
        assert isinstance(fitted, FittedStack)
        assert fitted.inside is not None  # it was fitted here, not read from a file
        return fitted.inside


@dataclass(frozen=True)
class FittedStack(Fitted):
    """Fitted members, the least and the largest root that was measured, (2,), shares, (k,), and
    what the square root loses of the mean, ug/m3.

    ``inside`` are out-of-fold predictions at the n stations, (n,) in ug/m3; its file has none.
    """

    kind = "stack"

    members: tuple[Fitted, ...]
    known: np.ndarray
    shares: np.ndarray
    lost: float
    inside: np.ndarray | None = None

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks what a member reads."""
        roots = np.stack([member.mean(places) for member in self.members]).clip(*self.known)
        return _join(self.shares, self.lost, roots)

    def similarity(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """That of the first member that knows how much each of its inputs counts: the trees."""
        for member in self.members:
            try:
                return member.similarity(places)
            except Unavailable as reason:
                unknown = reason
        raise unknown

    def state(self) -> State:
        """The members by number, bounds, shares and what is lost."""
        states = [(member.kind, *member.state()) for member in self.members]
        arrays = {
            f"{number}.{name}": value
            for number, (_, _, own) in enumerate(states)
            for name, value in own.items()
        }
        about = {"lost": self.lost, "members": [[kind, about] for kind, about, _ in states]}
        return about, {**arrays, "known": self.known, "shares": self.shares}

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> FittedStack:
        """The inverse of :meth:`state`."""
        members = []
        for number, (kind, own) in enumerate(about["members"]):
            start = f"{number}."
            values = {
                name.removeprefix(start): value
                for name, value in arrays.items()
                if name.startswith(start)
            }
            members.append(MEMBERS[kind].from_state(dict(own), values))
        return cls(tuple(members), arrays["known"], arrays["shares"], about["lost"])


def _ask(member: Estimator, root: Training, seed: int) -> tuple[Fitted, np.ndarray]:
    """A member fitted to all stations, and its out-of-fold predictions, (n,); once for all stacks
    of the same stations that it is a member of."""

    def fit_and_ask() -> tuple[Fitted, np.ndarray]:
        fitted = member.fit(root, seed=seed)
        return fitted, member.out_of_fold(fitted, root, seed=seed)

    return root.once(f"{member}:{seed}", fit_and_ask)


def choose_shares(inside: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shares of k predictions of n stations, (k,), with the smallest squared error of their mean.

    None is negative and they sum to one.

    Args:
        inside: out-of-fold predictions, (k, n).
        target: what was measured, (n,), in the same unit.
    """
    # A mean with shares that sum to one does not depend on where zero is.
    centre = target.mean()
    scale = FIRM * np.sqrt(len(target)) * max(float(np.std(target)), 1e-9)
    rows = np.vstack([(inside - centre).T, np.full((1, len(inside)), scale)])
    shares, _ = nnls(rows, np.append(target - centre, scale))
    return np.asarray(shares / shares.sum())


def _join(shares: np.ndarray, lost: float, roots: np.ndarray) -> np.ndarray:
    """Concentration, (n,) in ug/m3, from the members' roots, (k, n)."""
    return np.maximum(np.square(shares @ roots) + lost, 0.0)
