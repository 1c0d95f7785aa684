"""Losses of self-supervised learning."""
