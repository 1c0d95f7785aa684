"""What lies on the ground: stations with their measurements, maps, and the published data."""
