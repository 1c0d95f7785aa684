"""LightGBM, whose OpenMP runtime is PyTorch's.

LightGBM asks the system for ``libgomp.so.1``, which a bare container or cluster node lacks, and
PyTorch brings one of that name. It is loaded first, so that LightGBM finds it.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path


def _load_runtime() -> None:
    torch = find_spec("torch")  # does not import it, which takes a second
    if torch is not None and torch.origin is not None:
        runtime = Path(torch.origin).parent / "lib" / "libgomp.so.1"
        if runtime.is_file():
            ctypes.CDLL(str(runtime))


_load_runtime()

import lightgbm as lightgbm  # noqa: E402
from lightgbm.basic import LightGBMError as LightGBMError  # noqa: E402
