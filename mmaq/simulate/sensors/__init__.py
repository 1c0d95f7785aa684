"""The simulated satellites: they see the world's cover and column, never a label."""
