"""A server that fails as it is told, and a client of it."""

from __future__ import annotations

import pytest

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from tests.servers.faulty import faulty


@pytest.fixture
def files(tmp_path):
    """The folder that servers serve."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def server(files):
    """A server that fails as it is told."""
    with faulty(files) as served:
        yield served


@pytest.fixture
def client(server):
    """A client of a service without credentials, at that server."""
    with Client(service("earth-search", {"earth-search": server.url}), patience=1.0) as speaking:
        yield speaking
