"""Results of a part of the campaign: a line of JSON a case, so that a second start goes on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import ItemsView, Sequence, ValuesView
from pathlib import Path
from typing import Any


class Record:
    """Cases that were done, by name, with what came of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, dict[str, Any]] = {}
        if path.exists():
            whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
            for line in whole.splitlines():
                held = json.loads(line)
                self._held[held.pop("case")] = held
            path.write_text(f"{whole}\n" if whole else "", encoding="utf-8")

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def add(self, name: str, **found: Any) -> None:
        """Keep a result."""
        self._held[name] = found
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"case": name, **found}) + "\n")

    def values(self) -> ValuesView[dict[str, Any]]:
        """All results."""
        return self._held.values()

    def items(self) -> ItemsView[str, dict[str, Any]]:
        """All results with their names."""
        return self._held.items()


def counted(record: Record, column: str, verdicts: Sequence[str]) -> str:
    """Cases by ``column`` and by verdict, as a table in Markdown."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for held in record.values():
        for name in (held[column], "all"):
            counts[name]["cases"] += 1
            counts[name][held["verdict"].split(":")[0]] += 1
    heads = ("cases", *verdicts)
    lines = [f"| {column} | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in [*sorted(set(counts) - {"all"}, key=str.lower), *(["all"] if counts else [])]:
        lines.append(f"| {name} | {' | '.join(str(counts[name][head]) for head in heads)} |")
    return "\n".join([*lines, ""])


def told_wrong(record: Record) -> list[str]:
    """A line a case that came out wrong."""
    return [
        f"{name}{' (' + held['target'] + ')' if 'target' in held else ''}: {held['verdict']}: "
        f"{json.dumps(held['told'][:400])}"
        for name, held in record.items()
        if held["verdict"].startswith("wrong")
    ]
