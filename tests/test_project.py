"""What a newcomer installs is written in several places, which must agree."""

import re
import tomllib
from itertools import chain

import pytest
import yaml


@pytest.fixture
def project(request):
    return tomllib.loads((request.config.rootpath / "pyproject.toml").read_text())["project"]


def test_conda_environment_lists_the_dependencies_of_the_package(request, project):
    text = (request.config.rootpath / "environment.yaml").read_text()
    *_, last = yaml.safe_load(text)["dependencies"]
    assert last["pip"] == project["dependencies"]


def test_every_dependency_is_pinned_once_and_without_an_address(request, project):
    lines = (request.config.rootpath / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    names = [pin.split("==")[0] for pin in pins]
    assert len(names) == len(set(names))
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *chain(*extras.values())]
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")
        assert name in names, name


def test_the_compromised_releases_are_excluded(request):
    pins = (request.config.rootpath / "constraints.txt").read_text()
    assert not re.search(r"lightning==2\.6\.[23]\b", pins)
