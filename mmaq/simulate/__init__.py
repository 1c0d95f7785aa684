"""The simulated country, one more satellite: it writes the raw archive and nothing else."""
