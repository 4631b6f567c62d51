"""The paper's claims and printed figures, recomputed."""
