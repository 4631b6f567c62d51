"""Scores of a trained system: confusion matrices and the metrics computed from them."""
