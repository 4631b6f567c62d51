"""The table object: from records and printed values to cells, marks and captions."""
