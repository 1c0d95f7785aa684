"""The report: one self-contained page that opens offline."""
