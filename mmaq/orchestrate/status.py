"""What a data set has: outputs that are up to date, stale or missing. Nothing is started.

Read from the text of Snakemake's own summary, the form in which its public interface gives it.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmaq.base.errors import ConfigError
from mmaq.base.layout import Layout
from mmaq.config.load import load_config
from mmaq.orchestrate.holder import HeldFolder
from mmaq.orchestrate.workflow import SNAKEFILE
from mmaq.stages import STAGES

UNSAID = "its inputs will be made again, or its rule has changed"
"""Where the summary finds a file well by itself, and yet would make it again."""

State = Literal["up to date", "stale", "missing"]


@dataclass(frozen=True)
class Output:
    """A file that the workflow makes; ``why`` it is stale, "" where it is not."""

    path: str
    rule: str
    state: State
    why: str


def outputs(config: Path | None) -> list[Output]:
    """The files of the default target, in Snakemake's order.

    Raises:
        ConfigError: there is no Snakefile here, the configuration is not valid, or a file is
            missing that no rule makes.
    """
    load_config(config)
    # Snakemake takes a second to import, which other verbs need not wait for.
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import MissingInputException
    from snakemake.settings import types as settings

    if not SNAKEFILE.exists():
        raise ConfigError(SNAKEFILE, "the file does not exist", "Run this in the project's folder")
    given = [] if config is None else [config.resolve()]
    logging.getLogger("snakemake.logging").propagate = False  # what it prepares is of no interest
    said = io.StringIO()
    with SnakemakeApi(settings.OutputSettings(quiet={settings.Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=settings.ResourceSettings(cores=1),
            config_settings=settings.ConfigSettings(configfiles=given),
            snakefile=SNAKEFILE,
        )
        dag = workflow.dag(settings.DAGSettings(targets={"all"}))
        try:
            with redirect_stdout(said):
                dag.summary()
        except MissingInputException as fault:
            told = " ".join(str(fault).split())
            remedy = "Give the files that it names"
            raise ConfigError(config or SNAKEFILE, told, remedy) from None
    return read_summary(said.getvalue())


def read_summary(text: str) -> list[Output]:
    """The outputs that a summary lists (``snakemake --summary``, tab-separated)."""
    return [
        Output(row["output_file"], row["rule"], *_judge(row["status"], row["plan"]))
        for row in csv.DictReader(io.StringIO(text), delimiter="\t")
    ]


def _judge(status: str, plan: str) -> tuple[State, str]:
    if status == "missing":
        return "missing", ""
    if plan == "no update":
        return "up to date", ""
    return "stale", UNSAID if status == "ok" else status


def page(config: Path | None, found: list[Output]) -> str:
    """What a person wants to know: a line a rule, the results, the logs, and how to go on."""
    paths = Layout(load_config(config).name)
    lines = [f"data set {paths.name}", *_table(found), ""]
    states = {each.path: each.state for each in found}
    results = [str(path) for path in (paths.benchmark, paths.comparisons, paths.report)]
    lines += [f"{path}: {states.get(path, 'missing')}" for path in results]
    logs = Path("logs", paths.name)
    lines += ["", f"logs: {logs}, a file a job; time and memory of each in {logs / 'timings'}"]
    lines += ["      .snakemake/log has what Snakemake said"]
    if running := _running():
        lines.append(f"now: {running}")
    elif set(states.values()) <= {"up to date"}:
        lines.append("nothing is left to do")
    else:
        given = "" if config is None else f" --configfile {config}"
        lines.append(f"to go on: mmaq run --cores all {' '.join(results)}{given}")
    return "\n".join(lines)


def _table(found: list[Output]) -> Iterator[str]:
    line = "{:30}{:>11}{:>7}{:>9}  {}"
    yield line.format("rule", "up to date", "stale", "missing", "why stale").rstrip()
    order = {rule: position for position, rule in enumerate(STAGES)}
    for rule in sorted({each.rule for each in found}, key=lambda rule: order.get(rule, len(order))):
        mine = [each for each in found if each.rule == rule]
        states = [each.state for each in mine]
        counts = [states.count(state) for state in ("up to date", "stale", "missing")]
        why = "; ".join(sorted({each.why for each in mine if each.why}))
        yield line.format(rule, *counts, why).rstrip()


def _running() -> str:
    """Who runs, or may run, in the working folder; "" for nobody."""
    try:
        HeldFolder(Path()).refuse_second()
    except ConfigError as holder:
        return holder.fault
    return ""
