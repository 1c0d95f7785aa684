"""What the services hold for a configuration, frozen in manifests before a byte is fetched."""

from mmaq.acquire.search.together import search

__all__ = ["search"]
