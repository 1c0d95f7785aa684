"""Compiled numerics, whose machine code is kept on disk where a folder for it can be written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def njit(*, cache: bool, nogil: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """numba's ``njit``, which goes without a cache where there is no place for one.

    A shared installation and a container are often read-only, and so is the home of their user.
    numba refuses to compile there at all, when the module is imported.
    """

    def compile_function(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=cache, nogil=nogil)(function)
        except RuntimeError as fault:
            if "cannot cache" not in str(fault):
                raise
            return numba.njit(nogil=nogil)(function)

    return compile_function
