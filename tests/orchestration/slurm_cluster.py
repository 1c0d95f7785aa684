"""A SLURM cluster of one node with two GPUs that are none, on this machine, without accounting."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

ETC = Path("/etc/slurm")
MUNGE = Path("/run/munge/munge.socket.2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")

SLURM_CONF = """\
ClusterName=made_up
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
SwitchType=switch/none
ReturnToService=1
MinJobAge=3600
KillWait=5
SlurmdParameters=config_overrides
GresTypes=gpu
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=32000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""
"""No memory is enforced. ``cred_expire`` is how long a job waits that lost its node."""

GRES_CONF = """\
NodeName={host} Name=gpu File=/dev/null
NodeName={host} Name=gpu File=/dev/zero
"""


def missing() -> str:
    """Why no cluster can be started here; empty where one can."""
    absent = [name for name in PROGRAMS if not _program(name)]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "starting a SLURM cluster needs root"
    if (ETC / "slurm.conf").exists() and not _is_left_over(ETC / "slurm.conf"):
        return f"{ETC}/slurm.conf exists: this machine has a cluster of its own"
    return ""


class Cluster:
    """Starts on entering, with its configuration in /etc/slurm, where nested steps look for it."""

    def __init__(self, folder: Path):
        self.folder, self.host = folder, socket.gethostname().split(".")[0]
        self.processes: list[subprocess.Popen] = []

    def __enter__(self):
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "spool").mkdir()
        ETC.mkdir(exist_ok=True)
        for name, text in (("slurm.conf", SLURM_CONF), ("gres.conf", GRES_CONF)):
            (ETC / name).write_text(text.format(host=self.host, folder=self.folder))
        try:
            if not _listens(MUNGE):
                self._start_munge()
            self._start("slurmctld", "-D", "-c")
            self._start("slurmd", "-D", "-c")
            self.wait(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T", fails=True))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)

    def run(self, *command, fails=False):
        """What a program of SLURM says."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert fails or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def jobs(self, rule, state="running"):
        """Ids of the jobs of a rule."""
        listed = self.run("squeue", "-h", "-o", "%i|%k", "-t", state).splitlines()
        return [line.split("|")[0] for line in listed if f"rule_{rule}" in line]

    def wait(self, happened, seconds=120):
        """Wait until ``happened()`` is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := happened():
                return found
            time.sleep(0.2)
        log = (self.folder / "slurmctld.log").read_text()[-3000:]
        raise TimeoutError(f"{self.run('squeue', '--all', fails=True)}\n{log}")

    def _start_munge(self):
        run = MUNGE.parent
        run.mkdir(exist_ok=True)
        shutil.chown(run, "munge", "munge")
        run.chmod(0o755)
        as_munge = ["setpriv", "--reuid=munge", "--regid=munge", "--init-groups"]
        # A killed one leaves its socket, over which another starts by force alone.
        self._start(*as_munge, _program("munged"), "--foreground", "--force")
        self.wait(lambda: _listens(MUNGE), 20)

    def _start(self, program, *arguments):
        with open(self.folder / f"{program}.out", "w") as out:
            command = [_program(program), *arguments]
            self.processes.append(subprocess.Popen(command, stdout=out, stderr=out))


def _is_left_over(conf: Path) -> bool:
    """Whether it is of tests that were killed, and their cluster is gone."""
    of = dict(line.split("=", 1) for line in conf.read_text().splitlines() if "=" in line)
    process = Path(of.get("SlurmctldPidFile", ""))
    runs = process.is_file() and psutil.pid_exists(int(process.read_text()))
    return of.get("ClusterName") == "made_up" and not runs


def _listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _program(name):
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
