"""`mmaq doctor`: what it tells, what it never shows, and that it needs little itself."""

from __future__ import annotations

import socket
import sys
import tomllib
from importlib import metadata

import pytest
from typer.testing import CliRunner

from mmaq.cli import app, doctor

SECRETS = {"CDSE_USERNAME": "somebody", "CDSE_PASSWORD": "open-sesame", "OPENAQ_API_KEY": "k-1-2"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Nobody's home, no network, and no torch, which takes seconds to import."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (*SECRETS, "NETRC", "AWS_SHARED_CREDENTIALS_FILE", "CDSE_S3_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    monkeypatch.setattr(doctor, "_gpu", lambda: "none")
    return tmp_path


@pytest.fixture
def required(monkeypatch):
    """Let MMAQ require what is given here."""

    def require(*lines):
        monkeypatch.setattr(metadata, "requires", lambda _: list(lines))

    return require


def ask():
    return CliRunner().invoke(app, ["doctor"])


def test_packages_extras_and_rows_are_told(machine, required):
    required("numpy>=2", 'pytest>=8; extra == "dev"', 'no-such>=1; extra == "tracking"')
    done = ask()
    assert done.exit_code == 0, done.output
    assert f"numpy {metadata.version('numpy')}" in done.output
    assert "dev (make test, make check): installed" in done.output
    assert "Weights & Biases): lacks no-such" in done.output
    assert "all are enabled" in done.output


def test_credentials_are_found_and_never_shown(machine, required, monkeypatch):
    required()
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (machine / ".netrc").write_text("machine\nopen sesame\n")
    told = ask().output
    assert "a free account of the Copernicus Data Space" in told
    assert told.count(": there") == 2
    assert f"not readable: {machine}/.netrc" in told
    assert not [value for value in SECRETS.values() if value in told]


def test_what_lacks_or_is_too_old_is_a_fault_and_says_which_rows_it_costs(
    machine, required, monkeypatch
):
    required("no-such>=1", "numpy>=99", 'h5py>=3; extra == "data"')
    monkeypatch.setattr(doctor, "ROOMS", {"sentinel5p": "grid"})

    def cannot(name):
        raise OSError("libgomp.so.1: no such file")

    monkeypatch.setattr(doctor, "import_module", cannot)
    looked = doctor.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "h5py" else looked(name))
    done = ask()
    assert done.exit_code == 1
    assert "FAULT: no-such: it is not installed, >=1 is required" in done.output
    assert f"FAULT: numpy: {metadata.version('numpy')} is installed, >=99" in done.output
    assert "grid: lacks h5py. Give: pip install 'mmaq[data]'" in done.output
    assert "FAULT: lightgbm: it cannot be loaded (libgomp.so.1" in done.output


def test_it_works_without_torch_and_without_the_libraries_of_the_services(monkeypatch):
    for name in ("torch", "botocore", "botocore.auth"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "mmaq.acquire.services.auth", raising=False)
    done = ask()
    assert "GPU: cannot be told without torch" in done.output
    assert "cannot be looked for: import of botocore" in done.output


def test_every_room_and_every_extra_is_known(request):
    project = tomllib.loads((request.config.rootpath / "pyproject.toml").read_text())["project"]
    assert set(doctor.EXTRAS) == set(project["optional-dependencies"])
    rooms = {path.parent.name for path in (request.config.rootpath / "mmaq").glob("*/stage.py")}
    assert set(doctor.ROOMS) == rooms
