# SPDX-License-Identifier: MIT
"""`hpvm start`: the machine of a hosts file, which goes on running."""

from __future__ import annotations

import argparse
import sys

from pvm3py.hpvm.hosts import BadHosts, Hosts, leave


def main(arguments: list[str], program: str) -> int:
    """Start or complete the machine; the exit status, 0 although a host may take no part."""
    parser = argparse.ArgumentParser(
        prog=program, description="Start or complete the machine of a hosts file."
    )
    parser.add_argument("file", nargs="?", help="default: the one that a program here would find")
    options = parser.parse_args(arguments)
    try:
        with Hosts(options.file) as hosts:
            hosts.place()
            return _complete(hosts, program)
    except BadHosts as error:
        print(error, file=sys.stderr)
        return 1


def _complete(hosts: Hosts, program: str) -> int:
    code = hosts.complete(lambda line: print(f"{program}: {line}", file=sys.stderr))
    if code < 0:
        print(f"{program}: the machine cannot be started: PVM says {code}", file=sys.stderr)
        return 1
    taking_part = [host.name for host in hosts if host.daemon]
    leave()
    what = "started" if code else "the machine was running already"
    print(f"{what}; hosts: {' '.join(taking_part) or 'none'}")
    return 0
