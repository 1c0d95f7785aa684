"""Every estimator by the names that the benchmark table gives it.

Each function imports the libraries of its own estimators alone: a fine-tuning job needs neither
LightGBM nor scikit-learn, which take a second.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

from mmaq.base.errors import ConfigError
from mmaq.config.evaluation import Evaluate, Finetune
from mmaq.config.evaluation import Supervised as SupervisedConfig
from mmaq.config.learning import Encoders as Sizes
from mmaq.estimators.base import Estimator
from mmaq.estimators.encoders import Pretrained
from mmaq.estimators.features import EVERYTHING, LINEAR, MAPPABLE
from mmaq.vocabulary import IMAGES, SUPERVISED, Head, Learned, Mappable, Reference, Scratch, Tuned
from mmaq.vocabulary import Pretrained as PretrainedName


def reference(method: str, archive: Path | None = None, share: float = 1.0) -> Estimator:
    """A reference, which needs no network.

    Args:
        method: a ``Reference`` of the configuration.
        archive: contract 1 where it holds the truth, which the two ceilings read.
        share: of the labels, for "ridge": what a probe with as few is compared to.
    """
    from mmaq.estimators.ceilings import Mean, TrueInputs, Truth
    from mmaq.estimators.geostatistics import TreesAndKriging
    from mmaq.estimators.mosaiks import Mosaiks
    from mmaq.estimators.probes import TABLE, Ridge
    from mmaq.estimators.trees import Trees

    whole = share == 1.0
    known: dict[str, Estimator] = {
        "mean": Mean("mean"),
        "ridge": Ridge(
            "ridge", modalities="table", features=TABLE, label_fraction=share, calibrated=whole
        ),
        "gbm": Trees("gbm", modalities="table", features="table"),
        "gbm_geo": Trees("gbm_geo", modalities="table+geo", features="geography"),
        "gbm_geo_kriging": TreesAndKriging("gbm_geo_kriging", modalities="table+geo"),
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
            features=("place", "maps", "context", "images"),
        ),
        "gbm_context_kriging": TreesAndKriging(
            "gbm_context_kriging", modalities="table+geo+context", features="covariates_context"
        ),
        "mosaiks": Mosaiks("mosaiks", modalities="s2+s5p"),
        "oracle": Truth("oracle", archive=archive),
        "oracle_inputs": TrueInputs("oracle_inputs", archive=archive),
    }
    return known[method]


def embedding_trees(encoder: Pretrained) -> Estimator:
    """Boosted trees on the embedding of a method and on the table."""
    from mmaq.estimators.trees import EmbeddingTrees

    modalities = "+".join((*encoder.modalities, "table"))
    return EmbeddingTrees("gbm_embedding", modalities=modalities, encoder=encoder)


def fine_tuned(encoder: Pretrained, protocol: str, config: Finetune, calibrated: bool) -> Estimator:
    """The encoders of a method, tuned: "finetune" on images alone, "finetune_all" on all inputs."""
    from mmaq.estimators.networks import FineTuned

    whole = protocol == "finetune_all"
    return FineTuned(
        encoder.method, protocol, EVERYTHING if whole else "+".join(encoder.modalities),
        encoder=encoder, config=config, features="everything" if whole else "",
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
        method: a reference, "gbm_embedding", a pretraining method or a supervised network.
        protocol: as in the table.
        checkpoint: contract 4, of the encoders that it reads.
        sizes: of networks from random weights.
        config: fine-tuning and supervised training.

    Raises:
        ConfigError: there is no such row, or it cannot be fitted to predict elsewhere.
    """
    from mmaq.estimators.probes import probe

    if protocol == "reference":
        if method == "gbm_embedding":
            return embedding_trees(Pretrained(config.embedding_trees[0], checkpoint))
        if method in get_args(Mappable) and method in get_args(Reference):
            return reference(method)
    elif protocol == "supervised" and method in SUPERVISED:
        return supervised(method, protocol, sizes, config.supervised)
    elif protocol in get_args(Head) and method in get_args(Learned):
        return probe(Pretrained(method, checkpoint), protocol)
    elif protocol in get_args(Tuned) and method in get_args(PretrainedName):
        return fine_tuned(Pretrained(method, checkpoint), protocol, config.finetune, True)
    elif protocol in get_args(Scratch) and method in get_args(PretrainedName):
        return supervised(method, protocol, sizes, config.supervised)
    fault = f"there is no estimator {method} under {protocol} that could predict elsewhere"
    raise ConfigError("--method", fault, "Name a method and a protocol of the benchmark table")


def images_read(estimator: Estimator) -> tuple[str, ...]:
    """The images that an estimator reads."""
    return tuple(name for name in estimator.modalities.split("+") if name in IMAGES)
