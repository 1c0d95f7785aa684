"""The verb ``mmaq acquire`` as a user runs it: a process in a work folder, with an account."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmaq.cli import main
from tests.acquire.stopped import ended, forked, kill
from tests.servers.data_space import PASSWORD, USER

ROOT = Path(__file__).parents[2]
ACCOUNT = {"CDSE_USERNAME": USER, "CDSE_PASSWORD": PASSWORD}


class Verb:
    """``mmaq acquire`` in ``folder``, for one configuration; ``account`` are its variables."""

    def __init__(self, folder: Path, settings: dict[str, Any], account=ACCOUNT) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name, self._account = folder, settings["name"], dict(account)
        self.killed = 0  # process
        (folder / "mine.yaml").write_text(yaml.safe_dump(settings))

    @property
    def data(self) -> Path:
        return self.folder / "data" / self.name

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process: a home of its own, and no account but the one given."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
        home = {"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")}
        return {**kept, **home, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **self._account}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end in a process of its own."""
        out, err = self.folder / "out.log", self.folder / "err.log"
        child = self._start(arguments, out, err)
        while (status := ended(child)) is None:
            time.sleep(0.01)
        told = [path.read_text(encoding="utf-8") for path in (out, err)]
        for path in (out, err):
            path.unlink()
        return subprocess.CompletedProcess(arguments, status, *told)

    def kill_when(self, ready: Callable[[], bool], later: float, *arguments: str) -> bool:
        """Run it and kill -9 ``later`` seconds after ``ready``; False when it ended by itself."""
        log = self.folder / "killed.log"
        self.killed = self._start(arguments, log, log)
        while not ready():
            if ended(self.killed) is not None:
                return False
            time.sleep(0.002)
        time.sleep(later)
        if ended(self.killed) is not None:
            return False
        kill(self.killed)
        return True

    def _start(self, arguments: Sequence[str], out: Path, err: Path) -> int:
        def work() -> None:
            os.chdir(self.folder)
            for name, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), name)
            sys.stdout, sys.stderr = (open(name, "w", encoding="utf-8") for name in (1, 2))  # noqa: SIM115
            os.environ.clear()
            os.environ.update(self.environment)
            sys.argv = self._command(arguments)
            try:
                main()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()

        return forked(work)

    def call(self, patch: pytest.MonkeyPatch, *arguments: str) -> int:
        """Run it to its end in this process, which a test may have prepared; its exit status."""
        with patch.context() as here:
            here.chdir(self.folder)
            for name in os.environ:
                here.delenv(name)
            for name, value in self.environment.items():
                here.setenv(name, value)
            here.setattr(sys, "argv", self._command(arguments))
            with pytest.raises(SystemExit) as ended:
                main()
        return ended.value.code or 0

    def files(self) -> dict[str, bytes]:
        """Every file of the archive with its bytes."""
        root = self.data / "archive"
        found = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return ["mmaq", "acquire", *arguments, "--config", "mine.yaml"]
