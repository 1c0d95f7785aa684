"""Two tools around the one workflow: DVC, which versions what it makes, and its records."""
