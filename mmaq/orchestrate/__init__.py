"""Two tools around the one workflow: DVC, which versions what it makes, and its records."""

from mmaq.orchestrate.dvc_file import dvc_yaml, write_dvc_yaml
from mmaq.orchestrate.sync import sync

__all__ = ["dvc_yaml", "sync", "write_dvc_yaml"]
