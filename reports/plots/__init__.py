"""Figures (pictures) drawn from records, written as PDF and PNG."""
