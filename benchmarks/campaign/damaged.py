"""The part ``damaged``: thousands of damaged inputs, each read in a process with limits.

What a user may expect of each: refused in one line that names the file; or, where nothing in the
file tells of the damage, figures that can be. All else is wrong: what the boundary of errors calls
a bug, a crash, a hang, memory without end, an impossible figure, a half-written output, or a line
that names another file.
"""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.campaign import mutate
from benchmarks.campaign.limits import Ended, Told, Worker
from benchmarks.campaign.record import Record, counted, told_wrong
from benchmarks.campaign.targets import FORMATS, MISSING, RANGES, TARGETS, Figures, Target

LONGEST = 1500
"""Characters of a line that can still be read."""

ATTEMPTS = 30
"""Draws in which a library must be able to write the damage."""

KINDS = ("cut", "flipped", "wrong type", "wrong shape", "empty", "swapped", "foreign encoding")
OUTPUTS = ("sites.parquet", "l3.nc", "predictions.csv", "store")
"""What readers write below a case's folder ``out``, whole or not at all."""

A_KIND = {6: 28, 7: 24}
"""Cases a kind of damage, for formats with six and with seven kinds: 168 a format."""


@dataclass(frozen=True)
class Case:
    """One damaged input; ``name`` seeds what is random in it."""

    target: Target
    kind: str
    number: int

    @property
    def name(self) -> str:
        """What it is known by in the record."""
        return f"{self.target.format}/{self.kind}/{self.number}"

    def damage(self, folder: Path) -> None:
        """Damage the healthy input in ``folder``: the first of some ways that changes a byte."""
        path = folder / self.target.file
        before = path.read_bytes()
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([zlib.crc32(self.name.encode()), attempt])
            try:
                self._damage(folder, rng)
            except Exception as fault:  # a library that cannot write such a thing
                reason = repr(fault)
            else:
                if path.read_bytes() != before:
                    return
                reason = "the same bytes"
            path.write_bytes(before)
        raise RuntimeError(f"{self.name} ({self.target.name}) cannot be made: {reason}")

    def _damage(self, folder: Path, rng: mutate.Random) -> None:
        path, target = folder / self.target.file, self.target
        if self.kind == "swapped":
            others = [each for each in TARGETS if each.file != target.file]
            other = others[int(rng.integers(len(others)))]
            shutil.copyfile(healthy(folder.parent, other) / other.file, path)
            return
        changes = {
            "cut": mutate.cut, "flipped": mutate.flip, "empty": mutate.empty,
            "wrong type": target.retype, "wrong shape": target.reshape,
            "foreign encoding": target.recode,
        }  # fmt: skip
        change = changes[self.kind]
        assert change is not None
        change(path, rng)


def cases(share: float = 1.0) -> Iterator[Case]:
    """All cases, or the first of each kind of each format, as many as ``share`` says."""
    for name in FORMATS:
        targets = [target for target in TARGETS if target.format == name]
        kinds = KINDS if targets[0].recode else KINDS[:-1]
        for kind in kinds:
            for number in range(max(round(A_KIND[len(kinds)] * share), 1)):
                yield Case(targets[number % len(targets)], kind, number)


def healthy(work: Path, target: Target) -> Path:
    """The folder of a target's healthy input, which is made when it is first asked for."""
    folder = work / f"healthy-{TARGETS.index(target)}"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        target.make(folder)
        (folder / "made").write_text("")
    return folder


def run(work: Path, share: float = 1.0) -> None:
    """Do what the record lacks."""
    record = Record(work / "damaged.jsonl")
    intact: dict[int, Figures] = {}
    reader = Worker(_read)
    for case in sorted(cases(share), key=lambda case: TARGETS.index(case.target)):
        if case.name in record:
            continue
        at = TARGETS.index(case.target)
        if at not in intact:
            intact[at] = warm_up(work, case.target)
            reader.end()
        started = time.monotonic()
        verdict, told = judge(work, case, intact[at], reader)
        seconds = round(time.monotonic() - started, 2)
        about = {"format": case.target.format, "kind": case.kind, "target": case.target.name}
        record.add(case.name, **about, verdict=verdict, told=told, seconds=seconds)


def warm_up(work: Path, target: Target) -> Figures:
    """The figures of a healthy input, read in this process, whose copies then start warm."""
    found = _read(_copy(work, target, "healthy"), TARGETS.index(target))
    assert not _impossible(found), f"{target.name}: healthy, {_impossible(found)}"
    return found


def judge(work: Path, case: Case, intact: Figures, reader: Worker) -> tuple[str, str]:
    """What came of one case, and what was told."""
    folder = _copy(work, case.target, zlib.crc32(case.name.encode()))
    file = folder / case.target.file
    case.damage(folder)
    stale = set(folder.rglob("*"))
    found = reader.call(folder, TARGETS.index(case.target))
    if isinstance(found, Ended):
        return f"wrong: {found.how}", ""
    if not isinstance(found, Told):
        wrong = _impossible(found)
        if wrong:
            return "wrong: an impossible figure", wrong
        return ("harmless" if _same(found, intact) else "undetectable"), ""
    told = found.told
    if found.bug:
        return "wrong: called a bug", f"{told}\n{found.trace}"
    if "memory ran out" in told:
        return "wrong: memory without end", f"{told}\n{found.trace}"
    if not any(name in told for name in (file.name, *case.target.named)):
        return "wrong: another file is named", f"{told}\n{found.trace}"
    if len(told) > LONGEST or not told.isprintable():
        return "wrong: a line that cannot be read", told
    half = [path for path in set(folder.rglob("*.part*")) - stale if path.exists()]
    outputs = [folder / "out" / name for name in OUTPUTS]
    half += [path for path in outputs if path.exists() and path not in stale]
    if half:
        return "wrong: half-written output", f"{told} {half[0]}"
    return "refused", told


def _copy(work: Path, target: Target, name: object) -> Path:
    """A folder of its own: GDAL knows files again by their names."""
    for old in work.glob("case-*"):
        shutil.rmtree(old)
    folder = work / f"case-{name}"
    shutil.copytree(healthy(work, target), folder)
    return folder


def _read(folder: Path, target: int) -> Figures:
    return {name: np.asarray(values) for name, values in TARGETS[target].read(folder).items()}


def _impossible(found: Figures) -> str:
    for name, values in found.items():
        numbers = np.asarray(values, float)
        bad = ~((numbers >= RANGES[name][0]) & (numbers <= RANGES[name][1]))
        if name in MISSING:
            bad &= ~np.isnan(numbers)
        if bad.any():
            return f"{name} {numbers[bad].flat[0]:g}"
    return ""


def _same(found: Figures, intact: Figures) -> bool:
    return all(
        np.array_equal(found[name], values, equal_nan=np.asarray(values).dtype.kind == "f")
        for name, values in intact.items()
    )


def summary(work: Path) -> str:
    """Tables of verdicts by format and by kind, in Markdown."""
    record = Record(work / "damaged.jsonl")
    verdicts = ("refused", "undetectable", "harmless", "wrong")
    return "\n".join(counted(record, column, verdicts) for column in ("format", "kind"))


def wrong(work: Path) -> list[str]:
    """A line a case that came out wrong."""
    return told_wrong(Record(work / "damaged.jsonl"))
