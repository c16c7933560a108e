"""The doctor: what is reachable, what lags, what is missing, and what to do about it."""

from tinyflow_nb.doctor.examine import examine
from tinyflow_nb.doctor.finding import Finding, Report

__all__ = ["Finding", "Report", "examine"]
