"""One file per rival system: its cards at the top, torch-free, and ``build``."""
