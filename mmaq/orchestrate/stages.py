"""The stages that DVC knows: each is the rules of some files in ``rules/``."""

from __future__ import annotations

from dataclasses import dataclass

from mmaq.config.schema import Config

COMMON = "rules/common.smk"
"""Helpers that every rule may use."""


@dataclass(frozen=True)
class Stage:
    """Rules that DVC runs as one, between two contracts.

    ``sections`` are the keys of the configuration that these rules read, with a dot before a
    nested one. A stage without a job (a published table has no archive) is left out.
    """

    name: str
    files: tuple[str, ...]
    sections: tuple[str, ...] = ()


ALWAYS = ("name", "source")
"""Keys that decide paths and the rules themselves."""

ARCHIVE = {
    "simulate": ("simulate", "period", "transfer.scenes", "transfer.plants"),
    "files": ("files",),
    "acquire": ("acquire", "period", "landuse.radius_m", "patches.s2_size", "map.areas"),
    "published": ("published", "acquire.endpoints"),
}
"""Keys that the archive's rules read, by source."""

FITTING = (
    "seeds", "buffer_km", "block_degrees", "together", "mixes", "finetune", "supervised",
)  # fmt: skip
"""Keys of the section evaluate by which the rule fit fits."""

MEASURING = ("pollutants", "folds", "seeds", "buffer_km", "block_degrees", "together")
"""Keys of the section evaluate by which stations are split, for whatever is tested on them."""

STAGES = (
    Stage("archive", ("rules/archive.smk",)),
    Stage("grid", ("rules/grid.smk",), ("period", "grid")),
    Stage(
        "patches", ("rules/landuse.smk", "rules/patches.smk"),
        ("period", "landuse", "patches"),
    ),
    Stage("pretrain", ("rules/pretrain.smk",), ("pretrain",)),
    Stage(
        "evaluate", ("rules/evaluate.smk", "rules/transfer.smk"),
        ("evaluate", "transfer", "pretrain.encoders", "pretrain.runs"),
    ),
    Stage(
        "map", ("rules/predict.smk", "rules/map.smk"),
        (
            "map", "patches", "period", "predict", "pretrain.encoders",
            *(f"landuse.{key}" for key in ("radius_m", "potential", "covariates")),
            *(f"evaluate.{key}" for key in dict.fromkeys((*FITTING, *MEASURING, "splits"))),
        ),
    ),
    Stage("report", ("rules/report.smk",), tuple(f"evaluate.{key}" for key in MEASURING)),
)  # fmt: skip


def keys_of(stage: Stage, config: Config) -> list[str]:
    """Keys of a configuration that a stage's rules read."""
    keys = {*ALWAYS, *stage.sections}
    if stage.name == "archive":
        keys.update(ARCHIVE[config.source])
    if stage.name == "patches" and config.source == "published":
        keys.add("published")
    if stage.name == "grid" and config.drops_granules:  # it fetches them too
        keys.add("acquire")
    if stage.name == "patches" and config.source == "published":
        keys.add("published")
    return sorted(keys)
