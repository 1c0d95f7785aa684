"""Land use: the site table from an archive, or from a published sample table."""

from mmaq.landuse.build import build_sites
from mmaq.landuse.published import build_published_sites

__all__ = ["build_published_sites", "build_sites"]
