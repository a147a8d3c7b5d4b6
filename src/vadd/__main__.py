"""``python -m vadd``."""

import sys

from vadd.cli import main

if __name__ == "__main__":
    sys.exit(main())
