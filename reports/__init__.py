"""Table objects and their writers: a report reads records and the paper's values, and never measures."""
