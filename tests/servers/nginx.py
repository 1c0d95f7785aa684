"""A real nginx on loopback, for a folder of files; skipped by name where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CONFIGURATION = """
daemon off; master_process off; pid {state}/pid; error_log {state}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; default_type application/octet-stream; sendfile on;
  client_body_temp_path {state}/b; proxy_temp_path {state}/p; fastcgi_temp_path {state}/f;
  uwsgi_temp_path {state}/u; scgi_temp_path {state}/s;
  log_format bytes '$status $body_bytes_sent "$http_range" $uri';
  server {{
    listen 127.0.0.1:{port}; root {folder}; limit_rate {rate}; access_log {state}/access.log bytes;
  }}
}}
"""


class Nginx:
    """``url`` is its address; ``log`` its lines: status, bytes of the body, range, path."""

    def __init__(self, url: str, state: Path) -> None:
        self.url, self._log = url, state / "access.log"

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def sent(self) -> int:
        """Bytes of bodies that were sent."""
        return sum(int(line.split()[1]) for line in self.log)


def nginx_program() -> str | None:
    """Where nginx is installed, if it is."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextmanager
def nginx(folder: Path, state: Path, rate: str = "0") -> Iterator[Nginx]:
    """Serve ``folder``; ``state`` is an empty folder for its own files, ``rate`` as limit_rate."""
    program = nginx_program()
    if program is None:
        pytest.skip("nginx is not installed")
    state.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = CONFIGURATION.format(state=state, folder=folder, port=port, rate=rate)
    if os.geteuid() == 0:
        text = "user root;\n" + text
    (state / "nginx.conf").write_text(text)
    command = [program, "-c", str(state / "nginx.conf"), "-p", str(state)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield Nginx(f"http://127.0.0.1:{port}", state)
    finally:
        process.terminate()
        process.wait(60)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nginx does not listen")
