"""The simulated country, version 1: its land, its people, its air."""
