"""Snakemake and its jobs in processes of their own, forked from one that has imported libraries.

To import PyTorch and what reads satellites takes each job some seconds. Jobs of a cluster and of
DVC start Python as a user's do (``tests/orchestration``), and so do all in ``make demo``.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context, set_start_method
from pathlib import Path

PROCESSES = get_context("forkserver")


def import_beforehand() -> None:
    """Let all processes be forked from one that has imported what takes each of them seconds.

    A process has one such server, which the tests of the campaign use, too: whoever names modules
    last names those of all.
    """
    PROCESSES.set_forkserver_preload(["snakemake.cli", "benchmarks.campaign.targets"])


def run_snakemake(
    arguments: Sequence[str | Path], project: Path, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What ``python -m snakemake ARGUMENTS`` does and says in ``folder``.

    ``project`` has the package that the Snakefile takes.
    """
    words = list(map(str, arguments))
    with tempfile.TemporaryDirectory() as said:
        files = Path(said, "out"), Path(said, "err")
        given = words, str(project), str(folder), dict(environment), list(map(str, files))
        process = PROCESSES.Process(target=_work, args=given)
        process.start()
        process.join()
        told = [file.read_text(encoding="utf-8") for file in files]
    return subprocess.CompletedProcess(words, process.exitcode or 0, *told)


def _work(
    arguments: list[str], project: str, folder: str, environment: dict[str, str], said: list[str]
) -> None:
    _begin(project, folder, environment, said)
    sys.argv = ["snakemake", *arguments]
    from snakemake.cli import main
    from snakemake.script import PythonScript

    def execute_script(script: PythonScript, file: str, edit: bool = False) -> None:
        """Fork what ``python FILE`` would do, with the variables that Snakemake sets."""
        from snakemake.benchmark import BenchmarkRecord, benchmarked

        ours = {**os.environ, "TMPDIR": script.resources.tmpdir,
                "OMP_NUM_THREADS": str(script.threads)}  # fmt: skip
        job = PROCESSES.Process(target=_job, args=(file, project, os.getcwd(), ours, said))
        job.start()
        with benchmarked(job.pid, script.bench_record or BenchmarkRecord()):
            job.join()
        if job.exitcode:
            raise subprocess.CalledProcessError(job.exitcode, [sys.executable, file])

    PythonScript.execute_script = execute_script
    main()


def _job(
    file: str, project: str, folder: str, environment: dict[str, str], said: list[str]
) -> None:
    _begin(project, folder, environment, said)
    sys.argv = [file]
    runpy.run_path(file, run_name="__main__")


def _begin(project: str, folder: str, environment: dict[str, str], said: list[str]) -> None:
    """Become a process of ``project`` in ``folder`` that writes to the files ``said``."""
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    set_start_method(None, force=True)  # a job's own processes start as they do by default
    # The server has the package of this project, and ``project`` may be a copy with another.
    for name in [name for name in sys.modules if name.partition(".")[0] == "mmaq"]:
        del sys.modules[name]
    sys.path.insert(0, project)
