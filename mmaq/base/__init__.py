"""Plumbing that every room uses: errors, whole files, logs, paths, the sphere."""
