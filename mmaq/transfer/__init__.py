"""Transfer tasks: what a power plant burns, and where its plume is."""
