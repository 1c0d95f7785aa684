"""The table of stages and the rules of the workflow say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mmaq.cli.acquire import FETCHING
from mmaq.stages import STAGES, VERBS, timings_by_rule

ROOT = Path(__file__).parents[1]
RULE = re.compile(r"^ *(?:rule|use rule (\w+) as) (\w+)(?: with)?:$", re.MULTILINE)
STAGE_MODULE = re.compile(r"mmaq\.(\w+)\.stage")


def read_rules() -> dict[str, str]:
    """The text of each rule, by its name."""
    rules = {}
    for path in (ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))):
        text = path.read_text(encoding="utf-8")
        heads = [*RULE.finditer(text)]
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in zip(heads, ends, strict=False):  # a file of helpers has no rule
            assert head[2] not in rules, f"two rules {head[2]}"
            rules[head[2]] = text[head.start() : end]
    return rules


RULES = read_rules()
INHERITED = {"grid_mean": "grid"}
"""Rules that take all but inputs and outputs from another one."""


def stage_imports(rule: str) -> list[tuple[str, str]]:
    """Room and name of each function that a rule's adapter takes from a ``stage`` module."""
    tree = ast.parse((ROOT / "workflow/scripts" / f"{rule}.py").read_text(encoding="utf-8"))
    return [
        (module[1], alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (module := STAGE_MODULE.fullmatch(node.module))
        for alias in node.names
    ]


def test_the_table_holds_the_rules_of_the_workflow():
    assert set(STAGES) == set(RULES) - {"all", *INHERITED}
    assert set(INHERITED) <= set(RULES)


def test_each_rule_has_its_adapter_and_each_adapter_its_rule():
    adapters = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    assert adapters == set(STAGES)


@pytest.mark.parametrize("rule", STAGES)
def test_a_rule_runs_the_adapter_of_its_name(rule):
    scripts = re.findall(r'script:\s+"([^"]+)"', RULES[rule])
    assert scripts == [f"../workflow/scripts/{rule}.py"]


@pytest.mark.parametrize("rule", STAGES)
def test_an_adapter_takes_one_function_of_its_rules_name(rule):
    assert [name for _, name in stage_imports(rule)] == [rule]


@pytest.mark.parametrize("rule", STAGES)
def test_a_stage_takes_keywords_alone(rule):
    ((room, _),) = stage_imports(rule)
    tree = ast.parse((ROOT / "mmaq" / room / "stage.py").read_text(encoding="utf-8"))
    (found,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == rule
    )
    assert not [*found.args.posonlyargs, *found.args.args]
    assert found.args.kwonlyargs


@pytest.mark.parametrize("rule", STAGES)
def test_timings_bear_the_name_of_their_rule(rule):
    (name,) = re.findall(r'benchmark:\s+f"\{TIMINGS\}/([^"]+)\.tsv"', RULES[rule])
    path = Path(re.sub(r"\{\{\w+\}\}", "job", name) + ".tsv")
    assert timings_by_rule([path]) == {rule: [path]}


def test_each_stage_belongs_to_one_verb():
    """Those that make the archive from files or services belong to ``mmaq acquire``."""
    stages = [stage for verb in VERBS.values() for stage in verb.stages]
    stages += ["acquire", "acquire_plan", "fetch_published", *FETCHING]
    assert sorted(stages) == sorted(STAGES)
