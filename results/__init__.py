"""What was measured (records) and what the paper printed."""
