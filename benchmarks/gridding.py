"""Gridding against HARP, side by side in one run: whole processes, warm cache, start-up included.

    python -m benchmarks.gridding            # some minutes; 1.6 GB in a temporary folder
    python -m benchmarks.gridding --growth   # time and memory at 1, 10 and 100 granules as well

Needs ``harpmerge`` (``apt-get install harp``). The box is Europe at 0.05 degrees; HARP gets the
fast form of its command, with ``keep`` before ``bin_spatial``. Each figure is the best of three
rounds in which the two take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from benchmarks.full_orbit import write_full_orbit
from benchmarks.harp import harp_command
from mmaq.config.data import Grid

EUROPE = Grid(bbox=(-25, 34, 45, 72), resolution=0.05)
ROUNDS = 3


def ours(paths: Sequence[Path], out: Path, workers: int = 1) -> list[str]:
    """Our command."""
    box = map(str, EUROPE.bbox)
    return [
        *(shutil.which("mmaq") or sys.exit("install the package first"), "grid"),
        *map(str, paths), "--bbox", *box, "--resolution", str(EUROPE.resolution),
        "--workers", str(workers), "--out", str(out),
    ]  # fmt: skip


def measure(command: Sequence[str], cores: int) -> tuple[float, float]:
    """Seconds and megabytes at the peak of a process on ``cores`` cores."""
    available = sorted(os.sched_getaffinity(0))[:cores]
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, available),
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {' '.join(command)[:300]}")
    return seconds, usage.ru_maxrss / 1024


def take_turns(commands: dict[str, tuple[Sequence[str], int]]) -> dict[str, tuple[float, float]]:
    """Best time and largest memory of each command; a first round, not counted, warms caches."""
    for command, cores in commands.values():
        measure(command, cores)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, (command, cores) in commands.items():
            found[name].append(measure(command, cores))
    return {n: (min(s for s, _ in each), max(m for _, m in each)) for n, each in found.items()}


def where_time_goes(paths: Sequence[Path]) -> dict[str, float]:
    """Seconds of each step, in this process and on one core; inflation alone is the floor."""
    from isal import isal_zlib

    from mmaq.sentinel5p import chunks
    from mmaq.sentinel5p import containers as hdf5
    from mmaq.sentinel5p.accumulator import Accumulator
    from mmaq.sentinel5p.grid import RegularGrid
    from mmaq.sentinel5p.level3 import write_level3
    from mmaq.sentinel5p.reader import read_granule

    seconds = dict.fromkeys(("inflate", "read", "overlap", "write"), 0.0)
    sums = Accumulator.empty(RegularGrid.from_config(EUROPE))
    sums.load_kernel()
    whole = chunks.inflate

    def inflating(raw: bytes, *arguments: object) -> object:
        start = time.perf_counter()
        isal_zlib.decompress(raw)
        seconds["inflate"] += time.perf_counter() - start
        return whole(raw, *arguments)  # type: ignore[arg-type]

    def timed(name: str, action: object) -> object:
        start = time.perf_counter()
        result = action()  # type: ignore[operator]
        seconds[name] += time.perf_counter() - start
        return result

    for path in paths:
        hdf5.inflate = inflating  # type: ignore[assignment]
        read_granule(path, EUROPE)
        hdf5.inflate = whole
        footprints = timed("read", lambda path=path: read_granule(path, EUROPE))
        timed("overlap", lambda footprints=footprints: sums.add(footprints))
    with tempfile.TemporaryDirectory() as folder:
        timed("write", lambda: write_level3(Path(folder) / "l3.nc", sums, EUROPE))
    return seconds


def main() -> None:
    """Run and print; JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--growth", action="store_true", help="1, 10 and 100 granules too")
    arguments = parser.parse_args()
    if shutil.which("harpmerge") is None:
        raise SystemExit("harpmerge is not here: apt-get install harp")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("writing orbits", flush=True)
        count = 30
        paths = [
            write_full_orbit(folder, date(2021, 6, 1) + timedelta(days=k)) for k in range(count)
        ]
        five, out = paths[:5], folder / "out.nc"
        found = take_turns(
            {
                "harp, 5 orbits, 1 core": (harp_command(five, EUROPE, out), 1),
                "mmaq, 5 orbits, 1 core": (ours(five, out), 1),
                "harp, 30 orbits": (harp_command(paths, EUROPE, out), 2),
                "mmaq, 30 orbits, 2 workers": (ours(paths, out, 2), 2),
            }
        )
        for case, (seconds, memory) in found.items():
            print(f"{case:28s} {seconds:7.2f} s {memory:7.0f} MB")
        ratios = {
            "5 orbits": found["mmaq, 5 orbits, 1 core"][0] / found["harp, 5 orbits, 1 core"][0],
            "30 orbits": found["mmaq, 30 orbits, 2 workers"][0] / found["harp, 30 orbits"][0],
            "memory": found["mmaq, 5 orbits, 1 core"][1] / found["harp, 5 orbits, 1 core"][1],
        }
        print("mmaq over harp:", ", ".join(f"{k} {v:.2f}" for k, v in ratios.items()))
        steps = where_time_goes(five)
        print("of 5 orbits:", ", ".join(f"{k} {v:.2f} s" for k, v in steps.items()))
        growth = _growth(paths, out) if arguments.growth else {}
        print(json.dumps({"ratios": ratios, "steps": steps, "growth": growth}))


def _growth(paths: Sequence[Path], out: Path) -> dict[str, tuple[float, float]]:
    """Time and memory against the number of granules; copies under new names make a hundred."""
    many = []
    for number in range(100):
        source = paths[number % len(paths)]
        copy = source.with_name(f"copy{number:03d}.nc")
        _rename_granule(source, copy, number)
        many.append(copy)
    found = {}
    for number in (1, 10, 100):
        found[str(number)] = measure(ours(many[:number], out), 1)
        seconds, memory = found[str(number)]
        print(f"{number:4d} granules: {seconds:7.2f} s, {memory:5.0f} MB", flush=True)
    return found


def _rename_granule(source: Path, copy: Path, number: int) -> None:
    """Copy a granule under another identity, since none may be given twice."""
    import h5py

    shutil.copyfile(source, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["id"] = f"copy {number}"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
