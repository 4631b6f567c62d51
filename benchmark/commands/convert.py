"""``isdbench convert SYSTEM OFFICIAL.pth OUT.safetensors``: a published checkpoint in our layout."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system and the two files."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("official", type=Path, help="the published file; nothing in it is executed")
    parser.add_argument("out", type=Path, help="the file to write, .safetensors")
