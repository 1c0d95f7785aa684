"""The part ``kills``: the workflow, and `dvc repro`, ended at any moment and given again.

Kill number n comes after a share of the processor time that a run takes, which other work on the
machine does not change, by -9 and -TERM in turn, to Snakemake's whole group of processes or to
`mmaq run` alone. The same command is given until it ends by itself; then all that is promised to
the byte is compared with a run that nobody stopped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.campaign.chain import results
from benchmarks.campaign.record import Record, counted, told_wrong

WORKFLOW, DVC = 20, 10
"""Kills of the workflow and of `dvc repro`."""

STRIDE = 7
"""Kills are not done in the order of their moments, so that a part that is cut short has all."""

PATIENCE = 3600.0
"""Seconds that a run may take."""

BEFORE = "ended before"
"""The verdict on a run that was not killed."""

LOOK = 0.05
"""Seconds between two looks at what a run has spent."""


def run(work: Path, workflow: int = WORKFLOW, dvc: int = DVC) -> None:
    """Do what the record lacks."""
    record = Record(work / "kills.jsonl")
    for kind, number in (("workflow", workflow), ("dvc repro", dvc)):
        if all(f"{kind} {index}" in record for index in range(number)):
            continue
        whole = work / f"{kind.split()[0]}-whole"
        seconds = _whole(whole, kind)
        for index in (STRIDE * each % number for each in range(number)):
            name = f"{kind} {index}"
            if name not in record:
                late = (index + 0.5) / number * seconds
                verdict, told = judge(work, whole, kind, index, late)
                while verdict == BEFORE:  # the last kills: runs differ by some percent
                    late *= 0.95
                    verdict, told = judge(work, whole, kind, index, late)
                record.add(name, kind=kind, verdict=verdict, told=told, after=round(late, 1))


def judge(work: Path, whole: Path, kind: str, index: int, late: float) -> tuple[str, str]:
    """What came of one kill."""
    folder = work / "case" / "project"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.parent.mkdir(parents=True)
    project = _copied(folder, kind)
    number = (signal.SIGKILL, signal.SIGTERM)[index % 2]
    alone = index % 4 >= 2  # the first process alone, not its group
    with open(folder.parent / "killed.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(_command(kind), cwd=folder, env=project.environment,
                                   stdout=log, stderr=log, start_new_session=True)  # fmt: skip
    while _spent(process) < late:
        if process.poll() is not None:
            return BEFORE, ""
        time.sleep(LOOK)
    (os.kill if alone else os.killpg)(process.pid, number)
    status = process.wait(PATIENCE)
    if status == 0:
        return "wrong: a stopped run ends with status 0", (folder.parent / "killed.log").read_text(
            encoding="utf-8"
        )
    until = time.monotonic() + PATIENCE
    while True:
        again = subprocess.run(_command(kind), cwd=folder, env=project.environment, check=False,
                               capture_output=True, encoding="utf-8")  # fmt: skip
        refused = "is running here" in again.stderr or "Unable to acquire lock" in again.stderr
        if again.returncode == 0 or not refused or time.monotonic() > until:
            break
        time.sleep(1.0)  # the killed run's jobs, of which another process is in charge, still end
    if again.returncode:
        return "wrong: it does not go on", again.stderr[-2000:]
    expected, found = results(whole), results(folder)
    different = [each for each in expected | found if expected.get(each) != found.get(each)]
    different = [each for each in different if not _has_times(each)]
    if different:
        return "wrong: other bytes afterwards", ", ".join(sorted(different)[:5])
    left = [str(path.relative_to(folder)) for path in folder.rglob("*.part*")]
    return ("wrong: something is left over", left[0]) if left else ("the same bytes", "")


def _has_times(path: str) -> bool:
    """The report's figure of what each job took."""
    return Path(path).stem == "times"


def _copied(folder: Path, kind: str):  # noqa: ANN202, a helper of the tests
    from tests.orchestration.project import CONFIG, Project

    project = Project.copied(folder)
    if kind != "workflow":
        project.mmaq("dvc", "write", "--config", CONFIG)
        project.git("init", "--quiet")
        project.git("add", "--all")
        project.git("commit", "--quiet", "--message", "The project")
    return project


def _command(kind: str) -> list[str]:
    from tests.orchestration.project import CONFIG, TARGETS

    if kind != "workflow":
        return ["dvc", "repro"]
    return [sys.executable, "-m", "mmaq", "run", "--cores", "all", *TARGETS, "--configfile", CONFIG]


def _whole(folder: Path, kind: str) -> float:
    """A run that nobody stops; the seconds of a processor that it takes."""
    clock = folder / "seconds.txt"
    if not clock.exists():
        shutil.rmtree(folder, ignore_errors=True)
        project, seconds = _copied(folder, kind), 0.0
        with open(folder.parent / f"{folder.name}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(_command(kind), cwd=folder, env=project.environment,
                                       stdout=log, stderr=log)  # fmt: skip
        while process.poll() is None:
            seconds = max(seconds, _spent(process))
            time.sleep(LOOK)
        if process.returncode:
            raise RuntimeError(f"{log.name}: a run that nobody stopped ends with an error")
        clock.write_text(f"{seconds}", encoding="utf-8")
    return float(clock.read_text(encoding="utf-8"))


def _spent(process: subprocess.Popen[bytes]) -> float:
    """Seconds of a processor that it and its children have taken, those that ended among them."""
    total = 0.0
    try:
        first = psutil.Process(process.pid)
        for each in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(each.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0
    return total


def summary(work: Path) -> str:
    """A table of verdicts."""
    verdicts = ("the same bytes", "wrong")
    return counted(Record(work / "kills.jsonl"), "kind", verdicts)


def wrong(work: Path) -> list[str]:
    """A line a kill that came out wrong."""
    return told_wrong(Record(work / "kills.jsonl"))
