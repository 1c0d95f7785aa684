"""The part ``disks``: a disk that is full, or that fills up, under each stage in turn (needs root).

Each case mounts a small file system in memory in the place of one disk, fills it, and runs one
verb of the chain. Right is: one line that names that disk, nothing half written, and, once there is
room, the same command goes on to the bytes that it makes without the fault.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.campaign import chain
from benchmarks.campaign.limits import Ended, Told, in_process
from benchmarks.campaign.record import Record, counted, told_wrong

SIZE = 512
"""MiB of a file system: the whole chain needs some 350, nearly all for checkpoints."""

LEFT = {"full": 0, "fills up": 24_000}
"""Bytes that a disk still takes."""

DISKS = ("output", "data", "temporary folder", "checkpoints")
PLACES = {"output": ".", "data": "data/mine", "checkpoints": "checkpoints"}
"""What is a disk of its own, below the data set's folder."""


def run(work: Path) -> None:
    """Do what the record lacks."""
    record = Record(work / "disks.jsonl")
    names = [f"{verb}: {disk} {how}" for verb in chain.VERBS for disk in DISKS for how in LEFT]
    if all(name in record for name in names):
        return
    ready = _prepared(work)
    for name in names:
        if name not in record:
            verb, _, rest = name.partition(": ")
            how = next(how for how in LEFT if rest.endswith(how))
            disk = rest.removesuffix(how).strip()
            verdict, told = judge(work, ready, verb, disk, how)
            record.add(name, disk=disk, verdict=verdict, told=told)


def _prepared(work: Path) -> dict[str, Path]:
    """By verb, the folder as it is before it, and, under "end", after all of them."""
    whole = work / "whole"
    found = {verb: work / f"before-{verb}" for verb in chain.VERBS} | {"end": work / "end"}
    if not found["end"].exists():
        shutil.rmtree(work, ignore_errors=True)
        chain.make(whole)
        for verb in chain.VERBS:
            _copy(whole, found[verb])
            told = in_process(_verb, whole, verb)
            assert told is None, f"{verb}: {told}"
        _copy(whole, found["end"])
    return found


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)


def _verb(folder: Path, verb: str, temporary: str | None = None) -> None:
    """One verb, as the table of stages has it, in this process."""
    from mmaq.cli.run import begin
    from mmaq.stages import VERBS, run_stages

    os.chdir(folder)
    if temporary is not None:
        tempfile.tempdir = os.environ["TMPDIR"] = temporary
    stages = VERBS[verb].stages if verb in VERBS else (verb,)
    run_stages(begin(Path(chain.CONFIG)), stages)


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of ``SIZE`` MiB in the place of a folder."""
    at.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "campaign", str(at)]
    subprocess.run(command, check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Fill a file system up to ``left`` bytes; the file that does it."""
    ballast = disk / ".ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(2**16))
        except OSError:
            pass
        size = stream.tell() // 4096 * 4096
        stream.truncate(max(size - left // 4096 * 4096, 0))
    return ballast


def judge(work: Path, ready: dict[str, Path], verb: str, disk: str, how: str) -> tuple[str, str]:
    """What came of one case, and what was told."""
    folder = work / "case"
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
    at = work / "small-temporary" if disk == "temporary folder" else folder / PLACES[disk]
    if disk == "output":
        with small_disk(folder):
            _copy(ready[verb], folder)
            return _filled(folder, at, ready, verb, how)
    _copy(ready[verb], folder)
    kept = at.with_name(f"{at.name}-kept")
    if at.exists():
        at.rename(kept)
    with small_disk(at):
        if kept.exists():
            _copy(kept, at)
            shutil.rmtree(kept)
        return _filled(folder, at, ready, verb, how)


def _filled(folder: Path, at: Path, ready: dict[str, Path], verb: str, how: str) -> tuple[str, str]:
    before = _files(folder)
    ballast = fill(at, LEFT[how])

    temporary = str(at) if at.name == "small-temporary" else None
    found = in_process(_verb, folder, verb, temporary)
    made = _files(folder) - before
    ballast.unlink()
    if isinstance(found, Ended):
        return f"wrong: {found.how}", ""
    if isinstance(found, Told):
        if found.bug:
            return "wrong: called a bug", f"{found.told}\n{found.trace}"
        place = str(at.relative_to(folder)) if at.is_relative_to(folder) else str(at)
        where = found.told.partition(": ")[0]
        inside = place == "." or place in where or str(at) in where
        if "No space left" not in found.told and "disk" not in found.told:
            return "wrong: the disk is not blamed", f"{found.told}\n{found.trace}"
        if not inside:
            return "wrong: another disk is named", found.told
        half = sorted(name for name in made if ".part" in name)
        if half:
            return "wrong: half-written output", f"{found.told} {half[0]}"
    again = in_process(_verb, folder, verb, temporary)
    if isinstance(again, Told | Ended):
        return "wrong: it does not go on", str(again)
    expected = chain.results(ready["end"])
    different = [
        name for name, digest in chain.results(folder).items() if expected.get(name) != digest
    ]
    if different:
        return "wrong: other bytes afterwards", different[0]
    return ("refused", found.told) if isinstance(found, Told) else ("not needed", "")


def _files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".ballast")
    return {str(path.relative_to(folder)) for path in found}


def summary(work: Path) -> str:
    """A table of verdicts by disk."""
    return counted(Record(work / "disks.jsonl"), "disk", ("refused", "not needed", "wrong"))


def wrong(work: Path) -> list[str]:
    """A line a case that came out wrong."""
    return told_wrong(Record(work / "disks.jsonl"))
