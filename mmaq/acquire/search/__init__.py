"""What the services hold for a configuration, frozen in manifests before a byte is fetched."""
