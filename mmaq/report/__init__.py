"""The report: one self-contained page that opens offline."""

from mmaq.report.page import write_report

__all__ = ["write_report"]
