"""Talking to servers: addresses, credentials, retries, downloads that resume, remote rasters."""
