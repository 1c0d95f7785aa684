"""The Python that Snakemake starts jobs with: whether it can, and that their files are UTF-8."""

from __future__ import annotations

import os
import re
import sys

from mmaq.base.errors import ConfigError

SPECIAL = re.compile(r"""[\s'"\\$`&|;<>()*?\[\]{}~#!]""")
"""What a shell, or Snakemake's own formatting, reads as something else than itself."""


def prepare_jobs() -> None:
    """Check the interpreter, and let the jobs that are started from here be UTF-8.

    Raises:
        ConfigError: a shell would take the interpreter's path apart.
    """
    check_interpreter(sys.executable)
    os.environ["PYTHONUTF8"] = "1"


def check_interpreter(path: str) -> None:
    """Refuse a Python in a folder whose name a shell would take apart: Snakemake quotes nothing.

    Raises:
        ConfigError: names the character.
    """
    found = SPECIAL.search(path)
    if found:
        fault = f"Snakemake cannot start a Python whose path holds {found[0]!r}"
        raise ConfigError(path, fault, "Move the project, or its .venv, to a path without it")
