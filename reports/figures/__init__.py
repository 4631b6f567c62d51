"""One file per kind of figure; each makes a matplotlib figure of tables or records, or None where there is nothing."""
