"""Weights files: ImageNet weights, published checkpoints, ours."""
