"""Write ``config/config.yaml``, its schema and its page from the classes: they cannot drift."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from mmaq.base.files import replacing
from mmaq.config.base import Section
from mmaq.config.readme import config_readme
from mmaq.config.schema import Config

HEADER = "# Written by `mmaq config write`; the defaults live in mmaq/config/. Change a copy.\n"


def config_yaml() -> str:
    """The defaults as YAML, each key under its description."""
    return HEADER + "\n".join(_lines(Config(), 0)) + "\n"


def config_schema() -> str:
    """The JSON schema, for editors."""
    return json.dumps(Config.model_json_schema(), indent=2, sort_keys=True) + "\n"


def write_config(folder: Path) -> None:
    """Write the files into ``folder``."""
    written = {
        "config.yaml": config_yaml(), "schema.json": config_schema(), "README.md": config_readme()
    }  # fmt: skip
    for name, text in written.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _lines(section: Section, depth: int) -> list[str]:
    pad, lines = "  " * depth, []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            about = (type(value).__doc__ or "").strip().splitlines()[0]
            lines += ([""] if depth == 0 else []) + [f"{pad}# {about}", f"{pad}{name}:"]
            lines += _lines(value, depth + 1)
        else:
            plain = section.model_dump(mode="json")[name]
            text = yaml.safe_dump(plain, default_flow_style=True, width=1000)
            lines += [f"{pad}# {field.description}", f"{pad}{name}: {text.splitlines()[0]}"]
    return lines
