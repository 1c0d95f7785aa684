"""Pretraining, checkpoints of the encoders, fine-tuning and training from nothing.

Nothing is imported here: a stage names the modules that it needs, and an edit makes stale what
stands on it alone.
"""
