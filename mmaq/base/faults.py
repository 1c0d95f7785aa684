"""What an exception that no stage foresaw tells a user: file, fault and remedy, or a bug.

Libraries raise what they like on a damaged file, a full disk or too little memory. Stages turn what
they foresee into an :class:`MmaqError`; here the rest is, from the exception and from the file that
the stage was at work on.
"""

from __future__ import annotations

import errno
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType

from mmaq.base.errors import MmaqError
from mmaq.base.extras import extra_of

PACKAGE = Path(__file__).parents[1]

REMEDIES = {
    errno.ENOSPC: "Free space on its disk, then give the same command again",
    errno.EDQUOT: "Free space in its quota, then give the same command again",
    errno.EFBIG: "Raise the limit of file sizes (ulimit -f), then give the same command again",
    errno.EROFS: "Work in a folder that can be written to",
    errno.EACCES: "Give this user access to it",
    errno.EPERM: "Give this user access to it",
    errno.EBUSY: "Mount that disk a folder higher",
    errno.EISDIR: "Name a file",
    errno.ENOENT: "Give a path that exists",
    errno.EMFILE: "Raise the limit of open files (ulimit -n)",
}
"""By the error number of the operating system."""
OTHER_REMEDY = "Mend that path or its disk, then give the same command again"

FILE_NAMES = (sys.getfilesystemencoding(), "ascii")
"""Encodings of file names; the POSIX locale's is told under its older name."""

MOST_NAMED = 3
"""Files that are named where it cannot be known which one is at fault."""


class Bug(MmaqError):
    """A fault of this package; ``where`` is the line of it."""


def explain(error: BaseException) -> MmaqError:
    """The exception as one line with file, fault and remedy; a :class:`Bug` where it is ours."""
    if isinstance(error, MmaqError):
        return error
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno is not None and each.strerror is not None:
            where = each.filename or files_at_hand(error) or "the output disk"
            remedy = REMEDIES.get(each.errno, OTHER_REMEDY)
            return MmaqError(str(where), each.strerror, remedy)
        if isinstance(each, UnicodeEncodeError) and each.encoding in FILE_NAMES:
            fault = f"cannot be a file's name under the locale, whose encoding is {each.encoding}"
            return MmaqError(each.object, fault, "Set LC_ALL=C.UTF-8")
    where = files_at_hand(error)
    if _is_of_memory(error):
        remedy = "Give it more memory, fewer workers, a smaller area or a smaller batch"
        return MmaqError(where or "this machine", "memory ran out", remedy)
    package = (getattr(error, "name", None) or PACKAGE.name).split(".")[0]
    if isinstance(error, ImportError) and package != PACKAGE.name:
        extra = extra_of(package)
        remedy = (
            f"Install it: pip install 'mmaq[{extra}]'" if extra else "Install it again with pip"
        )
        return MmaqError(package, f"cannot be imported ({error})", remedy)
    if isinstance(error, BrokenProcessPool):
        fault = "a worker process was ended from outside, most likely because memory ran out"
        return MmaqError(where or "this machine", fault, "Give it more memory or fewer workers")
    library = _library(error)
    if library and where:
        fault = f"{library} could not use it ({_told(error)})"
        return MmaqError(where, fault, "Check that it is whole and what it should be")
    if library and type(error).__module__ != "builtins":
        return MmaqError(library, _told(error), "Look there for what it asks for")
    return Bug(_own_line(error), f"a bug ({_told(error)})", "Please report it")


def files_at_hand(error: BaseException) -> str:
    """The files that the innermost function of this package with any was at work on.

    A stage's own function has all its files at hand: they tell something only where it failed.
    """
    own = [frame for frame in _frames(error) if _is_ours(frame.f_code.co_filename)]
    for frame in reversed(own):
        if Path(frame.f_code.co_filename).name == "stage.py" and frame is not own[-1]:
            break
        paths = [value for value in frame.f_locals.values() if isinstance(value, Path)]
        named = dict.fromkeys(str(path) for path in paths if _is_file(path))
        if named:
            return " or ".join(list(named)[:MOST_NAMED])
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, and those that it was raised from or while handling."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _is_of_memory(error: BaseException) -> bool:
    # torch has a class of its own on a GPU, and says it in words on a CPU.
    words = ("can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _frames(error: BaseException) -> Iterator[FrameType]:
    for frame, _ in traceback.walk_tb(error.__traceback__):
        yield frame


def _library(error: BaseException) -> str:
    """The library that raised it, if one did: by where it was raised, or whose class it is."""
    frames = list(_frames(error))
    raised = Path(frames[-1].f_code.co_filename) if frames else PACKAGE
    ours = _is_ours(str(raised))  # a wheel puts the package itself among the libraries
    for folder in (*site.getsitepackages(), site.getusersitepackages()):
        if not ours and raised.is_relative_to(folder):
            return raised.relative_to(folder).parts[0].removesuffix(".py")
    # Compiled libraries leave no frame, but have classes of their own.
    owner = type(error).__module__.split(".")[0]
    if owner not in ("builtins", PACKAGE.name, "__main__"):
        return owner
    of_python = raised.is_relative_to(sysconfig.get_path("stdlib"))
    return "Python" if of_python and not ours else ""


def _is_ours(name: str) -> bool:
    return Path(name).is_relative_to(PACKAGE)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _own_line(error: BaseException) -> str:
    own = [
        f"{Path(frame.f_code.co_filename).relative_to(PACKAGE.parent)}:{number}"
        for frame, number in traceback.walk_tb(error.__traceback__)
        if _is_ours(frame.f_code.co_filename)
    ]
    return own[-1] if own else PACKAGE.name


def _told(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
