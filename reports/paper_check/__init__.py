"""The paper's claims and printed values, recomputed."""
