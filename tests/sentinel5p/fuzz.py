"""Damage granules in many ways and grid each under a time limit, apart from what judges them.

Processes of their own take them one after the other; that of one that crashes or hangs is replaced.

    python -m tests.sentinel5p.fuzz FOLDER --number 1000

Prints JSON: how many were refused, gave the intact grid, gave another grid, crashed or hung, by
kind of damage, and the last three by name. What a file says of itself must protect it: damaged
bytes are tried on the official layout, whose variables are compressed and so bear checksums;
classic files bear none, so theirs are tried through an archive, whose catalogue holds one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timezone
from multiprocessing.connection import Connection
from pathlib import Path

import h5py
import netCDF4
import numpy as np
from tqdm import tqdm

from mmaq.base.errors import MmaqError
from mmaq.config.data import Grid
from mmaq.contracts.archive import SENTINEL5P, Asset, Product, write_collection
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.reader import read_granule
from mmaq.sentinel5p.stage import grid_part
from tests.sentinel5p.granules import COLUMN, swath, write_granule
from tests.sentinel5p.test_reader import HARP_SLANT, write_harp

LIMIT = 20.0
SAME, REFUSED, OTHER = "same", "refused", "another grid"
BOX = {"bbox": (4.0, 50.0, 6.0, 51.5), "resolution": 0.05}
OFFICIAL, HARP = Grid(**BOX), Grid(**BOX, variable=HARP_SLANT)
NEEDED = (
    f"PRODUCT/{COLUMN}", "PRODUCT/qa_value", "PRODUCT/SUPPORT_DATA/GEOLOCATIONS/latitude_bounds",
    "PRODUCT/SUPPORT_DATA/GEOLOCATIONS/longitude_bounds",
)  # fmt: skip
YEAR = (date(2021, 1, 1), date(2021, 12, 31))
Damage = Callable[[Path, np.random.Generator], None]


def truncate(path: Path, rng: np.random.Generator) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(0, len(data)))])


def flip(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(path.read_bytes())
    for position in rng.integers(0, len(data), int(rng.choice([1, 1, 1, 4, 64]))):
        data[position] ^= int(rng.integers(1, 256))
    path.write_bytes(data)


def overwrite(path: Path, rng: np.random.Generator) -> None:
    """A block of the disk lost: zeros, or another part of the file."""
    data = bytearray(path.read_bytes())
    size = int(rng.choice([16, 512, 4096]))
    start = int(rng.integers(0, max(len(data) - size, 1)))
    block = bytes(size) if rng.random() < 0.5 else bytes(data[-size:])
    data[start : start + size] = block
    path.write_bytes(data)


def remove(path: Path, rng: np.random.Generator) -> None:
    with h5py.File(path, "r+") as file:
        del file[str(rng.choice([*NEEDED, "PRODUCT", "PRODUCT/SUPPORT_DATA"]))]


def reshape(path: Path, rng: np.random.Generator) -> None:
    with h5py.File(path, "r+") as file:
        name = str(rng.choice(NEEDED))
        array = file[name][:]
        del file[name]
        shapes = (array[:, :-1], array[..., :-1], array[0], array.T, array[:, :, None], array[:0])
        file[name] = shapes[rng.integers(len(shapes))]


def all_fill(path: Path, rng: np.random.Generator) -> None:
    with netCDF4.Dataset(path, "a") as data:
        variable = data[str(rng.choice(NEEDED))]
        variable.set_auto_maskandscale(False)
        variable[:] = variable.getncattr("_FillValue")


def make_intact(folder: Path) -> dict[str, Path]:
    lon, lat = swath(60, 20)
    rng = np.random.default_rng(3)
    value = rng.uniform(1e-5, 2e-4, lon.shape[:2])
    quality = rng.integers(60, 101, value.shape)
    official = write_granule(
        folder / "official.nc", value, lon, lat, quality, value / 10, chunks=(16, 20)
    )
    return {"official": official, "harp": write_harp(folder / "harp.nc")}


def sums_of(path: Path, config: Grid) -> np.ndarray:
    sums = Accumulator.empty(RegularGrid.from_config(config))
    sums.add(read_granule(path, config))
    return sums.cells


def through_archive(path: Path, root: Path, config: Grid) -> np.ndarray:
    """Raises the granule's fault, as a strict run does."""
    strict = config.model_copy(update={"strict": True})
    grid_part(
        archive=root, config=strict, start=YEAR[0], end=YEAR[1], out=path.with_suffix(".part")
    )
    raise AssertionError("a damaged file passed its checksum")


def attempt(path: Path, config: Grid, intact: np.ndarray, root: Path | None) -> str:
    """What came of it."""
    try:
        cells = sums_of(path, config) if root is None else through_archive(path, root, config)
    except MmaqError as error:
        return REFUSED if str(error).count("\n") == 0 else OTHER
    names = ("weight", "weighted", "scatter", "variance", "deviation", "count")
    return SAME if all(np.array_equal(cells[n], intact[n]) for n in names) else OTHER


def attempts(asked: Connection) -> None:
    """In a process of its own: what came of each file that is asked for."""
    tqdm.set_lock(threading.RLock())  # not the parent's, who would wait for one that hangs
    while True:
        asked.send(attempt(*asked.recv()))


class Worker:
    """A process for one file at a time. Forked by the only thread, lest a lock is copied held."""

    def __init__(self) -> None:
        self.asked: Connection | None = None

    def outcome(self, *arguments: object) -> str:
        """What came of a file, within the limit of time."""
        if self.asked is None:
            self._start()
        self.asked.send(arguments)
        try:
            if self.asked.poll(LIMIT):
                return self.asked.recv()
            found = "hung"
        except (EOFError, ConnectionResetError):
            self.process.join()
            found = f"crashed ({self.process.exitcode})"
        self.end()
        return found

    def end(self) -> None:
        if self.asked is not None:
            self.process.kill()
            self.process.join()
            self.asked = None

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.asked, theirs = context.Pipe()
        self.process = context.Process(target=attempts, args=(theirs,))
        self.process.start()
        theirs.close()  # or the end of the process would not be seen


KINDS: list[tuple[str, str, Damage]] = [
    ("truncated", "official", truncate), ("truncated", "harp", truncate),
    ("flipped", "official", flip), ("flipped", "official", flip), ("flipped", "official", flip),
    ("overwritten", "official", overwrite), ("overwritten", "official", overwrite),
    ("missing variable", "official", remove), ("wrong shape", "official", reshape),
    ("all fill", "official", all_fill), ("flipped, with a checksum", "harp", flip),
]  # fmt: skip


def catalogue(path: Path) -> Path:
    """An archive of the file, as yet intact."""
    when = datetime(2021, 1, 2, tzinfo=timezone.utc)
    product = Product("a", SENTINEL5P, when, (4, 50, 6, 51), {"data": Asset(path)})
    write_collection(path.with_suffix(".archive"), SENTINEL5P, "fuzz", [product])
    return path.with_suffix(".archive")


def run(folder: Path, number: int, seed: int = 0) -> dict[str, object]:
    intact = make_intact(folder)
    configs = {"official": OFFICIAL, "harp": HARP}
    grids = {name: sums_of(path, configs[name]) for name, path in intact.items()}
    assert all(cells["count"].any() for cells in grids.values())
    results: dict[str, Counter[str]] = {name: Counter() for name, _, _ in KINDS}
    bad: list[str] = []

    worker = Worker()
    for index in range(number):
        kind, layout, damage = KINDS[index % len(KINDS)]
        path = folder / f"{index}.nc"
        shutil.copyfile(intact[layout], path)
        root = catalogue(path) if "checksum" in kind else None
        damage(path, np.random.default_rng([seed, index]))
        found = SAME
        if path.read_bytes() != intact[layout].read_bytes():
            found = worker.outcome(path, configs[layout], grids[layout], root)
        results[kind][found] += 1
        if found in (SAME, REFUSED):
            path.unlink()
        else:
            bad.append(f"{path.name} {kind}: {found}")
    worker.end()
    total = sum((*results.values(),), Counter())
    kinds = {kind: dict(found) for kind, found in results.items()}
    return {"total": dict(total), "by kind": kinds, "bad": sorted(bad)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.folder, arguments.number, arguments.seed), indent=1))
