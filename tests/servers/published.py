"""The publishers of the tables of stations, in one: the real files at the addresses they have."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager

from mmaq.acquire.ground.sources import published_tables
from mmaq.acquire.services.endpoints import SERVICES
from tests.servers.faulty import Answer, faulty


@contextmanager
def publishers(stations):
    """``stations``: the folder of real copies. ``held``: content by path."""
    held = {}
    for name, source in published_tables().items():
        path = stations / name
        if path.exists():
            content = path.read_bytes()
        else:  # the EEA's, which is kept zipped
            with zipfile.ZipFile(path.with_suffix(".zip")) as archive:
                content = archive.read(name)
        held[source.url.removeprefix(SERVICES[source.service].url)] = content

    def answer(asked):
        return Answer(body=held[asked.path]) if asked.path in held else None

    with faulty(answer=answer) as server:
        server.held = held
        yield server
