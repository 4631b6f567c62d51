"""Parts that several rivals share: weights, losses and the nets that no library has."""
