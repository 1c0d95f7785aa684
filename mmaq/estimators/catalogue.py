"""Every estimator by the names that the benchmark table gives it, and what it is once fitted.

Each function imports the libraries of its own estimators alone: a fine-tuning job needs neither
LightGBM nor scikit-learn, which take a second, and a map by trees no torch, which takes some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from mmaq.config.evaluation import Evaluate, Finetune
from mmaq.config.evaluation import Supervised as SupervisedConfig
from mmaq.config.learning import Encoders as Sizes
from mmaq.estimators.base import Estimator, Fitted
from mmaq.estimators.features import (
    ANYWHERE,
    EVERYTHING,
    LINEAR,
    LINEAR_MAPPABLE,
    MAPPABLE,
)
from mmaq.vocabulary import (
    IMAGES,
    MIXES,
    Head,
    Mix,
    Scratch,
    Tuned,
)

if TYPE_CHECKING:
    from mmaq.estimators.encoders import Pretrained
    from mmaq.estimators.probes import Probe

ALONE_ELSEWHERE = {("mmaq", "s2")}
"""MMAQ's Sentinel-2 alone is a method of its own, ``mmaq_s2``."""


def reference(method: str, archive: Path | None = None, share: float = 1.0) -> Estimator:
    """A reference, which needs no network.

    Args:
        method: a ``Reference`` of the configuration.
        archive: contract 1 where it holds the truth, which the two ceilings read.
        share: of the labels, for "ridge": what a probe with as few is compared to.
    """
    if method == "mosaiks":
        from mmaq.estimators.mosaiks import Mosaiks

        return Mosaiks(method, modalities="s2+s5p")

    from mmaq.estimators.ceilings import Mean, TrueInputs, Truth
    from mmaq.estimators.geostatistics import Kriging
    from mmaq.estimators.probes import TABLE, Ridge
    from mmaq.estimators.stack import Stack
    from mmaq.estimators.trees import Trees

    whole = share == 1.0
    known: dict[str, Estimator] = {
        "mean": Mean("mean"),
        "ridge": Ridge(
            "ridge", modalities="table", features=TABLE, label_fraction=share, calibrated=whole
        ),
        "gbm": Trees("gbm", modalities="table", features="table"),
        "gbm_geo": Trees("gbm_geo", modalities="table+geo", features="geography"),
        "gbm_geo_kriging": Stack(
            "gbm_geo_kriging",
            modalities="table+geo",
            members=(Trees("trees", features="covariates_places"), Kriging("kriging")),
        ),
        "gbm_pixels": Trees("gbm_pixels", modalities="s2+s5p+table", features="pixels"),
        "gbm_context": Trees("gbm_context", modalities=EVERYTHING, features="everything"),
        "gbm_context_map": Trees(
            "gbm_context_map", modalities=MAPPABLE, features="everything_mappable"
        ),
        "ridge_context": Ridge(
            "ridge_context",
            modalities=EVERYTHING,
            features=LINEAR,
        ),
        "ridge_context_map": Ridge(
            "ridge_context_map",
            modalities=MAPPABLE,
            features=LINEAR_MAPPABLE,
        ),
        "gbm_context_kriging": Stack(
            "gbm_context_kriging",
            modalities="table+geo+context",
            members=(
                Trees("trees", features="covariates_context_places"),
                Kriging("kriging", features="covariates_context"),
            ),
        ),
        "gbm_context_kriging_map": Stack(
            "gbm_context_kriging_map",
            modalities=ANYWHERE,
            members=(
                Trees("trees", features="context_mappable_places"),
                Kriging("kriging", features="context_mappable"),
            ),
        ),
        "stack_without_mmaq": Stack(
            "stack_without_mmaq",
            modalities=EVERYTHING,
            members=_members(),
        ),
        "stack_without_mmaq_map": Stack(
            "stack_without_mmaq_map",
            modalities=MAPPABLE,
            members=(
                Trees("trees", features="everything_mappable"),
                Ridge("ridge", features=LINEAR_MAPPABLE),
                Kriging("kriging", features="everything_mappable"),
            ),
        ),
        "oracle": Truth("oracle", archive=archive),
        "oracle_inputs": TrueInputs("oracle_inputs", archive=archive),
    }
    return known[method]


def mixed(name: Mix, encoder: Pretrained) -> Estimator:
    """What reads the embedding of a pretrained encoder beside other inputs.

    "gbm_embedding" is boosted trees on the embedding and the table; "stack" has one member more
    than ``stack_without_mmaq``: a ridge that reads the embedding beside all inputs.
    """
    from mmaq.estimators.stack import Stack
    from mmaq.estimators.trees import EmbeddingTrees

    if name == "stack":
        return Stack(name, modalities=EVERYTHING, members=_members(encoder))
    modalities = "+".join((*encoder.modalities, "table"))
    return EmbeddingTrees(name, modalities=modalities, encoder=encoder)


def _members(encoder: Pretrained | None = None) -> tuple[Estimator, ...]:
    """Of a stack on all inputs: trees, a ridge, kriging, and a ridge that reads an embedding too.

    It is one more and not in place of the other: in place of it, shares cannot choose the ridge
    without, which on blocks is the better one of the two (docs/evaluation.md).
    """
    from mmaq.estimators.geostatistics import Kriging
    from mmaq.estimators.probes import Ridge
    from mmaq.estimators.trees import Trees

    known = (
        Trees("trees", features="everything"),
        Ridge("ridge", features=LINEAR),
        Kriging("kriging", features="everything"),
    )
    if encoder is None:
        return known
    return (*known, Ridge("ridge_embedding", encoder=encoder, features=LINEAR))


def fine_tuned(encoder: Pretrained, protocol: str, config: Finetune, calibrated: bool) -> Estimator:
    """The encoders of a method, tuned: "finetune" on images alone, "finetune_all" on all inputs,
    "finetune_all_map" on those that any place has.
    """
    from mmaq.estimators.networks import FineTuned

    reads = {
        "finetune": ("+".join(encoder.modalities), ""),
        "finetune_all": (EVERYTHING, "everything"),
        "finetune_all_map": (MAPPABLE, "everything_mappable"),
    }
    modalities, features = reads[protocol]
    return FineTuned(
        encoder.method, protocol, modalities, encoder=encoder, config=config, features=features,
        calibrated=calibrated,
    )  # fmt: skip


def supervised(method: str, protocol: str, sizes: Sizes, config: SupervisedConfig) -> Estimator:
    """A network from random weights: "supervised", a paper's; "scratch", a method's encoders, on
    images alone; "scratch_all", these on all inputs.
    """
    from mmaq.estimators.networks import Supervised

    made = Supervised(method, protocol, sizes=sizes, config=config)
    if protocol == "scratch_all":
        return replace(made, modalities=EVERYTHING, features="everything")
    return replace(made, modalities="+".join(made.network.modalities))


def named(
    method: str, protocol: str, checkpoint: Path | None, sizes: Sizes, config: Evaluate
) -> Estimator:
    """The estimator that stands in the table under a method and a protocol.

    Args:
        method: a reference, one of ``MIXES``, a pretraining method or a supervised network.
        protocol: as in the table, where the configuration has made sure that both stand together.
        checkpoint: contract 4, of the encoders that it reads.
        sizes: of networks from random weights.
        config: fine-tuning and supervised training.
    """
    if protocol == "reference" and method not in MIXES:
        return reference(method)

    from mmaq.estimators.encoders import Pretrained

    if method in MIXES:
        return mixed(cast(Mix, method), Pretrained(config.mixes[0], checkpoint))
    if protocol == "supervised" or protocol in get_args(Scratch):
        return supervised(method, protocol, sizes, config.supervised)
    if protocol in get_args(Tuned):
        return fine_tuned(Pretrained(method, checkpoint), protocol, config.finetune, True)
    return probe(Pretrained(method, checkpoint), protocol)


def probes(
    encoder: Pretrained, heads: Sequence[Head], shares: Sequence[float], calibrated: bool
) -> list[Estimator]:
    """The heads on the images of a method, and what the linear one further shows.

    These are the linear probe with shares of the labels, and on each image alone where a method
    has several. Only the heads are ``calibrated``.
    """
    found: list[Estimator] = [
        replace(probe(encoder, head), calibrated=calibrated) for head in heads
    ]
    if "linear" not in heads:
        return found
    images = encoder.modalities
    linear = replace(probe(encoder, "linear"), calibrated=False)
    found += [replace(linear, label_fraction=share) for share in shares]
    if len(images) > 1:
        found += [
            replace(linear, modalities=image, image=image)
            for image in images
            if (encoder.method, image) not in ALONE_ELSEWHERE
        ]
    return found


def probe(encoder: Pretrained, head: str) -> Probe:
    """One head on the images of a method."""
    from mmaq.estimators.probes import TABLE, Neighbours, Ridge

    images = "+".join(encoder.modalities)
    given: dict[str, Any] = {"protocol": head, "modalities": images, "encoder": encoder}
    match head:
        case "fused":
            given |= {"modalities": f"{images}+table", "features": TABLE}
            return Ridge(encoder.method, **given)
        case "fused_all":
            given |= {"modalities": EVERYTHING, "features": LINEAR}
            return Ridge(encoder.method, **given)
        case "knn":
            return Neighbours(encoder.method, **given, apart=True)
        case "sgd_probe":
            from mmaq.estimators.descent import Descent

            return Descent(encoder.method, **given)
        case _:
            return Ridge(encoder.method, **given)


def images_read(estimator: Estimator) -> tuple[str, ...]:
    """The images that an estimator reads."""
    return tuple(name for name in estimator.modalities.split("+") if name in IMAGES)


def fitted_kind(kind: str) -> type[Fitted]:
    """What the file of an estimator holds under that ``kind``.

    Raises:
        KeyError: nothing is written under it.
    """
    match kind:
        case "network":
            from mmaq.estimators.networks import FittedNetwork

            return FittedNetwork
        case "mosaiks":
            from mmaq.estimators.mosaiks import FittedMosaiks

            return FittedMosaiks
        case "descent":
            from mmaq.estimators.descent import DescentHead

            return DescentHead

    from mmaq.estimators.ceilings import Constant
    from mmaq.estimators.geostatistics import FittedKriging
    from mmaq.estimators.probes import LinearHead, NeighboursHead
    from mmaq.estimators.stack import FittedStack
    from mmaq.estimators.trees import FittedEmbeddingTrees, FittedTrees

    without_torch: tuple[type[Fitted], ...] = (
        Constant, FittedEmbeddingTrees, FittedKriging, FittedStack, FittedTrees, LinearHead,
        NeighboursHead,
    )  # fmt: skip
    return {each.kind: each for each in without_torch}[kind]
