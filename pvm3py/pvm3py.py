# SPDX-License-Identifier: MIT
"""The command pvm3py as a script, which lib/$PVM_ARCH/pvm3py runs in an isolated interpreter."""

import os.path
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from pvm3py.__main__ import run_pvm3py

    sys.exit(run_pvm3py())
