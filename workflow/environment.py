"""Write ``environment.yaml`` from ``pyproject.toml``: what `mmaq[all]` needs, for conda."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

HEADER = """\
# Written by `make environment.yaml` from pyproject.toml: the package and its extra `all`.
# conda env create -f environment.yaml && conda activate mmaq && pip install --no-deps -e .
# With `snakemake --software-deployment-method conda` the rules make this environment themselves.
name: mmaq
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - pip:
"""


def environment(project: dict) -> str:
    """The file's text, from the table ``[project]`` of ``pyproject.toml``."""
    wanted = [*project["dependencies"], *_brings(project["optional-dependencies"], "all")]
    return HEADER + "".join(f'      - "{each}"\n' for each in wanted)


def _brings(extras: dict[str, list[str]], name: str) -> list[str]:
    """What an extra asks for, those that it names itself spelt out."""
    asked: list[str] = []
    for each in extras[name]:
        inner = re.fullmatch(r"mmaq\[([\w,]+)\]", each)
        if inner is None:
            asked.append(each)
        for other in inner[1].split(",") if inner else ():
            asked += _brings(extras, other)
    return asked


if __name__ == "__main__":
    read = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (ROOT / "environment.yaml").write_text(environment(read["project"]), encoding="utf-8")
