"""Logging, and how an error reaches the user: one line and a non-zero exit."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mmaq.base.errors import MmaqError


def start_logging(path: str | os.PathLike[str] | None = None) -> None:
    """Log to standard error, and to ``path`` as well when a rule gives its log file."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    # Processes of one run beside the first would cut the file short; SLURM's count over all nodes.
    rank = os.environ.get("LOCAL_RANK", os.environ.get("SLURM_PROCID", "0"))
    if path is not None and rank == "0":
        handlers.append(logging.FileHandler(path, mode="w"))
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S",
        handlers=handlers, force=True,
    )  # fmt: skip


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a known fault into one logged line and exit status 1; let a bug show its traceback.

    A full disk or a missing permission is a known fault: the operating system names the file.
    """
    log = logging.getLogger("mmaq")
    try:
        yield
    except MmaqError as error:
        log.error("error: %s", error)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno is None:
            log.exception("error")
            raise
        where = error.filename or "the output disk"
        log.error("error: %s: %s. Free space or fix the path, then rerun.", where, error.strerror)
        sys.exit(1)
    except Exception:
        log.exception("a bug, please report it")
        raise
