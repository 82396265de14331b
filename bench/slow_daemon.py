# SPDX-License-Identifier: MIT
"""Our daemon with a handler that sleeps 5 ms twenty times a second.

Usage: ``python -I -S slow_daemon.py MODULES [pvmd3 arguments]``, where MODULES is the
directory that holds the package pvm3py. Forwarding must not notice the sleeps.
"""

import asyncio
import sys
import time

sys.path.insert(0, sys.argv.pop(1))
sys.argv[0] = "pvmd3"

SLEEP = 0.005
PERIOD = 0.05

run_forever = asyncio.base_events.BaseEventLoop.run_forever


def run_with_handler(loop: asyncio.base_events.BaseEventLoop) -> None:
    """As run_forever, with the sleeping handler."""
    handler(loop)
    run_forever(loop)


def handler(loop: asyncio.base_events.BaseEventLoop) -> None:
    """Sleep, and again after PERIOD."""
    loop.call_later(PERIOD, handler, loop)
    time.sleep(SLEEP)


if __name__ == "__main__":
    asyncio.base_events.BaseEventLoop.run_forever = run_with_handler  # type: ignore[method-assign]
    from pvm3py.pvmd.main import main

    sys.exit(main())
