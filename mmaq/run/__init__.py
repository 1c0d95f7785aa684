"""The released code's command line over the same functions as ``mmaq``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.run.arguments import parse_arguments
from mmaq.run.settings import make_run
from mmaq.run.tasks import run_task


def main(paper: Path, arguments: Sequence[str] | None = None) -> None:
    """Run the task that ``arguments`` (none: the process's) name; ``paper`` holds the defaults.

    A known fault is one line and exit status 1.
    """
    start_logging()
    with one_line_errors():
        run_task(make_run(parse_arguments(arguments), paper))
