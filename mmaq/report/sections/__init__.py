"""The sections of the page: each reads the material and gives its content, or none."""
