"""Read a configuration: defaults, then a file's changes, checked by the schema."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from os import PathLike
from typing import Any

import yaml
from pydantic import ValidationError

from mmaq.base.errors import ConfigError
from mmaq.config.schema import Config


def check_config(values: Mapping[str, Any], where: str | PathLike[str]) -> Config:
    """Check ``values`` against the schema; absent keys take their defaults.

    Raises:
        ConfigError: one line with the first fault; a mistyped key gets the nearest valid one.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as fault:
        raise ConfigError(where, *_explain(fault)) from None


def change(config: Config, section: str, values: Mapping[str, Any], where: str) -> Config:
    """``config`` with ``values`` in one of its sections; faults as for ``check_config``."""
    everything = config.model_dump()
    everything[section] |= values
    return check_config(everything, where)


def load_config(path: str | PathLike[str] | None) -> Config:
    """Read the YAML file ``path``; ``None`` gives the defaults."""
    if path is None:
        return Config()
    try:
        with open(path) as stream:
            values = yaml.safe_load(stream)
    except FileNotFoundError:
        raise ConfigError(path, "the file does not exist", "Give an existing YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ConfigError(path, f"not valid YAML ({fault})", "Mend the line it names") from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(path, "holds no mapping of keys", "Start from config/config.yaml")
    return check_config(values, path)


def _explain(fault: ValidationError) -> tuple[str, str]:
    first = fault.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "configuration"
    if first["type"] != "extra_forbidden":
        return f"{key}: {first['msg']} (got {first['input']!r})"[:300], "Correct the value"
    section: Any = Config()
    for part in first["loc"][:-1]:
        section = getattr(section, str(part))
    known = list(type(section).model_fields)
    near = get_close_matches(str(first["loc"][-1]), known, n=1)
    remedy = f"Did you mean {near[0]}" if near else f"Use one of: {', '.join(known)}"
    return f"unknown key {key}", remedy
