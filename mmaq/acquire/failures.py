"""Products that failed after all retries: listed, while the rest goes on."""

from __future__ import annotations

import logging
from pathlib import Path

from mmaq.errors import MmaqError, ServiceError
from mmaq.files import write_json

log = logging.getLogger(__name__)


class Failures:
    """Faults by product, kept in ``failed_<name>.json`` beside the manifest.

    ``total`` is the number of products asked for, ``tolerated`` the share of them that may fail.
    """

    def __init__(self, manifest: Path, name: str, total: int, tolerated: float) -> None:
        self.path = manifest.parent / f"failed_{name}.json"
        self.name, self.total, self.tolerated = name, total, tolerated
        self._faults: dict[str, str] = {}

    def add(self, product: str, error: MmaqError) -> None:
        """Note that a product failed; of one that failed twice the first fault stays."""
        if product not in self._faults:
            log.warning("%s failed: %s", product, error)
            self._faults[product] = str(error)

    def __contains__(self, product: str) -> bool:
        return product in self._faults

    @property
    def too_many(self) -> bool:
        """Whether more products failed than are tolerated."""
        return len(self._faults) > self.tolerated * self.total

    def settle(self) -> None:
        """Write the list, or take an older one away when nothing failed.

        Raises:
            ServiceError: more products failed than are tolerated.
        """
        if not self._faults:
            self.path.unlink(missing_ok=True)
            return
        failed = [{"id": key, "fault": self._faults[key]} for key in sorted(self._faults)]
        write_json(self.path, {"failed": failed, "of": self.total})
        if self.too_many:
            first = failed[0]
            fault = (
                f"{len(failed)} of {self.total} products failed, the first {first['id']}: "
                f"{first['fault'].rstrip('.')} (all are listed in {self.path})"
            )
            remedy = "Run the same command again: it goes on from what is complete"
            raise ServiceError(self.name, fault, remedy)
