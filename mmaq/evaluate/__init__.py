"""Evaluation of all methods on one set of stations, into the benchmark table."""
