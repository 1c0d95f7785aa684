"""Acquire: make the raw archive from products that the user has."""
