# SPDX-License-Identifier: MIT
"""The group server as a script, which lib/$PVM_ARCH/pvmgs runs in an isolated interpreter."""

import os.path
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from pvm3py.command import run
    from pvm3py.groupserver.__main__ import main

    sys.exit(run(main, "pvmgs"))
