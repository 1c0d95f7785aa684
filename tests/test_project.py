"""What a newcomer installs is written in several places, which must agree."""

import re
import runpy
import tomllib
from importlib import metadata
from itertools import chain

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mmaq import __version__


@pytest.fixture
def project(request):
    return tomllib.loads((request.config.rootpath / "pyproject.toml").read_text())["project"]


def test_the_conda_environment_is_written_from_pyproject(request, project):
    path = request.config.rootpath / "environment.yaml"
    module = runpy.run_path(str(request.config.rootpath / "workflow" / "environment.py"))
    assert path.read_text() == module["environment"](project), "run `make environment.yaml`"
    *_, last = yaml.safe_load(path.read_text())["dependencies"]
    named = project["optional-dependencies"]
    whole = [each for extra in ("data", "report", "train", "workflow") for each in named[extra]]
    assert sorted(last["pip"]) == sorted([*project["dependencies"], *whole])


def test_no_library_is_brought_by_two_extras(project):
    named = project["optional-dependencies"]
    brought = [*project["dependencies"], *chain(*named.values())]
    names = [re.split(r"[>=!<;]", each)[0] for each in brought if not each.startswith("mmaq[")]
    assert len(names) == len(set(names))


def test_every_dependency_is_pinned_once_and_without_an_address(request, project):
    lines = (request.config.rootpath / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    names = [pin.split("==")[0] for pin in pins]
    assert len(names) == len(set(names))
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *chain(*extras.values())]
    for requirement in wanted:
        if requirement.startswith("mmaq["):  # an extra of its own
            continue
        name = re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")
        assert name in names, name


def test_the_oldest_python_has_every_pinned_version(request):
    pins = (request.config.rootpath / "constraints.txt").read_text().split()
    asked = {
        f"{each.metadata['Name']} {each.version}": each.metadata["Requires-Python"]
        for each in metadata.distributions()
        if f"{canonicalize_name(each.metadata['Name'])}=={each.version}" in pins
    }
    assert len(asked) > 50
    assert not {
        name for name, wanted in asked.items() if "3.11.0" not in SpecifierSet(wanted or "")
    }


def test_the_compromised_releases_are_excluded(request):
    pins = (request.config.rootpath / "constraints.txt").read_text()
    assert not re.search(r"lightning==2\.6\.[23]\b", pins)


def test_the_version_stands_in_the_package_and_is_cited(request):
    root = request.config.rootpath
    assert yaml.safe_load((root / "CITATION.cff").read_text())["version"] == __version__
    assert f"\n## [{__version__}]" in (root / "CHANGELOG.md").read_text()
    whole = tomllib.loads((root / "pyproject.toml").read_text())
    assert whole["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "mmaq.__version__"}


def test_the_wheel_carries_every_file_of_the_package(request):
    root = request.config.rootpath
    whole = tomllib.loads((root / "pyproject.toml").read_text())
    given = whole["tool"]["setuptools"]["package-data"]
    carried = {
        path
        for name, patterns in given.items()
        for pattern in patterns
        for path in (root / name.replace(".", "/")).glob(pattern)
    }
    package = root / "mmaq"
    found = (path for path in package.rglob("*") if "__pycache__" not in path.parts)
    files = {path for path in found if path.is_file()}
    assert len(files) > 100
    assert {path for path in files if path.suffix != ".py"} == carried
    assert all((path.parent / "__init__.py").exists() for path in files if path.suffix == ".py")


def test_the_container_copies_what_is_there(request):
    root = request.config.rootpath
    lines = (root / "Containerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert {"mmaq", "rules", "Snakefile", "constraints.txt"} <= set(copied)
    assert all((root / name).exists() for name in copied)


def test_the_page_of_the_installation_has_every_extra(request, project):
    page = (request.config.rootpath / "docs" / "install.md").read_text()
    for extra in project["optional-dependencies"]:
        assert f"| `mmaq[{extra}]` |" in page
