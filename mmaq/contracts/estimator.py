"""Contract 6, a fitted estimator: one safetensors file without code that predicts anywhere.

Its metadata is one JSON text: what was fitted, to how many stations, and the tiers. A tier is one
fitted estimator with the half width of its 90 % interval; a place is given the first whose inputs
it has. Tensors of tier N are named ``N.name``, those of its area of applicability
``N.similarity.name``; trees are LightGBM's text, as bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mmaq import __version__
from mmaq.base.errors import CheckpointError
from mmaq.base.files import replacing
from mmaq.vocabulary import POLLUTANTS

KEY = "mmaq_estimator"
VERSION = 1
SIMILARITY = "similarity."
"""What tensors of a tier's area of applicability are called."""
REMEDY = "Make it with `mmaq fit`"


@dataclass(frozen=True)
class Tier:
    """One fitted estimator as it is stored.

    Attributes:
        kind: name under which it is read again.
        method, protocol, modalities: as in the benchmark table.
        declared: whether it reads the area and type that a network declares of its station; a
            place of which neither is known goes to a tier that was fitted without.
        radius: half width of the 90 % interval in ug/m3; NaN where too few stations calibrated it,
            and then predictions have no bounds.
        stations: how many it was fitted to.
        about, arrays: what it has learned.
        similarity: arrays of its area of applicability; none where the importance of what it reads
            is unknown.
    """

    kind: str
    method: str
    protocol: str
    modalities: str
    declared: bool
    radius: float
    stations: int
    about: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    similarity: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def inputs(self) -> str:
        """What its predictions rest on."""
        return f"{self.modalities}+type" if self.declared else self.modalities


def write_estimator(path: str | os.PathLike[str], pollutant: str, tiers: Sequence[Tier]) -> None:
    """Write the tiers, the first choice first."""
    described, arrays = [], {}
    for number, tier in enumerate(tiers):
        tensors = {**tier.arrays, **{f"{SIMILARITY}{name}": tier.similarity[name]
                                     for name in tier.similarity}}  # fmt: skip
        plain = {
            name: value
            for name, value in vars(tier).items()
            if name not in ("arrays", "similarity")
        }
        plain["radius"] = tier.radius if np.isfinite(tier.radius) else None
        described.append(plain)
        for name, value in tensors.items():
            arrays[f"{number}.{name}"] = np.ascontiguousarray(value)
    about = {"version": VERSION, "mmaq": __version__, "pollutant": pollutant, "tiers": described}
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        save_file(arrays or {"none": np.zeros(0)}, temporary, metadata={KEY: text})
        temporary.chmod(0o644)  # safetensors writes for the owner alone; groups share estimators


def read_estimator(path: str | os.PathLike[str]) -> tuple[str, list[Tier]]:
    """Pollutant and tiers.

    Raises:
        CheckpointError: the file is absent, damaged or not an estimator of this version.
    """
    if not Path(path).exists():
        raise CheckpointError(path, "the estimator does not exist", REMEDY)
    try:
        with safe_open(path, framework="np") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise CheckpointError(path, f"not a readable safetensors file ({fault})", REMEDY) from None
    if not isinstance(about, dict) or about.get("version") != VERSION:
        fault_line = f"it holds no estimator of version {VERSION}"
        raise CheckpointError(path, fault_line, f"{REMEDY}; `mmaq pretrain` makes encoders alone")
    try:
        tiers = []
        for number, given in enumerate(about["tiers"]):
            own = _under(f"{number}.", arrays)
            similarity = _under(SIMILARITY, own)
            own = {name: own[name] for name in own if not name.startswith(SIMILARITY)}
            radius = np.nan if given["radius"] is None else float(given["radius"])
            tiers.append(Tier(**{**given, "radius": radius}, arrays=own, similarity=similarity))
        pollutant = str(about["pollutant"])
    except (KeyError, TypeError, ValueError) as fault:
        raise CheckpointError(path, f"its description is damaged ({fault})", REMEDY) from None
    if pollutant not in POLLUTANTS or not tiers:
        raise CheckpointError(path, "it names no pollutant or holds no tier", REMEDY)
    return pollutant, tiers


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
