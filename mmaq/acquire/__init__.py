"""Acquire: make the raw archive, from files that the user has or from the services."""
