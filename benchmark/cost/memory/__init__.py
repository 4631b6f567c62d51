"""Peak memory of one call, by every probe at hand."""
