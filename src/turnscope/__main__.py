"""``python -m turnscope`` is ``turnscope``."""

import sys

from turnscope.cli import main

if __name__ == "__main__":
    sys.exit(main())
