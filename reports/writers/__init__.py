"""One file per format; each renders the same table object and escapes all foreign text in its own way."""
