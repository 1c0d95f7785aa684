"""A server of a folder's files on loopback that fails as it is told, and keeps a log.

    with faulty(folder) as server:
        server.script("/a.nc", Status(429, {"Retry-After": "2"}), Cut(1000))  # then it is well
        ...
        assert server.sent("/a.nc") == 5000

Other servers build on it: ``answer`` is asked first and may answer anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import socket
import ssl
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Status:
    """Answer this status instead, with these headers."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Cut:
    """Close the connection after so many bytes of a body whose length header is right."""

    after: int


@dataclass(frozen=True)
class Reset:
    """Reset the connection (RST) after so many bytes of the body; -1: before the head."""

    after: int = -1


@dataclass(frozen=True)
class Wrong:
    """The right number of bytes, of which the one at this position of the body is another."""

    at: int = 0


@dataclass(frozen=True)
class Slow:
    """Wait so long (s) before every ``every`` bytes of the body."""

    pause: float
    every: int = 65536


class Gate:
    """Lets so many pieces of bodies pass, and holds what comes after them back."""

    def __init__(self) -> None:
        self._left, self._changed = 0, threading.Condition()

    def let(self, pieces: int) -> None:
        """So many more, whatever is left of those before."""
        with self._changed:
            self._left = pieces
            self._changed.notify_all()

    def is_shut(self) -> bool:
        """Whether all have passed."""
        return self._left == 0

    def pass_one(self) -> None:
        """Wait for leave."""
        with self._changed:
            self._changed.wait_for(lambda: self._left > 0)
            self._left -= 1


@dataclass(frozen=True)
class Held:
    """Send every ``every`` bytes of the body through a gate, however long that takes."""

    gate: Gate
    every: int = 65536


@dataclass(frozen=True)
class Stall:
    """Send so many bytes of the body, then nothing for ``seconds``, then close."""

    after: int
    seconds: float


@dataclass(frozen=True)
class NoRanges:
    """Send the whole file, whatever range was asked for."""


Fault = Status | Cut | Reset | Wrong | Slow | Held | Stall | NoRanges


@dataclass
class Asked:
    """A request as it came, and what was sent for it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    status: int = 0
    sent: int = 0

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass
class Answer:
    """What to send: bytes, or a file (with ranges)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class FaultyServer:
    """``url``: its address; ``log``: all requests, in order; ``open_at_once``: most at a time."""

    def __init__(self, folder: Path, answer: Callable[[Asked], Answer | None] | None) -> None:
        self.folder, self.answer = folder, answer
        self.log: list[Asked] = []
        self.always: dict[str, Fault] = {}
        self.open_at_once = 0
        self._open: set[int] = set()
        self._scripts: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()
        self.url = ""

    def script(self, path: str, *faults: Fault) -> None:
        """The next requests of ``path`` meet these faults, one each."""
        self._scripts.setdefault(path, []).extend(faults)

    def pending(self, path: str) -> int:
        """How many scripted faults the path has still to meet."""
        return len(self._scripts.get(path, ()))

    def forget(self) -> None:
        """No faults from now on."""
        self.always.clear()
        self._scripts.clear()

    def next_fault(self, path: str) -> Fault | None:
        with self._lock:
            script = self._scripts.get(path)
            return script.pop(0) if script else self.always.get(path)

    def asked(self, path: str | None = None) -> list[Asked]:
        return [asked for asked in self.log if path in (None, asked.path)]

    def paths(self) -> list[str]:
        """What was asked for by GET, in order."""
        return [asked.path for asked in self.log if asked.method == "GET"]

    def sent(self, path: str | None = None) -> int:
        """Bytes of bodies that were sent."""
        return sum(asked.sent for asked in self.asked(path))

    def begun(self, asked: Asked) -> None:
        """A request came in."""
        with self._lock:
            self.log.append(asked)
            self._open.add(id(asked))
            self.open_at_once = max(self.open_at_once, len(self._open))

    def ended(self, asked: Asked) -> None:
        """No more of its answer is held back.

        Said before the last bytes go: the client may ask again as soon as it has them, and before
        this thread runs on.
        """
        with self._lock:
            self._open.discard(id(asked))


@contextmanager
def faulty(
    folder: Path = Path("/nowhere"),
    answer: Callable[[Asked], Answer | None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[FaultyServer]:
    """Serve ``folder`` on a port the system chooses; ``answer`` is asked before the files."""
    server = FaultyServer(folder, answer)
    listening = _Listening(("127.0.0.1", 0), _Handler)
    listening.faulty = server
    server.url = f"http://127.0.0.1:{listening.server_address[1]}"
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        server.url = f"https://localhost:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    faulty: FaultyServer

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no news here."""


class _Gone(Exception):
    """The connection was ended on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listening

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        faulty = self.server.faulty
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, unquote(parts.path), parse_qs(parts.query), headers, body)
        faulty.begun(asked)
        try:
            self._respond(faulty, asked)
        except (_Gone, ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            faulty.ended(asked)

    do_GET = do_POST = do_HEAD = do_PUT = _serve

    def _respond(self, faulty: FaultyServer, asked: Asked) -> None:
        fault = faulty.next_fault(asked.path)
        if isinstance(fault, Reset) and fault.after < 0:
            self._reset()
        if isinstance(fault, Status):
            answer = Answer(fault.status, fault.body, fault.headers)
        else:
            answer = (faulty.answer(asked) if faulty.answer else None) or _of_folder(faulty, asked)
        if answer.file is not None:
            answer = _ranged(answer, asked, isinstance(fault, NoRanges))
        asked.status = answer.status
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if asked.method == "HEAD" or not answer.body:
            faulty.ended(asked)
        self.end_headers()
        if asked.method != "HEAD":
            self._send(asked, answer.body, fault)

    def _send(self, asked: Asked, body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Wrong):
            body = body[: fault.at] + bytes([body[fault.at] ^ 255]) + body[fault.at + 1 :]
        stop = fault.after if isinstance(fault, Cut | Reset | Stall) else len(body)
        step = fault.every if isinstance(fault, Slow | Held) else 65536
        for begin in range(0, min(stop, len(body)), step):
            if isinstance(fault, Slow):
                time.sleep(fault.pause)
            if isinstance(fault, Held):
                fault.gate.pass_one()
            piece = body[begin : min(begin + step, stop)]
            if begin + step >= min(stop, len(body)):
                self.server.faulty.ended(asked)
            self.wfile.write(piece)
            asked.sent += len(piece)
        self.wfile.flush()
        if isinstance(fault, Stall):
            time.sleep(fault.seconds)
        if isinstance(fault, Reset):
            self._reset()
        if isinstance(fault, Cut | Stall):
            raise _Gone

    def _reset(self) -> None:
        # What was sent before must arrive: a reset drops what the client has no room for as yet.
        until = time.monotonic() + 30
        while self._unsent() and time.monotonic() < until:
            time.sleep(0.005)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        raise _Gone

    def _unsent(self) -> int:
        """Bytes that the client's machine has not taken."""
        return int.from_bytes(
            fcntl.ioctl(self.connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder
        )


def _of_folder(faulty: FaultyServer, asked: Asked) -> Answer:
    path = faulty.folder / asked.path.lstrip("/")
    return Answer(file=path) if path.is_file() else Answer(404, b"no such file")


def _ranged(answer: Answer, asked: Asked, whole: bool) -> Answer:
    """The file, or the range of it that was asked for, with a strong ETag of its bytes."""
    assert answer.file is not None
    content = answer.file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", **answer.headers}
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.range or "")
    if not found or whole or asked.headers.get("if-range", tag) != tag:
        return Answer(answer.status, content, headers)
    begin, end = int(found[1]), int(found[2] or len(content) - 1) + 1
    if begin >= len(content):
        return Answer(416, b"", {**headers, "Content-Range": f"bytes */{len(content)}"})
    end = min(end, len(content))
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
    return Answer(206, content[begin:end], headers)
