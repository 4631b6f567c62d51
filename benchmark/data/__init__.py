"""Datasets, one file each, and the synthetic world."""
