"""``python -m benchmark`` is ``isdbench``."""
# PYTHON_ARGCOMPLETE_OK

import sys

from benchmark.cli import main

if __name__ == "__main__":
    sys.exit(main())
