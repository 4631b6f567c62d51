"""Rankings, and how far they agree with the paper's."""
