"""What predicts a concentration: references, kriging, probes, networks."""
