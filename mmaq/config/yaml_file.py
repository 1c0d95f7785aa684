"""YAML that people write: UTF-8 whatever the locale, each key once, dates as they are written."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from mmaq.base.errors import ConfigError

TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the first would be gone without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.value in lines:
                fault = f"{key.value} stands twice, in lines {lines[key.value]} and {line}"
                raise yaml.MarkedYAMLError(problem=fault)
            if isinstance(key, yaml.ScalarNode):
                lines[key.value] = line
        return super().construct_mapping(node, deep)


# A date that is none would end the reader, far from the key: the schema reads dates.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: str | PathLike[str]) -> Any:
    """The content of a YAML file; None of an empty one.

    Raises:
        ConfigError: there is no such file, it is no YAML, or a key stands twice in one mapping.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(path, "the file does not exist", "Give an existing YAML file") from None
    return parse_yaml(content, path)


def parse_yaml(content: bytes | str, path: str | PathLike[str]) -> Any:
    """The value of some YAML that stands in ``path``; None of an empty one.

    Raises:
        ConfigError: it is no YAML, or a key stands twice in one mapping.
    """
    try:
        return yaml.load(content, _Loader)
    except yaml.reader.ReaderError as fault:
        line = f"not UTF-8 text (position {fault.position}: {fault.reason})"
        raise ConfigError(path, line, "Save it as UTF-8") from None
    except yaml.MarkedYAMLError as fault:
        if fault.problem_mark is None:
            raise ConfigError(path, str(fault.problem), "Join the two into one") from None
        raise ConfigError(path, f"not valid YAML ({fault})", "Mend the line it names") from None
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ConfigError(path, f"not valid YAML ({fault})", "Mend the line it names") from None
