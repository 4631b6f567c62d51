"""Peak memory of one call, by every available probe."""
