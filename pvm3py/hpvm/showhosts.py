# SPDX-License-Identifier: MIT
"""`hpvm hosts`: is a hosts file right, and who is in it?"""

from __future__ import annotations

import argparse
import sys

from pvm3py.hpvm.hosts import BadHosts, Host, Hosts


def main(arguments: list[str], program: str) -> int:
    """Check the file, and print a line for each host; the exit status."""
    parser = argparse.ArgumentParser(
        prog=program, description="Check a hosts file, and show its hosts."
    )
    parser.add_argument("file", nargs="?", help="default: the one that a program here would find")
    options = parser.parse_args(arguments)
    try:
        with Hosts(options.file) as hosts:
            hosts.place()
            print(f"{hosts.path}: clients call back at {hosts.callback}")
            for host in hosts:
                print(line(host))
    except BadHosts as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def line(host: Host) -> str:
    """A host in words."""
    words = [f"{host.name:<20} {host.address:<16}"]
    words += ["this machine"] if host.is_here else []
    words += [f"cpus={host.cpus}"] if host.cpus else []
    words += [f"export={host.exports}"] if host.exports else []
    words += [host.options] if host.options else []
    return " ".join(words).rstrip()
