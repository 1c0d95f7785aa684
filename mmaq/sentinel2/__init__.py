"""Windows around sites, cut from Sentinel-2 L2A products."""

from mmaq.sentinel2.cut import Windows, cut_windows

__all__ = ["Windows", "cut_windows"]
