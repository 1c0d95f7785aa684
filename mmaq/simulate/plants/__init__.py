"""Scenes of simulated power plants, in the layout of the published data set and nothing else."""

from mmaq.simulate.plants.run import simulate_plants

__all__ = ["simulate_plants"]
