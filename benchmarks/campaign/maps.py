"""The part ``maps``: a map that the workflow makes, killed by -9 at ten moments, and made again.

Kill number n comes after a share of the time that the command takes, to all of its processes. The
same command must then make the tiles that are missing and no others, and end with the bytes of a
map that nobody stopped.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.campaign.record import Record, counted, told_wrong

KILLS = 10

MAP = Path("results/small/map")
TILES = Path("data/small/map/city")
LOG = Path("logs/small/map_area_city.log")


def run(work: Path, kills: int = KILLS) -> None:
    """Do what the record lacks."""
    record = Record(work / "maps.jsonl")
    names = [f"kill {number}" for number in range(kills)]
    if all(name in record for name in names):
        return
    project = _project(work / "project")
    _again(project)
    started = time.monotonic()
    _make(project)
    seconds, expected = time.monotonic() - started, _bytes(project)
    for number, name in enumerate(names):
        if name in record:
            continue
        late, held = (number + 0.5) / kills * seconds, None
        while held is None:  # a machine that others use may have ended before its time
            _again(project)
            held, late = _killed(project, late), 0.8 * late
        said, all_ = _make(project)
        verdict = "the same bytes" if _bytes(project) == expected else "wrong: other bytes"
        if said != all_ - held:
            verdict = "wrong: not the missing tiles"
        record.add(name, kind="-9", verdict=verdict, told=f"{held} of {all_} tiles were there",
                   after=round(late / 0.8, 1), kept=held)  # fmt: skip


def _project(folder: Path) -> Any:
    """A copy of this project with a small land, whose map has four tiles."""
    from tests.orchestration.project import Project

    if folder.exists():
        return Project(folder)
    project = Project.copied(folder, simulate={"area_km": 1.5})
    project.change("predict", method="gbm_pixels", split="random")
    project.change("map", areas=[{"name": "city", "resolution_m": 50}])
    return project


def _command() -> list[str]:
    from tests.orchestration.project import CONFIG

    target = str(MAP / "city.tif")
    return [sys.executable, "-m", "mmaq", "run", "--cores", "1", target, "--configfile", CONFIG]


def _make(project: Any) -> tuple[int, int]:
    """Make the map; gives the tiles that were missing, and how many there are."""
    project.run(*_command())
    text = (project.folder / LOG).read_text(encoding="utf-8")
    missing, tiles = re.findall(r"(\d+) of (\d+) tiles are still to be made", text)[-1]
    return int(missing), int(tiles)


def _again(project: Any) -> None:
    """Remove the map, and what a killed run kept of it."""
    for path in (MAP, TILES):
        shutil.rmtree(project.folder / path, ignore_errors=True)


def _killed(project: Any, late: float) -> int | None:
    """Kill a run after some seconds; the tiles that it left, None where it ended before."""
    process = subprocess.Popen(
        _command(), cwd=project.folder, env=project.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(late)
        return None
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return len(list((project.folder / TILES).glob("*/[0-9]*.npy")))


def _bytes(project: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project.folder / MAP).iterdir()}


def summary(work: Path) -> str:
    """A table of verdicts, and how many tiles each kill left."""
    record = Record(work / "maps.jsonl")
    kept = ", ".join(str(held["kept"]) for held in record.values())
    table = counted(record, "kind", ("the same bytes", "wrong"))
    return f"{table}\nTiles that each kill left: {kept}\n"


def wrong(work: Path) -> list[str]:
    """A line a kill that came out wrong."""
    return told_wrong(Record(work / "maps.jsonl"))
