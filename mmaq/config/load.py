"""Read a configuration: defaults, then changes from files and the command line, checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

from mmaq.base.errors import ConfigError
from mmaq.config.base import Section
from mmaq.config.schema import Config
from mmaq.config.yaml_file import parse_yaml, read_yaml

COMMAND_LINE = "the command line"

log = logging.getLogger(__name__)

BRIEF = Repr()
BRIEF.maxlevel, BRIEF.maxstring, BRIEF.maxother = 2, 200, 200


def check_config(values: Mapping[str, Any], where: str | PathLike[str]) -> Config:
    """Check ``values`` against the schema; absent keys take their defaults.

    Raises:
        ConfigError: one line with the first fault; a mistyped key gets the nearest valid one.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as fault:
        raise ConfigError(where, *_explain(fault)) from None


def check_joined(
    values: Mapping[str, Any], files: Sequence[str | PathLike[str]], given: Mapping[str, Any]
) -> Config:
    """Check what Snakemake joined of configuration files and of ``--config``.

    The files are read once more: Snakemake does not say which of them a key came from, nor that a
    key stands twice in one.

    Args:
        values: all of it joined.
        files: the files, later ones going before earlier ones.
        given: what stands on the command line, which goes before them all.

    Raises:
        ConfigError: as :func:`check_config`, naming where the fault came from.
    """
    sources = [(path, _read(path)) for path in files] + [(COMMAND_LINE, given)]
    try:
        return Config.model_validate(values)
    except ValidationError as fault:
        place = fault.errors()[0]["loc"]
        held = [where for where, part in sources if _holds(part, place)]
        raise ConfigError(held[-1] if held else sources[0][0], *_explain(fault)) from None


def refuse_doubled(entries: Iterable[str]) -> None:
    """Refuse a key that stands twice on the command line: Snakemake would lose the first.

    Args:
        entries: what stands behind ``--config``, each KEY=VALUE with a value in YAML.

    Raises:
        ConfigError: names the key; or a value is no YAML.
    """
    given: set[str] = set()
    for entry in entries:
        name, _, text = entry.partition("=")
        for key in _leaves(parse_yaml(text.strip("'\""), COMMAND_LINE), name):
            if key in given:
                raise ConfigError(COMMAND_LINE, f"{key} stands twice", "Give it once")
            given.add(key)


def change(config: Config, section: str, values: Mapping[str, Any], where: str) -> Config:
    """``config`` with ``values`` in one of its sections; faults as for ``check_config``."""
    everything = config.model_dump()
    everything[section] |= values
    return check_config(everything, where)


def load_config(path: str | PathLike[str] | None) -> Config:
    """Read the YAML file ``path``; ``None`` gives the defaults.

    Files that are named, of another source than the configured one, are warned of.

    Raises:
        ConfigError: as :func:`check_config`; or the file is absent, or not such YAML.
    """
    if path is None:
        return Config()
    config = check_config(_read(path), path)
    for name in ("files", "published"):
        section = getattr(config, name)
        if config.source != name and section != type(section)():
            told = "%s: %s is set, and is not read: source is %s"
            log.warning(told, path, name, config.source)
    return config


def _read(path: str | PathLike[str]) -> dict[str, Any]:
    values = read_yaml(path)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(path, "holds no mapping of keys", "Start from config/config.yaml")
    return values


def _holds(values: Any, place: Sequence[str | int]) -> bool:
    """Whether a source sets the key at ``place``, or a section that it lies in.

    What holds between sections has no place: whoever sets anything may have broken it.
    """
    for part in place:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return bool(place or values)


def _explain(fault: ValidationError) -> tuple[str, str]:
    first = fault.errors()[0]
    if not first["loc"]:  # what stands there is the whole configuration
        return first["msg"].removeprefix("Value error, "), "Correct one of them"
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        got = BRIEF.repr(first["input"])  # aliases of YAML may stand for billions of words
        return f"{key}: {first['msg']} (got {got})"[:300], "Correct the value"
    *outer, name = map(str, first["loc"])
    return f"unknown key {key}", _suggest(outer, name)


def _suggest(outer: Sequence[str], name: str) -> str:
    """Which key was meant: this one elsewhere, one that is spelt alike here, or alike elsewhere."""
    places = dict(_keys(Config(), ()))
    here = [place[-1] for place in places if list(place[:-1]) == list(outer)]
    elsewhere = [".".join(place) for place in places if place[-1] == name]
    if elsewhere:
        return f"Did you mean {' or '.join(elsewhere)}"
    if near := get_close_matches(name, here, n=1):
        return f"Did you mean {near[0]}"
    if near := get_close_matches(name, {place[-1] for place in places}, n=1):
        meant = [".".join(place) for place in places if place[-1] == near[0]]
        return f"Did you mean {' or '.join(meant)}"
    return f"Use one of: {', '.join(here)}"


def _keys(section: Section, outer: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key below a section, by its place."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        yield (*outer, name), value
        if isinstance(value, Section):
            yield from _keys(value, (*outer, name))


def _leaves(value: Any, outer: str) -> Iterator[str]:
    """The keys of a value that are no mappings, with a dot behind each outer one."""
    if not isinstance(value, Mapping):
        yield outer
        return
    for name, inner in value.items():
        yield from _leaves(inner, f"{outer}.{name}")
