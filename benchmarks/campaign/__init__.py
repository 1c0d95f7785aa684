"""A campaign against silent faults: ``python -m benchmarks.campaign --help``."""
