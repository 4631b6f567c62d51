"""Datasets, one file each; the synthetic dataset; reading, checking and preparing their folders."""
