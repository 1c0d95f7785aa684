"""Contract 6, a fitted estimator: one safetensors file without code that predicts anywhere.

Its metadata is one JSON text: what was fitted, to how many stations, and the tiers. A tier is one
fitted estimator with what bounds its predictions; a place is given the first whose inputs it has.
Tensors of tier N are named ``N.name``, those of its intervals ``N.intervals.name``, those of its
area of applicability ``N.similarity.name``; trees are LightGBM's text, as bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from mmaq import __version__
from mmaq.base.errors import CheckpointError
from mmaq.base.files import reading, replacing
from mmaq.vocabulary import IMAGES, POLLUTANTS

KEY = "mmaq_estimator"
INTERVALS, SIMILARITY = "intervals.", "similarity."
"""What tensors of a tier's intervals and of its area of applicability are called."""
VERSION = 4
REMEDY = "Make it with `mmaq fit`"


@dataclass(frozen=True)
class Tier:
    """One fitted estimator as it is stored.

    Attributes:
        kind: name under which it is read again.
        method, protocol, modalities: as in the benchmark table.
        declared: whether it reads the area and type that a network declares of its station; a
            place of which neither is known goes to a tier that was fitted without.
        stations: how many it was fitted to.
        about, arrays: what it has learned.
        intervals: what its 90 % intervals are made by, as plain values and arrays; None where too
            few stations could calibrate them, and then predictions have no bounds.
        around: of a tier that reads the surroundings: "population", the source of the population
            potential ("" for none), and "covariates", the user's columns; of one that reads means
            in discs, "radius_m" of these (None: not known); else empty.
        patches: of a tier that reads images: "side" of its patches in pixels and the size of a
            pixel, "pixel_m" or "pixel_degrees", by modality; none of a file from before they were
            kept.
        similarity: arrays of its area of applicability; none where the importance of what it reads
            is unknown.
    """

    kind: str
    method: str
    protocol: str
    modalities: str
    declared: bool
    stations: int
    about: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    intervals: tuple[Mapping[str, Any], Mapping[str, np.ndarray]] | None
    around: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    similarity: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def inputs(self) -> str:
        """What its predictions rest on."""
        return f"{self.modalities}+type" if self.declared else self.modalities


def write_estimator(path: str | os.PathLike[str], pollutant: str, tiers: Sequence[Tier]) -> None:
    """Write the tiers, the first choice first."""
    described, arrays = [], {}
    for number, tier in enumerate(tiers):
        plain = {
            name: value
            for name, value in vars(tier).items()
            if name not in ("arrays", "similarity")
        }
        own = {**tier.arrays, **_named(SIMILARITY, tier.similarity)}
        if tier.intervals is not None:
            plain["intervals"], bounding = tier.intervals
            own |= _named(INTERVALS, bounding)
        described.append(plain)
        for name, value in own.items():
            arrays[f"{number}.{name}"] = np.ascontiguousarray(value)
    arrays = arrays or {"none": np.zeros(0)}
    about = {"version": VERSION, "mmaq": __version__, "pollutant": pollutant, "tiers": described,
             "sha256": digest(arrays)}  # fmt: skip
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        save_file(arrays, temporary, metadata={KEY: text})
        temporary.chmod(0o644)  # safetensors writes for the owner alone; groups share estimators


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of arrays with their names, in hexadecimal."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        found.update(arrays[name].tobytes())
    return found.hexdigest()


KINDS = {"kind": str, "method": str, "protocol": str, "modalities": str, "declared": bool,
         "stations": int, "about": dict, "patches": dict}  # fmt: skip
"""Of what a file says of a tier."""


def _check(tier: Tier) -> None:
    """Raise ValueError for a tier that no writer wrote."""
    for name, kind in KINDS.items():
        if not isinstance(getattr(tier, name), kind):
            raise ValueError(f"{name} of a tier is {getattr(tier, name)!r}")
    if not all(name in IMAGES and isinstance(size, dict) for name, size in tier.patches.items()):
        raise ValueError(f"patches of a tier are {tier.patches!r}")


def read_estimator(path: str | os.PathLike[str]) -> tuple[str, list[Tier]]:
    """Pollutant and tiers.

    Raises:
        CheckpointError: the file is absent, damaged or not an estimator of this version.
    """
    if not Path(path).exists():
        raise CheckpointError(path, "the estimator does not exist", REMEDY)
    with (
        reading(path, CheckpointError, "not a readable safetensors file", REMEDY),
        safe_open(path, framework="np") as file,
    ):
        about = json.loads((file.metadata() or {}).get(KEY, "null"))
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not isinstance(about, dict) or about.get("version") != VERSION:
        fault_line = f"it holds no estimator of version {VERSION}"
        raise CheckpointError(path, fault_line, f"{REMEDY}; `mmaq pretrain` makes encoders alone")
    tiers = []
    with reading(path, CheckpointError, "its description is damaged", REMEDY):
        for number, given in enumerate(about["tiers"]):
            own = _under(f"{number}.", arrays)
            bounding, similarity = _under(INTERVALS, own), _under(SIMILARITY, own)
            own = {name: own[name] for name in own if not name.startswith((INTERVALS, SIMILARITY))}
            plain = dict(given)
            about_them = plain.pop("intervals")
            intervals = None if about_them is None else (dict(about_them), bounding)
            tiers.append(Tier(**plain, arrays=own, intervals=intervals, similarity=similarity))
            _check(tiers[-1])
        pollutant = str(about["pollutant"])
    if pollutant not in POLLUTANTS or not tiers:
        raise CheckpointError(path, "it names no pollutant or holds no tier", REMEDY)
    if about.get("sha256") != digest(arrays):
        raise CheckpointError(path, "what it learned differs from its checksum", REMEDY)
    return pollutant, tiers


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }


def _named(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of :func:`_under`."""
    return {f"{prefix}{name}": value for name, value in arrays.items()}
