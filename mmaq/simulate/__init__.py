"""The simulated country, one more satellite: it writes the raw archive and nothing else."""

from mmaq.simulate.run import simulate

__all__ = ["simulate"]
