"""Losses of the self-supervised methods."""
