"""The rules of the workflow: a table of all, and a drawing of how those of a run follow."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from mmaq.orchestrate.workflow import Job
from mmaq.stages import VERBS

HEIGHT, GAP_X, GAP_Y, LETTER = 32, 14, 40, 8.2


def table(root: Path) -> str:
    """A row a rule: its file, the verb of `mmaq` that does the same, and what it does."""
    verb_of = {stage: name for name, verb in VERBS.items() for stage in verb.stages}
    about = dict(_abouts(root / "mmaq"))
    rows = ["| rule | file | verb | what it does |", "|---|---|---|---|"]
    for path in sorted((root / "rules").glob("*.smk")):
        for rule in re.findall(r"^\s*rule (\w+):", path.read_text(encoding="utf-8"), re.MULTILINE):
            verb = f"`mmaq {verb_of[rule]}`" if rule in verb_of else "`mmaq acquire`"
            rows.append(f"| `{rule}` | `rules/{path.name}` | {verb} | {about[rule]} |")
    return "\n".join(rows)


def _abouts(package: Path) -> Iterable[tuple[str, str]]:
    """The stage functions, each with the first sentence of its docstring."""
    for path in sorted(package.glob("*/stage.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                first = " ".join(text.split("\n\n")[0].split())
                yield node.name, first.replace("``", "`").replace("|", "\\|")


def graph(jobs: Iterable[Job]) -> str:
    """The rules of these jobs as SVG; a line where one reads what the other writes."""
    jobs = list(jobs)
    maker = {path: job.rule for job in jobs for path in job.outputs}
    before: dict[str, set[str]] = {job.rule: set() for job in jobs}
    for job in jobs:
        made = {maker[path] for path in job.inputs if path in maker}
        before[job.rule] |= made - {job.rule}
    ranks = _ranks(before)
    rows = [
        [rule for rule in ranks if ranks[rule] == rank] for rank in range(max(ranks.values()) + 1)
    ]
    place: dict[str, tuple[float, float]] = {}  # the middle of the upper edge
    wide = max(sum(_width(rule) + GAP_X for rule in row) for row in rows)
    for rank, row in enumerate(rows):
        row.sort(key=lambda rule: _mean([place[each][0] for each in before[rule] if each in place]))
        x = (wide - sum(_width(rule) + GAP_X for rule in row)) / 2
        for rule in row:
            place[rule] = (x + (_width(rule) + GAP_X) / 2, 4 + rank * (HEIGHT + GAP_Y))
            x += _width(rule) + GAP_X
    high = 8 + len(rows) * (HEIGHT + GAP_Y) - GAP_Y
    lines = [_line(place[a], place[b]) for b in place for a in sorted(_direct(before, b))]
    boxes = [_box(rule, *place[rule]) for rule in place]
    drawn = "".join([*lines, *boxes])
    return (
        f'<div class="rule-graph"><svg viewBox="0 0 {wide:.0f} {high:.0f}" role="img" '
        f'aria-label="Graph of the rules">{drawn}</svg></div>'
    )


def _ranks(before: dict[str, set[str]]) -> dict[str, int]:
    """How many rules come before each at most."""
    ranks: dict[str, int] = {}

    def rank(rule: str) -> int:
        if rule not in ranks:
            ranks[rule] = 1 + max((rank(each) for each in before[rule]), default=-1)
        return ranks[rule]

    for rule in sorted(before):
        rank(rule)
    return ranks


def _direct(before: dict[str, set[str]], rule: str) -> set[str]:
    """What comes before a rule and before nothing else that does."""

    def all_before(one: str) -> set[str]:
        return before[one].union(*(all_before(each) for each in before[one]))

    return before[rule].difference(*(all_before(each) for each in before[rule]))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _width(rule: str) -> float:
    return LETTER * len(rule) + 18


def _line(above: tuple[float, float], below: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = above, below
    y0, bend = y0 + HEIGHT, GAP_Y / 2
    right, down = x1 - x0, y1 - y0
    curve = f"c0 {bend:.0f} {right:.0f} {down - bend:.0f} {right:.0f} {down:.0f}"
    return f'<path d="M{x0:.0f} {y0:.0f}{curve}"/>'


def _box(rule: str, x: float, y: float) -> str:
    left, wide = x - _width(rule) / 2, _width(rule)
    return (
        f'<rect x="{left:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{HEIGHT}" rx="5"/>'
        f'<text x="{x:.0f}" y="{y + HEIGHT / 2 + 4:.0f}">{escape(rule)}</text>'
    )
