"""The part ``surroundings``: the chain under conditions of a user's machine (some need root).

Each case runs all verbs of the chain in a process of its own, and compares what they make, byte by
byte, with a run under plain conditions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.campaign import chain
from benchmarks.campaign.record import Record, counted, told_wrong

ROOT = Path(__file__).parents[2]
DAY = 86_400


@dataclass
class Surrounding:
    """Where and how the chain runs: set up by ``prepare``, which may change any of it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    prefix: list[str] = field(default_factory=list)
    inputs: str = "inputs"
    root: Path = ROOT
    prepare: Callable[[Surrounding], None] = lambda _: None

    def run(self) -> subprocess.CompletedProcess[str]:
        """All verbs, in one process."""
        return subprocess.run(
            [*self.prefix, sys.executable, "-m", "benchmarks.campaign.chain"], cwd=self.folder,
            env=self.whole_environment, capture_output=True, check=False, encoding="utf-8",
            errors="backslashreplace",
        )  # fmt: skip

    @property
    def whole_environment(self) -> dict[str, str]:
        """What the process finds in its environment."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        ours = {"PYTHONPATH": str(self.root), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
        return {**kept, **ours, **self.environment}


def _plain(folder: Path) -> Surrounding:
    return Surrounding(folder)


def _named(name: str) -> Callable[[Path], Surrounding]:
    return lambda folder: Surrounding(folder / name, inputs=f"in {name}")


def _with(**environment: str) -> Callable[[Path], Surrounding]:
    return lambda folder: Surrounding(folder, environment)


def _umask(folder: Path) -> Surrounding:
    return Surrounding(folder, prefix=["sh", "-c", 'umask 077; exec "$@"', "sh"])


def _read_only(folder: Path) -> Surrounding:
    """Checkout and home are read-only mounts, which root cannot write to either."""
    checkout, home = folder.parent / "checkout", folder.parent / "home"
    home.mkdir(exist_ok=True)
    if not checkout.exists():
        names = ("mmaq", "benchmarks", "tests", "config", "pyproject.toml")
        checkout.mkdir()
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, checkout / name)
        for cache in checkout.rglob("__pycache__"):
            shutil.rmtree(cache)
    script = " && ".join(
        f"mount --bind '{each}' '{each}' && mount -o remount,ro,bind '{each}'"
        for each in (checkout, home)
    )
    prefix = ["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh"]
    return Surrounding(folder, {"HOME": str(home)}, prefix, root=checkout)


def _without_git(folder: Path) -> Surrounding:
    """No program but those of the system's core, and no git among them."""
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "uname", "env", "cat"):
        found = shutil.which(name)
        if found and not (tools / name).exists():
            (tools / name).symlink_to(found)
    return Surrounding(folder, {"PATH": str(tools)})


def _other_proj(folder: Path) -> Surrounding:
    """Variables of another installation of PROJ and GDAL, whose data base is none."""
    other = folder.parent / "proj"
    other.mkdir(exist_ok=True)
    (other / "proj.db").write_bytes(b"SQLite format 3\0 of another version")
    names = ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")
    return Surrounding(folder, dict.fromkeys(names, str(other)))


def _tomorrow(folder: Path) -> Surrounding:
    """Every input was changed a day from now."""

    def prepare(given: Surrounding) -> None:
        ahead = time.time() + DAY
        for path in given.folder.rglob("*"):
            os.utime(path, (ahead, ahead))

    return Surrounding(folder, prepare=prepare)


def _links(folder: Path) -> Surrounding:
    """Every folder is a link to elsewhere, inputs and outputs alike."""

    def prepare(given: Surrounding) -> None:
        elsewhere = given.folder.parent / "elsewhere"
        for name in ("inputs/s2", "inputs/s5p", "inputs/maps", "inputs/stations"):
            target = elsewhere / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (given.folder / name).rename(target)
            (given.folder / name).symlink_to(target)
        for name in ("data", "results", "checkpoints", "logs"):
            (elsewhere / name).mkdir(parents=True)
            (given.folder / name).symlink_to(elsewhere / name)

    return Surrounding(folder, prepare=prepare)


CASES: dict[str, Callable[[Path], Surrounding]] = {
    "plain": _plain,
    "a path with a space": _named("My Data"),
    "a path with #": _named("a#b"),
    "a path with %": _named("50%20 %s %(a)s"),
    "a path with ü": _named("Zürich 東京"),
    "a path with ' and \"": _named("it's \"mine\""),
    "a path with [ and *": _named("a[1]*?{b}"),
    "umask 077": _umask,
    "locale C": _with(LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"),
    "locale POSIX, a path with ü": lambda folder: Surrounding(
        folder / "Zürich", {"LC_ALL": "POSIX", "LANG": ""}, inputs="Länder"),
    "locale Latin-1": _with(LC_ALL="de_DE.ISO-8859-1", LANG="de_DE.ISO-8859-1", PYTHONUTF8="0"),
    "file times a day ahead": _tomorrow,
    "links for every folder": _links,
    "no git": _without_git,
    "another PROJ installation": _other_proj,
    "a read-only checkout and home": _read_only,
    "no home": _with(HOME="/nonexistent"),
}  # fmt: skip


def run(work: Path) -> None:
    """Do what the record lacks."""
    record = Record(work / "surroundings.jsonl")
    plain = work / "plain" / "in"
    for name, make in CASES.items():
        if name in record:
            continue
        folder = (plain if name == "plain" else work / "case" / "in").resolve()
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.parent.mkdir(parents=True)
        given = make(folder)
        chain.make(given.folder, given.inputs)
        given.prepare(given)
        done = given.run()
        expected, found = chain.results(plain), chain.results(given.folder)
        lines = done.stderr.strip().splitlines() or [""]
        different = [each for each in expected | found if expected.get(each) != found.get(each)]
        if done.returncode:
            verdict, told = "wrong: it fails", "\n".join(lines[-5:])
        elif different:
            verdict, told = "wrong: other bytes", ", ".join(sorted(different)[:5])
        else:
            verdict, told = "the same bytes", ""
        record.add(name, verdict=verdict, told=told, surrounding=name)


def summary(work: Path) -> str:
    """A table of verdicts."""
    return counted(Record(work / "surroundings.jsonl"), "surrounding", ("the same bytes", "wrong"))


def wrong(work: Path) -> list[str]:
    """A line a case that came out wrong."""
    return told_wrong(Record(work / "surroundings.jsonl"))
