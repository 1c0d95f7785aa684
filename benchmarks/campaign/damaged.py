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
from collections.abc import Iterator, Sequence
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

    @property
    def other(self) -> Target:
        """Whose file stands in the place of this one, where they are swapped."""
        others = [each for each in TARGETS if each.file != self.target.file]
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return others[int(rng.integers(len(others)))]

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
                if path.is_file() and path.read_bytes() != before:
                    return
                reason = "the same bytes, or none"
            if path.is_dir():
                shutil.rmtree(path)
            path.write_bytes(before)
        raise RuntimeError(f"{self.name} ({self.target.name}) cannot be made: {reason}")

    def _damage(self, folder: Path, rng: mutate.Random) -> None:
        path, target = folder / self.target.file, self.target
        if self.kind == "swapped":
            shutil.copyfile(healthy(folder.parent, self.other) / self.other.file, path)
            return
        changes = {
            "cut": mutate.cut, "flipped": mutate.flip, "empty": mutate.empty,
            "wrong type": target.retype, "wrong shape": target.reshape,
            "foreign encoding": target.recode,
        }  # fmt: skip
        change = changes[self.kind]
        assert change is not None
        change(path, rng)


def cases() -> Iterator[Case]:
    """All cases."""
    for name in FORMATS:
        targets = [target for target in TARGETS if target.format == name]
        kinds = KINDS if targets[0].recode else KINDS[:-1]
        for kind in kinds:
            for number in range(A_KIND[len(kinds)]):
                yield Case(targets[number % len(targets)], kind, number)


def healthy(work: Path, target: Target) -> Path:
    """The folder of a target's healthy input."""
    return work / f"healthy-{TARGETS.index(target)}"


def make_healthy(work: Path, target: Target, reader: Worker) -> None:
    """Make a target's healthy input, where it is not there already."""
    folder = healthy(work, target)
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        told = reader.call("make", folder, TARGETS.index(target))
        assert told == {}, f"{target.name}: {told}"
        (folder / "made").write_text("", encoding="utf-8")


def run(work: Path, chosen: Sequence[Case] = ()) -> None:
    """Do what the record lacks: of ``chosen``, or of all cases, the first of every kind first."""
    record = Record(work / "damaged.jsonl")
    waiting = [case for case in chosen or cases() if case.name not in record]
    intact: dict[int, Figures] = {}
    reader = Worker(_act)
    for case in waiting:
        for target in (case.target, case.other) if case.kind == "swapped" else (case.target,):
            make_healthy(work, target, reader)
    for case in sorted(waiting, key=lambda case: case.number):
        number = TARGETS.index(case.target)
        if number not in intact:
            intact[number] = read_healthy(work, case.target, reader)
        started = time.monotonic()
        verdict, told = judge(work, case, intact[number], reader)
        seconds = round(time.monotonic() - started, 2)
        about = {"format": case.target.format, "kind": case.kind, "target": case.target.name}
        record.add(case.name, **about, verdict=verdict, told=told, seconds=seconds)
    reader.end()


def read_healthy(work: Path, target: Target, reader: Worker) -> Figures:
    """The figures of a healthy input."""
    found = reader.call("read", _copy(work, target, "healthy"), TARGETS.index(target))
    assert not isinstance(found, Told | Ended), f"{target.name}: healthy, but {found}"
    assert not _impossible(found), f"{target.name}: healthy, but {_impossible(found)}"
    return dict(found)


def judge(work: Path, case: Case, intact: Figures, reader: Worker) -> tuple[str, str]:
    """What came of one case, and what was told."""
    folder = _copy(work, case.target, zlib.crc32(case.name.encode()))
    file = folder / case.target.file
    case.damage(folder)
    stale = set(folder.rglob("*"))
    found = reader.call("read", folder, TARGETS.index(case.target))
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


def _act(what: str, folder: Path, target: int) -> Figures:
    if what == "make":
        TARGETS[target].make(folder)
        return {}
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
