"""Files of a pretraining run, by the name of its method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Names:
    """Paths in the folder of checkpoints; runs of several methods can share one folder."""

    folder: Path
    method: str

    @property
    def last(self) -> Path:
        """The checkpoint that a stopped run goes on from; there only while a run goes on."""
        return self._named("_last.ckpt")

    @property
    def last_best(self) -> Path:
        """Weights of the best epoch so far; there only while a run goes on.

        A name of its own: Snakemake removes the declared outputs of a job that was stopped, and
        ``best`` is one, but what a run goes on from must stay.
        """
        return self._named("_last_best.ckpt")

    @property
    def final(self) -> Path:
        """The checkpoint of the last epoch, with optimiser and loss curves."""
        return self._named(".ckpt")

    @property
    def best(self) -> Path:
        """Weights of the epoch with the lowest training loss."""
        return self._named("_best.ckpt")

    @property
    def s2_only(self) -> Path:
        """The Sentinel-2 encoder of the best epoch alone."""
        return self._named("_s2_only.ckpt")

    @property
    def losses(self) -> Path:
        """Loss curves, a row a step."""
        return self._named("_losses.csv")

    @property
    def card(self) -> Path:
        """The model card."""
        return self._named(".md")

    def remove_remains(self) -> None:
        """Remove what a killed process left half-written."""
        for path in (self.last, self.last_best, self.losses):
            for remains in self.folder.glob(f".{path.stem}.*.part{path.suffix}"):
                remains.unlink()

    def _named(self, end: str) -> Path:
        return self.folder / f"{self.method}{end}"
