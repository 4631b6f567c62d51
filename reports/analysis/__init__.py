"""Rank orders, and how far ours agree with the paper's."""
