"""Text files are UTF-8 whatever the locale: no call in the sources leaves that to the system."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

from mmaq.orchestrate.interpreter import prepare_jobs

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for room in ("mmaq", "workflow", "benchmarks", "run.py")
    for path in ([ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py")))
]
OTHERS = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk"), *(ROOT / "profiles").rglob("*.yaml")]
TEXT = ("read_text", "write_text", "FileHandler")
OPENERS = ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile")
BINARY = (
    "rasterio",
    "Image",
    "os",
    "api",
    "Catalogue",
    "catalogue",
    "self",
    "opened",
    "zipfile",
    "gzip",
    "tarfile",
    "archive",
)


def unsaid(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding of the locale."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = getattr(getattr(call.func, "value", None), "id", "")
    given = {each.arg: each.value for each in call.keywords}
    if "encoding" in given or owner in BINARY:
        return False
    if name in TEXT:
        return True
    if name in OPENERS:
        position = 0 if isinstance(call.func, ast.Attribute) else 1
        mode = given.get("mode") or (call.args[position] if len(call.args) > position else None)
        return "buffering" not in given and "b" not in str(getattr(mode, "value", "r"))
    return name in ("run", "Popen", "check_output") and {"text", "universal_newlines"} & set(given)


def test_every_text_file_names_its_encoding():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and unsaid(node)
    ]
    assert not found
    for path in OTHERS:
        text = path.read_text(encoding="utf-8")
        calls = re.findall(r"(?:\bopen|read_text|write_text)\([^)]*\)", text)
        assert all("encoding=" in call for call in calls), path


def test_jobs_of_the_workflow_are_utf8_whatever_the_locale():
    """What a library opens in a job is not in these sources."""
    assert "    prepare_jobs()\n" in (ROOT / "rules/common.smk").read_text(encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONUTF8", "0")
        prepare_jobs()
        assert os.environ["PYTHONUTF8"] == "1"
