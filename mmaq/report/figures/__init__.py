"""Figures of the report: each function turns a table into one matplotlib figure."""
