"""Where a run takes place: device, precision, memory and threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from mmaq.config.base import Precision


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Give torch ``count`` threads; the last bits of sums depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fits(needed: int, allowed: float) -> bool:
    """Whether ``needed`` bytes are within the share ``allowed`` of the device's free memory."""
    if torch.cuda.is_available():
        # This process's own device: to ask another would take some of its memory.
        place = os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0"))
        free, _ = torch.cuda.mem_get_info(int(place) % torch.cuda.device_count())
    else:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return needed <= allowed * free


def precision_of(asked: Precision) -> Literal["float32", "bf16"]:
    """The precision of a training: "auto" takes bf16 where the device computes in it.

    On a processor that has neither AVX512-BF16 nor AMX bf16 is slower than float32.
    """
    if asked != "auto":
        return asked
    processor = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if torch.cuda.is_available() or processor else "float32"


def computing_in(asked: Precision, place: torch.device) -> torch.autocast:
    """Convolutions and products of matrices on ``place`` in that precision; weights keep theirs."""
    return torch.autocast(place.type, torch.bfloat16, enabled=precision_of(asked) == "bf16")
