"""Splits, metrics, intervals and the bootstrap."""
