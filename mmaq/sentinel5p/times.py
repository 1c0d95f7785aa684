"""Times of observation as granules store them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np

from mmaq.sentinel5p.stored import Stored

EPOCH = datetime(2010, 1, 1, tzinfo=timezone.utc)
EPOCH_UNITS = "seconds since 2010-01-01 00:00:00"
_SECONDS = {"milliseconds": 1e-3, "seconds": 1.0, "s": 1.0, "days": 86400.0}
_UNITS = re.compile(r"(\w+)(?: since (\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d))?)?")


def seconds_of(parts: Sequence[Stored], rows: slice, shape: tuple[int, ...]) -> np.ndarray:
    """Seconds since 2010-01-01 UTC of each pixel, of ``shape`` (rows[, pixels]).

    ``parts`` are a HARP file's ``datetime_start``, or the official reference ``time`` and
    ``delta_time``, milliseconds after it (product user manual, section on time). NaN where there
    are none, or in a unit that is none of these: times are told, not calculated with.
    """
    column = (-1, *(1,) * (len(shape) - 1))
    total = np.zeros(column[1:])
    for number, part in enumerate(parts):
        match = _UNITS.match(part.text("units"))
        if match is None or match[1] not in _SECONDS:
            return np.full(shape, np.nan)
        own_rows = rows if part.number_of_rows > 1 else slice(0, 1)
        seconds = part.values(own_rows).astype(np.float64) * _SECONDS[match[1]]
        # The second part counts from the first, whatever its unit says it counts from.
        total = total + seconds.reshape(column) + (0.0 if number else _offset(match))
    return np.broadcast_to(total if parts else np.nan, shape)


def _offset(match: re.Match[str]) -> float:
    if not match[2]:
        return 0.0
    start = datetime.fromisoformat(f"{match[2]}T{match[3] or '00:00:00'}+00:00")
    return (start - EPOCH).total_seconds()
