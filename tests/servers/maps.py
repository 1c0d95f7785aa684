"""A static server of map files: a folder's files by their paths, 404 for the rest."""

from __future__ import annotations

from contextlib import contextmanager

from tests.servers.loopback import Answer, serving


@contextmanager
def file_service(folder):
    def answer(server, request):
        path = folder / request.path.lstrip("/")
        return Answer(path.read_bytes()) if path.is_file() else Answer(b"no such key", 404)

    with serving(answer) as server:
        yield server
