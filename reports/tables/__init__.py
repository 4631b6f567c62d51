"""The table object: from records and printed figures to cells, marks and captions."""
