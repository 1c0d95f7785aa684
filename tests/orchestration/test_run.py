"""`mmaq run`: one run in a folder, and the same command again goes on after a kill."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from mmaq.base.errors import ConfigError
from mmaq.base.files import read_json, write_json
from mmaq.orchestrate.holder import HeldFolder, Holder
from mmaq.orchestrate.interpreter import check_interpreter
from mmaq.orchestrate.run import _hear_interrupts, run_snakemake

ROOT = Path(__file__).parents[2]
PATIENCE = 400
"""Seconds after which what a test waits for does not come: many, as the machine may be busy."""
SNAKEFILE = """
rule all:
    input: "a.txt"
rule slow:
    output: "a.txt"
    script: "slow.py"
"""
SCRIPT = """
import os, time
from pathlib import Path
from mmaq.base.files import replacing
from mmaq.base.logs import one_line_errors, start_logging
start_logging()
with one_line_errors(), replacing(snakemake.output[0]) as part:
    Path("begun.txt").write_text(str(os.getpid()))
    time.sleep(float(os.environ["SLOW"]))
    part.write_text("done")
"""


class Project:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "slow.py").write_text(SCRIPT)

    def start(self, slow=300.0):
        return subprocess.Popen(
            [sys.executable, "-m", "mmaq", "run", "--cores", "1", "--profile", "none", "--", "all"],
            cwd=self.folder, stderr=subprocess.PIPE, encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT), "SLOW": str(slow)},
        )  # fmt: skip

    def begin(self):
        """A run whose job has begun, Snakemake's process, and the job's."""
        run = self.start()
        begun = self.folder / "begun.txt"
        until = time.monotonic() + PATIENCE
        while not (begun.exists() and begun.read_text()) and time.monotonic() < until:
            time.sleep(0.1)
        job = psutil.Process(int(begun.read_text()))
        begun.unlink()
        holder = read_json(self.folder / ".snakemake/holder.json", ConfigError, "")
        return run, psutil.Process(holder["process"]), job


def has_ended(job):
    """Whether a process runs no more; who has taken it over may not have noticed it yet."""
    try:
        return job.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.mark.slow
def test_the_same_command_goes_on_after_a_kill_and_ends_what_the_killed_run_left(project):
    run, snakemake, job = project.begin()
    for process in (run, snakemake):
        process.kill()
        process.wait(PATIENCE)
    assert job.is_running()
    again = project.start(slow=0)
    _, told = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, told
    assert "its last run was killed; jobs ended: " in told
    assert (project.folder / "a.txt").read_text() == "done"
    assert has_ended(job)
    assert not (project.folder / ".snakemake/holder.json").exists()


@pytest.mark.slow
def test_a_killed_snakemake_is_told_and_its_jobs_end(project):
    run, snakemake, job = project.begin()
    snakemake.kill()
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1
    assert "Snakemake was ended by SIGKILL. Give the same command again." in told
    assert has_ended(job)


@pytest.mark.slow
def test_a_second_run_is_refused_and_a_stopped_one_leaves_nothing_half_done(project):
    run, snakemake, job = project.begin()
    second = project.start()
    _, told = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    (line,) = told.splitlines()
    assert f"process {snakemake.pid} of " in line
    assert f"is running here. Wait until it ends, or stop it: kill {run.pid}." in line
    run.terminate()
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 128 + signal.SIGTERM
    assert "stopped: SIGTERM ended this command" in told.splitlines()[-1]
    assert has_ended(job)
    assert not HeldFolder(project.folder).is_locked
    assert {path.name for path in project.folder.iterdir()} == {
        "Snakefile", "slow.py", ".snakemake"
    }  # fmt: skip


@pytest.fixture
def locked(tmp_path):
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text("a.txt\n")
    return HeldFolder(tmp_path)


def hold(folder, holder):
    write_json(folder.folder / ".snakemake" / "holder.json", asdict(holder))


def test_a_lock_that_nobody_explains_is_not_broken(locked):
    with pytest.raises(ConfigError, match="it is locked by a run that `mmaq run` did not start"):
        locked.refuse_second()


def test_a_process_that_has_another_s_number_does_not_hold_the_folder(locked):
    mine = Holder.of(os.getpid())
    hold(locked, mine)
    with pytest.raises(ConfigError, match=f"process {os.getpid()} of .*, is running here"):
        locked.refuse_second()
    hold(locked, replace(mine, started=mine.started - 60))
    locked.refuse_second()


def test_a_holder_on_another_host_is_not_judged(locked):
    dead = Holder("node-17", 2**22 + 1, 1.7e9, 1)
    hold(locked, dead)
    with pytest.raises(ConfigError, match=r"locked by process \d+ of node-17, .*--unlock"):
        locked.refuse_second()
    (locked.folder / ".snakemake" / "locks" / "0.output.lock").unlink()
    locked.refuse_second()


def test_a_snakemake_by_itself_counts_as_a_run(locked):
    hold(locked, Holder.of(os.getpid()))
    hold(locked, replace(Holder.of(os.getpid()), started=0.0))
    code = "import time; time.sleep(300)"
    (locked.folder / "snakemake").write_text(code)
    with subprocess.Popen([sys.executable, "snakemake"], cwd=locked.folder) as other:
        try:
            with pytest.raises(ConfigError, match=f"another Snakemake, process {other.pid}, is"):
                locked.refuse_second()
        finally:
            other.kill()


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="names alone are known here")
def test_a_snakemake_in_a_folder_of_the_same_name_that_was_removed_does_not_count(tmp_path):
    gone = Project(tmp_path / "mine")
    code = "import time; print('begun', flush=True); time.sleep(300)"
    (gone.folder / "snakemake").write_text(code)
    command = [sys.executable, "snakemake"]
    with subprocess.Popen(command, cwd=gone.folder, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline() == b"begun\n"
            shutil.rmtree(gone.folder)
            locked = Project(tmp_path / "mine")
            assert [each.pid for each in HeldFolder(locked.folder)._processes()] == []
            assert psutil.Process(other.pid).cwd() == str(locked.folder)
        finally:
            other.kill()


@pytest.mark.parametrize("path", ["/My Data/.venv/bin/python", "/it's/python", "/a(1)/python"])
def test_a_python_that_snakemake_cannot_start_is_refused(path):
    with pytest.raises(ConfigError, match="Snakemake cannot start a Python whose path holds"):
        check_interpreter(path)


@pytest.mark.parametrize("folder", ["My Data", "it's", "a(1)", "a&b", "a$b"])
def test_make_refuses_such_a_folder_before_it_installs_anything(tmp_path, folder):
    project = tmp_path / folder
    project.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (project / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        ["make", "benchmark", "PYTHON=false"], cwd=project, capture_output=True, check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode != 0
    assert f"mmaq cannot run in {project}: Snakemake writes this path" in done.stdout
    assert not (project / ".venv").exists()


def test_make_takes_an_umlaut(tmp_path):
    project = tmp_path / "Köln_1.2"
    project.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (project / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        ["make", "benchmark", "PYTHON=false"], cwd=project, capture_output=True, check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert "mmaq needs Python 3.11" in done.stdout


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("period: {start: 2021-13-01}\n", r"period\.start: "),
        ("name: a\nname: b\n", "name stands twice, in lines 1 and 2"),
        ("name: 2021-13-01\n", "no date where one stands"),
    ],
)
def test_a_bad_configuration_file_is_one_line_before_anything_starts(tmp_path, text, fault):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=fault) as caught:
        run_snakemake(["--cores", "1", "--configfile", str(path), "-d", str(tmp_path)])
    assert caught.value.where == str(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_snakemake_that_cannot_be_held_is_stopped(tmp_path, monkeypatch):
    begun = []

    def start(_):
        code = [sys.executable, "-c", "import time; time.sleep(300)"]
        begun.append(subprocess.Popen(code, preexec_fn=_hear_interrupts))
        return begun[-1]

    def take(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "holder.json")

    monkeypatch.setattr("mmaq.orchestrate.run._start", start)
    monkeypatch.setattr(HeldFolder, "take", take)
    with pytest.raises(OSError, match="No space left"):
        run_snakemake(["-d", str(tmp_path)])
    assert begun[0].returncode is not None


def test_without_snakemake_the_extra_that_brings_it_is_named(monkeypatch):
    monkeypatch.setattr("mmaq.orchestrate.run.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'mmaq\[workflow\]'"):
        run_snakemake([])
