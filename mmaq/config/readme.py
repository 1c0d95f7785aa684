"""``config/README.md``: every key in a table, written from the classes; also a page of the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from mmaq.config.base import Section
from mmaq.config.schema import Config

HEADER = """\
# Configuration

[//]: # (Written by `mmaq config write` from the classes in mmaq/config/.)

A configuration is a YAML file of changes to these defaults: write only what differs, for example

```yaml
name: small
simulate:
  extent_km: 80
```

and give it with `--configfile FILE` to Snakemake, or with `--config FILE` to a verb of `mmaq`.
`mmaq config check FILE` checks it; a mistyped key is refused. `config.yaml` holds all defaults,
`schema.json` is for editors.

| file | what it is for |
|---|---|
| `config.yaml` | the defaults: a simulated country |
| `demo.yaml` | a small land in three minutes |
| `full.yaml` | every method, five seeds, on two simulated countries |
| `transfer.yaml` | the transfer tasks alone |
| `published.yaml` | real stations, with the published sample table |
| `map_fine.yaml` | the default's map at 100 m |
| `europe.yaml` | the map of Europe on 10 km from these stations and rasters of yours |
| `pollutants.yaml` | three pollutants of that table |
| `paper.yaml` | the setting of the paper |
"""

TABLE = "\n| key | value | default | meaning |\n|---|---|---|---|"

BOUNDS = {
    "minimum": "at least", "exclusiveMinimum": "above",
    "maximum": "at most", "exclusiveMaximum": "below",
}  # fmt: skip

KINDS = {"integer": "whole number", "boolean": "true or false", "string": "text", "null": "null"}


def config_readme() -> str:
    """The page: a heading a section, and under it a row a key."""
    schema = Config.model_json_schema()
    return HEADER + "\n".join(_section(Config(), "", schema["$defs"])) + "\n"


def _section(section: Section, place: str, defs: Mapping[str, Any]) -> Iterator[str]:
    """A section's table, then those of the sections within it."""
    about = (type(section).__doc__ or "").strip().splitlines()[0].replace("``", "`")
    depth = "###" if "." in place else "##"
    yield f"\n{depth} {f'`{place}`' if place else 'The data set'}\n\n{about}"
    fields = type(section).model_fields
    inner = [name for name in fields if isinstance(getattr(section, name), Section)]
    schema = type(section).model_json_schema()
    rows = [name for name in fields if name not in inner]
    if rows:
        yield TABLE
    for name in rows:
        value = _code(section.model_dump(mode="json")[name])
        kind = _kind(schema["properties"][name], schema.get("$defs", {}) | dict(defs))
        meaning = str(fields[name].description)
        yield f"| {' | '.join(_cell(each) for each in (f'`{name}`', kind, value, meaning))} |"
    for name in inner:
        yield from _section(getattr(section, name), f"{place}.{name}".lstrip("."), defs)


def _code(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).splitlines()[0]
    return f"`{text}`"


def _cell(text: str) -> str:
    """Text that a table of Markdown takes as it is."""
    if not text.startswith("`"):
        text = text.replace("<", "&lt;").replace("*", "\\*")
    return text.replace("|", "\\|")


def _kind(node: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What may stand there, from a node of the JSON schema."""
    if "$ref" in node:
        return _kind(defs[node["$ref"].rsplit("/", 1)[-1]], defs)
    if "anyOf" in node:
        return " or ".join(_kind(each, defs) for each in node["anyOf"])
    if "const" in node or "enum" in node:
        return ", ".join(_code(each) for each in node.get("enum", [node.get("const")]))
    kind = node.get("type", "")
    if kind == "array":
        if "prefixItems" in node:
            return f"list of {len(node['prefixItems'])}"
        return f"list: {_kind(node['items'], defs)}"
    if kind == "object":
        return "mapping"
    if node.get("format") == "date":
        return "date"
    bounds = [f"{words} {node[key]:.10g}" for key, words in BOUNDS.items() if key in node]
    return " ".join([KINDS.get(kind, kind), " and ".join(bounds)]).strip()
