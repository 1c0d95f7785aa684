"""The patch store (contract 3) and how it is made."""
