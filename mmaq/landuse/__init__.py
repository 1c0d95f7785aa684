"""Land use: the site table from an archive, or from a published sample table."""
