# SPDX-License-Identifier: MIT
"""The daemon as a script, which lib/$PVM_ARCH/pvmd3 runs in an isolated interpreter."""

import os.path
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # asyncio would load the TLS library: 20 ms and 4 MB for nothing.
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        from pvm3py.pvmd.main import main

        sys.exit(main())
    except MemoryError:
        sys.exit("pvmd: too little memory: raise the limit with `ulimit -v` and `ulimit -d`")
