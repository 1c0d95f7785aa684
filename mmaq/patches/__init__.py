"""The patch store (contract 3) and how it is made."""

from mmaq.patches.store import BANDS, PatchStore, open_store, write_store

__all__ = ["BANDS", "PatchStore", "open_store", "write_store"]
