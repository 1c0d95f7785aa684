"""Scenes of simulated power plants, in the layout of the published data set and nothing else."""
