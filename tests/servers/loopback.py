"""A small HTTP server on a port of the system's choice: a function answers, requests are noted."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Request:
    """What a client asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Answer:
    """Bytes to answer with; ranges of a 200 are served as a web server does."""

    content: bytes = b""
    status: int = 200
    kind: str = "application/octet-stream"


@dataclass
class Loopback:
    """A running server: its address, and every request that came."""

    url: str
    requests: list[Request] = field(default_factory=list)

    def paths(self, method="GET"):
        return [request.path for request in self.requests if request.method == method]


def json_answer(value, status=200):
    return Answer(json.dumps(value).encode(), status, "application/json")


@contextmanager
def serving(answer: Callable[[Loopback, Request], Answer]) -> Iterator[Loopback]:
    """Serve on 127.0.0.1 while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
    server.daemon_threads = True
    server.running = Loopback(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(answer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self._reply()

        def do_POST(self):
            self._reply()

        def do_HEAD(self):
            self._reply()

        def _reply(self):
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Request(
                self.command, unquote(parts.path), dict(parse_qsl(parts.query)),
                dict(self.headers), body,
            )  # fmt: skip
            self.server.running.requests.append(asked)
            given = answer(self.server.running, asked)
            content, status, more = given.content, given.status, {}
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if span and status == 200:
                first, last = int(span[1]), int(span[2] or len(content) - 1)
                whole, content, status = len(content), content[first : last + 1], 206
                stop = first + len(content) - 1
                more["Content-Range"] = f"bytes {first}-{stop}/{whole}"
                if not content:
                    status, more = 416, {"Content-Range": f"bytes */{whole}"}
            self.send_response(status)
            self.send_header("Content-Type", given.kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{hash(given.content):x}"')
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *about):
            pass

    return Handler
