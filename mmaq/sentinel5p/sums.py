"""The sums of a part of the period on disk, so that parts are gridded separately and merged."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mmaq.base.errors import ProductError
from mmaq.base.files import reading, replacing
from mmaq.config.data import Grid
from mmaq.sentinel5p.accumulator import CELL, Accumulator, empty_cells
from mmaq.sentinel5p.chunks import fill_datasets
from mmaq.sentinel5p.granule import Granule
from mmaq.sentinel5p.grid import RegularGrid

VERSION = 1
"""Of the sums on disk. What decides a part's sums is this number, the settings and the granules.
Raise it when a part of an earlier version must not be gone on from: its layout has changed, or
other sums would come of the same granules. All granules of every part are then read again, and
where they are not kept (``acquire.sentinel5p.keep``), terabytes are fetched again: hence a number
that a person raises, and not a digest of the code."""

UNNUMBERED = 1
"""The version of parts from before versions were written, which hold a digest of the code."""

FREE = {"part", "strict"}
"""Settings that change no sum."""

COUNTS = ("pixels", "used")

TEXTS = ("units", "standard_name")

log = logging.getLogger(__name__)

REMEDY = "Make the part again with `mmaq grid`"


def write_sums(path: Path, sums: Accumulator, config: Grid) -> None:
    """Write the sums and what they were made with; equal sums give equal bytes."""
    from netCDF4 import Dataset  # late: it costs memory, and while granules are read none is spare

    about: dict[str, object] = {name: getattr(sums, name) for name in (*COUNTS, *TEXTS)}
    about["version"], about["grid"] = VERSION, fingerprint(config)
    about["granules"] = [asdict(granule) for granule in sums.granules]
    about["broken"], about["refused"] = sums.broken, sums.refused
    text = np.frombuffer(json.dumps(about).encode(), "u1")
    arrays = {name: sums.cells[name] for name in CELL.names or ()} | {"about": text}
    with replacing(path) as temporary:
        with Dataset(temporary, "w") as file:
            sizes = {"row": sums.grid.rows, "column": sums.grid.columns, "about": len(text)}
            for name, size in sizes.items():
                file.createDimension(name, size)
            for name, array in arrays.items():
                dimensions = ("about",) if name == "about" else ("row", "column")
                # Deflate brings its own checksum, so that a damaged part is found out.
                file.createVariable(
                    name, array.dtype, dimensions, compression="zlib", chunksizes=array.shape,
                    fill_value=False,
                )  # fmt: skip
        fill_datasets(temporary, arrays.items())


def resume_sums(path: Path, config: Grid, wanted: Callable[[Granule], bool]) -> Accumulator:
    """The sums of an earlier run if all their granules are still wanted, else none."""
    nothing = Accumulator.empty(RegularGrid.from_config(config))
    if not path.exists():
        return nothing
    try:
        sums = read_sums(path, config)
    except ProductError as error:
        log.info("starting anew: %s", error)
        return nothing
    return sums if all(map(wanted, sums.granules)) else nothing


def read_sums(path: Path, config: Grid) -> Accumulator:
    """Read a part.

    Raises:
        ProductError: the part is missing, damaged, of another version, or made with other settings
            than ``config``.
    """
    from netCDF4 import Dataset

    grid = RegularGrid.from_config(config)
    cells = empty_cells(grid.shape)
    with reading(path, ProductError, "not a readable part of a grid", REMEDY):
        with Dataset(path) as file:
            file.set_auto_mask(False)
            about = json.loads(file["about"][:].tobytes())
            if about.get("version", UNNUMBERED) != VERSION:
                raise ProductError(path, "the part is of another version of mmaq's sums", REMEDY)
            if not made_with(about["grid"], config):
                raise ProductError(path, "the part was made with another grid section", REMEDY)
            for name in CELL.names or ():
                cells[name] = file[name][:]
        granules = [Granule(**each) for each in about["granules"]]
        described = {name: about[name] for name in (*COUNTS, *TEXTS, "broken")}
        refused = Counter(about["refused"])
    return Accumulator(grid, cells, granules, refused=refused, **described)


def fingerprint(config: Grid) -> str:
    """The settings that sums depend on.

    How the period is cut and what becomes of broken granules change no sum.
    """
    return config.model_dump_json(exclude=FREE)


def made_with(stored: str, config: Grid) -> bool:
    """Whether sums with this fingerprint are those of ``config``.

    A setting that is newer than the sums had its default when they were made; a setting that is
    taken away, or a default that made other sums, needs another ``VERSION``. Before that number
    a digest of the code stood behind the settings: it decides nothing.
    """
    settings, _ = json.JSONDecoder().raw_decode(stored)
    then = Grid.model_validate({n: settings[n] for n in settings if n in Grid.model_fields})
    return json.loads(fingerprint(then)) == json.loads(fingerprint(config))
