"""From a table to records: cells, profiles, and the processes that measure them."""
