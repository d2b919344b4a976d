"""python -m workbench.ui.guest: what `process.start` starts."""

import sys

from workbench.ui.guest.process import main

if __name__ == "__main__":
    sys.exit(main())
