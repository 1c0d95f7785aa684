"""Encoders: images, columns and tables to embeddings."""

from mmaq.models.encoders import MODALITIES, Encoders

__all__ = ["MODALITIES", "Encoders"]
