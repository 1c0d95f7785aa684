"""The verb ``mmaq acquire`` as a user runs it: a process in a work folder, with an account."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmaq.cli import main
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
        """Run it to its end."""
        command = self._command(*arguments)
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip

    def kill_when(self, ready: Callable[[], bool], later: float, *arguments: str) -> bool:
        """Run it and kill -9 ``later`` seconds after ``ready``; False when it ended by itself."""
        with open(self.folder / "killed.log", "a") as log:
            process = subprocess.Popen(
                self._command(*arguments), cwd=self.folder, env=self.environment,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        while process.poll() is None and not ready():
            time.sleep(0.002)
        time.sleep(later)
        running = process.poll() is None
        if running:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.killed = process.pid
        return running

    def call(self, patch: pytest.MonkeyPatch, *arguments: str) -> int:
        """Run it to its end in this process, which a test may have prepared; its exit status."""
        with patch.context() as here:
            here.chdir(self.folder)
            for name in os.environ:
                here.delenv(name)
            for name, value in self.environment.items():
                here.setenv(name, value)
            here.setattr(sys, "argv", ["mmaq", "acquire", *arguments, "--config", "mine.yaml"])
            with pytest.raises(SystemExit) as ended:
                main()
        return ended.value.code or 0

    def files(self) -> dict[str, bytes]:
        """Every file of the archive with its bytes."""
        root = self.data / "archive"
        found = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    def _command(self, *arguments: str) -> list[str]:
        # What the entry point `mmaq` does.
        verb = ["acquire", *arguments, "--config", "mine.yaml"]
        return [sys.executable, "-c", "from mmaq.cli import main; main()", *verb]
