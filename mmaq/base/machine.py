"""What this machine has for jobs."""

from __future__ import annotations

import os
from pathlib import Path

SHARE = 0.9
"""Of the memory, for jobs; the rest is the system's."""

LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a container's limit stands (cgroups of version 2 and 1); "max" is none."""


def memory_mb(limits: tuple[Path, ...] = LIMITS) -> int:
    """Megabytes that the jobs of this machine, or of this container, may take together."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in limits:
        text = path.read_text(encoding="utf-8").strip() if path.exists() else "max"
        found += [int(text)] if text.isdigit() else []
    return int(SHARE * min(found) / 1e6)
