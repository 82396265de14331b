# SPDX-License-Identifier: MIT
"""A web service that farms its work out: aiohttp, and a pool of workers.

    python web_service.py [PORT]

GET /primes/N answers how many primes there are below N. While workers count, the service goes on
answering.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from pvm3py.futures import PvmPoolExecutor


def primes_below(limit: int) -> int:
    """Count the primes below a limit."""
    sieve = bytearray([1]) * limit
    sieve[:2] = bytes(min(limit, 2))
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return sum(sieve)


async def count(request: web.Request) -> web.Response:
    """Answer one request."""
    limit = int(request.match_info["limit"])
    loop = asyncio.get_running_loop()
    number = await loop.run_in_executor(request.app[POOL], primes_below, limit)
    return web.json_response({"below": limit, "primes": number})


POOL = web.AppKey("pool", PvmPoolExecutor)


def service(pool: PvmPoolExecutor) -> web.Application:
    """The service with its workers."""
    app = web.Application()
    app[POOL] = pool
    app.add_routes([web.get(r"/primes/{limit:\d{1,8}}", count)])
    return app


def main() -> None:
    """Serve until Ctrl-C."""
    with PvmPoolExecutor() as pool:
        web.run_app(service(pool), host="127.0.0.1", port=int((sys.argv[1:] or ["8080"])[0]))


if __name__ == "__main__":
    main()
