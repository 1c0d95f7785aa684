"""Acquire: make the raw archive from products that the user has."""

from mmaq.acquire.files.catalogue import catalogue

__all__ = ["catalogue"]
