"""From a manifest to the raw archive: fetched, verified, catalogued, and restarted at will."""
