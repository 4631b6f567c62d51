"""The dashboard: one HTML file that works from disk, with tables, plots, records, images and the audit."""
