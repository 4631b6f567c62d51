"""Datasets, one file each; the synthetic world; reading, checking and preparing their folders."""
