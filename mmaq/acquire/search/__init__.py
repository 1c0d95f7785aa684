"""What the services hold for a configuration, frozen in manifests before a byte is fetched."""

from mmaq.acquire.search.together import ASKED, search, settings_of

__all__ = ["ASKED", "search", "settings_of"]
