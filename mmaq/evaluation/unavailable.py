"""What the data at hand cannot give: a skipped row with its reason, never a failed stage."""

from __future__ import annotations


class Unavailable(Exception):
    """A split or a method that these data cannot give. ``str(error)`` is the row's reason."""
