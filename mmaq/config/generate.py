"""Write ``config/config.yaml``, its schema and its page from the classes: they cannot drift.

And the first file of a user's own: the keys that a source asks for, each under its description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil, floor
from pathlib import Path
from typing import Any

import yaml

from mmaq.base.errors import ConfigError
from mmaq.base.files import replacing
from mmaq.config.base import Section
from mmaq.config.load import check_config
from mmaq.config.readme import config_readme
from mmaq.config.schema import Config

HEADER = "# Written by `mmaq config write`; the defaults live in mmaq/config/. Change a copy.\n"

FIRST = """\
# Written by `mmaq config init`. What is not here has its default: see config/config.yaml.
# Look at the lines that are marked: a default may not suit your area.
{}
"""

DELETE = (
    "# Name your files where it says path/to, and delete the lines of those that you do not have.\n"
)

MARK = "  # the default"

ASKED = {
    "simulate": ("simulate.seed", "simulate.extent_km", "simulate.stations", "simulate.unlabelled"),
    "acquire": (
        "period.start", "period.end", "acquire.bbox", "acquire.sentinel5p.keep",
        "acquire.stations.provider", "acquire.stations.countries", "acquire.maps.roads",
        "acquire.unlabelled", "grid.bbox",
    ),
    "files": (
        "period.start", "period.end", "files.sentinel2", "files.sentinel5p", "files.ancillary",
        "files.stations", "files.unlabelled", "grid.bbox",
    ),
    "published": ("published.samples", "published.eea_metadata", "published.images"),
}  # fmt: skip
"""What a user decides first, by source; the schema has their descriptions and defaults."""

UNLABELLED = 500
"""Sites to pretrain on in a first file: without any, no method is pretrained."""

LOCATED = ("acquire", "files")
"""Sources whose area the user gives."""

FILE = "path/to/{}"
"""What stands for a file that only the user can name."""


def config_yaml() -> str:
    """The defaults as YAML, each key under its description."""
    return HEADER + "\n".join(_lines(Config(), "")) + "\n"


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


def write_first(
    path: Path, source: str, bbox: tuple[float, float, float, float] | None = None
) -> None:
    """Write a file of one's own to begin with; the data set gets the file's name.

    Args:
        path: the file, which is not there yet.
        source: where the data come from, as in the schema.
        bbox: west, south, east, north of the area in degrees; none: the default one.

    Raises:
        ConfigError: the file is there already, or the schema refuses its name, source or area.
    """
    if path.exists():
        raise ConfigError(path, "the file is there already", "Give another name, or remove it")
    text = first_yaml(path.stem, source, bbox)
    check_config(yaml.safe_load(text), path)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def first_yaml(
    name: str, source: str, bbox: tuple[float, float, float, float] | None = None
) -> str:
    """The keys that ``source`` asks for as YAML, each under its description.

    ``grid.bbox`` holds the area with a margin of half a Sentinel-5P patch, in whole cells.

    Raises:
        ConfigError: the schema refuses a value, or the source takes no area.
    """
    if bbox is not None and source not in LOCATED:
        fault = f"source {source} takes no area"
        raise ConfigError("--bbox", fault, f"Leave it out, or use {' or '.join(LOCATED)}")
    asked, default = ASKED.get(source, ()), Config()
    given: dict[str, Any] = {"name": name, "source": source}
    unnamed = [key for key in asked if _value(default, key) is None]
    given |= {key: FILE.format(key.rpartition(".")[2]) for key in unnamed}
    if source == "acquire":
        given["acquire.unlabelled"] = UNLABELLED
        given |= {} if bbox is None else {"acquire.bbox": bbox}
    if bbox is not None or source == "acquire":
        given["grid.bbox"] = _with_margin(bbox or default.acquire.bbox, default)
    config = check_config(_nested(given), "the command line")
    lines = _lines(config, "", {*given, *asked}, set(given))
    return FIRST.format(DELETE if unnamed else "") + "\n".join(lines) + "\n"


def _with_margin(bbox: tuple[float, float, float, float], default: Config) -> list[float]:
    cell = default.grid.resolution
    margin = default.patches.s5p_size / 2  # in cells
    west, south, east, north = (round(degrees / cell, 6) for degrees in bbox)
    cells = (floor(west - margin), floor(south - margin), ceil(east + margin), ceil(north + margin))
    limits = (-180, -90, 180, 90)
    low = [max(n * cell, limit) for n, limit in zip(cells[:2], limits[:2], strict=True)]
    high = [min(n * cell, limit) for n, limit in zip(cells[2:], limits[2:], strict=True)]
    return [round(degrees, 6) for degrees in (*low, *high)]


def _value(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by keys with dots, as a mapping of mappings."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        *outer, name = key.split(".")
        inner = found
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = value
    return found


def _lines(
    section: Section,
    outer: str,
    wanted: set[str] | None = None,
    given: set[str] | None = None,
) -> list[str]:
    """A section as YAML: every key, or those of ``wanted``, where those not ``given`` are marked.

    ``outer`` is the place of the section, with a dot behind each name.
    """
    depth = outer.count(".")
    pad, lines = "  " * depth, []
    for name, field in type(section).model_fields.items():
        key, value = f"{outer}{name}", getattr(section, name)
        if wanted is not None and not any(f"{each}.".startswith(f"{key}.") for each in wanted):
            continue
        if isinstance(value, Section):
            about = (type(value).__doc__ or "").strip().splitlines()[0]
            lines += ([""] if depth == 0 else []) + [f"{pad}# {about}", f"{pad}{name}:"]
            lines += _lines(value, f"{key}.", wanted, given)
        else:
            plain = section.model_dump(mode="json")[name]
            text = yaml.safe_dump(plain, default_flow_style=True, width=1000).splitlines()[0]
            mark = MARK if given is not None and key not in given else ""
            lines += [f"{pad}# {field.description}", f"{pad}{name}: {text}{mark}"]
    return lines
