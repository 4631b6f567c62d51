"""Scores of a trained system: confusion matrices and the figures that follow from them."""
