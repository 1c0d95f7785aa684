"""Windows around sites, cut from Sentinel-2 L2A products."""
